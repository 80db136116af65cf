//! Work on several threads where there is enough of it. The result does not depend on how many there are.

use std::sync::LazyLock;
use std::thread;

/// Threads that this machine can run at once. Asking costs more than hashing a page, so it is done once.
static THREADS: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));

/// Calls `work` on consecutive parts that make up `items`, on as many threads as leave each of them `least` items or more.
pub(crate) fn for_each_part<T: Sync>(items: &[T], least: usize, work: impl Fn(&[T]) + Sync) {
    if items.len() < 2 * least {
        return work(items);
    }
    let threads = (*THREADS).min(items.len() / least);
    let mut parts = items.chunks(items.len().div_ceil(threads));
    let own = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| work(part));
        }
        work(own);
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 7, 8, 9, 100, 1001] {
            let items: Vec<usize> = (0..count).collect();
            let seen = Mutex::new(Vec::new());
            for_each_part(&items, 4, |part| {
                assert!(part.len() >= 4 || count < 8, "{} of {count}", part.len());
                seen.lock().unwrap().extend_from_slice(part);
            });
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, items);
        }
    }
}
