//! The decoded code of an engine's programs, by their roots: bounded, and shared by all machines and threads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use travertine_merkle::Hash;

use super::code::ThreadedCode;
use crate::program::Program;

/// The most programs that are kept.
const MAX_PROGRAMS: usize = 256;
/// What the kept programs may take together, in bytes. It is checked when a program joins.
const MAX_BYTES: usize = 256 << 20;

/// Code by the root of its program. Machines hold what they run, so that it can be dropped here at any time.
#[derive(Debug, Default)]
pub(crate) struct CodeCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// With the time of their last use.
    programs: BTreeMap<Hash, (u64, Arc<ThreadedCode>)>,
    /// Counts uses.
    time: u64,
}

impl CodeCache {
    /// The code of a program.
    pub(crate) fn get(&self, program: &Program) -> Arc<ThreadedCode> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.time += 1;
        let time = kept.time;
        if let Some((used, code)) = kept.programs.get_mut(&program.root()) {
            *used = time;
            return code.clone();
        }
        let code = Arc::new(ThreadedCode::new(program.image()));
        kept.insert(program.root(), time, code.clone());
        code
    }

    /// Keeps `code` instead of what was kept for the program.
    pub(crate) fn replace(&self, program: &Program, code: Arc<ThreadedCode>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.time += 1;
        let time = kept.time;
        kept.insert(program.root(), time, code);
    }
}

impl Kept {
    fn insert(&mut self, root: Hash, time: u64, code: Arc<ThreadedCode>) {
        self.programs.insert(root, (time, code));
        while self.programs.len() > 1 && (self.programs.len() > MAX_PROGRAMS || self.bytes() > MAX_BYTES) {
            let oldest = self.programs.iter().min_by_key(|(_, (used, _))| *used).map(|(&root, _)| root);
            oldest.and_then(|root| self.programs.remove(&root));
        }
    }

    fn bytes(&self) -> usize {
        self.programs.values().map(|(_, code)| code.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use travertine_memory::Permissions;

    use super::*;
    use crate::image::{Image, Segment};

    fn program(number: u16) -> Program {
        let [low, high] = number.to_le_bytes();
        let data = vec![0x13, 0, 0, 0, low, high];
        let segment =
            Segment { address: 0x1_0000, memory_size: 4096, data, permissions: Permissions::READ_EXECUTE };
        Program::new(Image::new(0x1_0000, vec![segment]).unwrap())
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = CodeCache::default();
        let first = cache.get(&program(0));
        let second = cache.get(&program(1));
        for number in 2..u16::try_from(MAX_PROGRAMS).unwrap() {
            cache.get(&program(number));
        }
        assert!(Arc::ptr_eq(&first, &cache.get(&program(0))), "equal programs share their code");
        cache.get(&program(9999));
        assert!(Arc::ptr_eq(&first, &cache.get(&program(0))));
        assert!(!Arc::ptr_eq(&second, &cache.get(&program(1))), "the limit holds");
    }
}
