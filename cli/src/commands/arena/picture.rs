//! A picture of a sector: its pages from the first to the last, several to a character.

use travertine_arena::{RunKind, RunSummary};

const WIDTH: usize = 64;
const ROWS: usize = 8;

/// What the characters stand for.
pub(super) const LEGEND: &str =
    ". free  # allocated  = blocks in use  - blocks, few in use  + given back  ! at work  ? unclear";

fn character(kind: RunKind) -> char {
    match kind {
        RunKind::Free => '.',
        RunKind::Allocated { .. } => '#',
        RunKind::Slab { blocks, used, .. } if used >= blocks / 2 => '=',
        RunKind::Slab { .. } => '-',
        RunKind::Acked => '+',
        RunKind::Busy { .. } => '!',
        _ => '?',
    }
}

/// Pages that one character stands for.
pub(super) fn scale(pages: u32) -> u32 {
    pages.div_ceil(u32::try_from(WIDTH * ROWS).unwrap_or(u32::MAX))
}

/// The rows. A character is that of the run that has most of its pages.
pub(super) fn rows(pages: u32, runs: &[RunSummary]) -> Vec<String> {
    let scale = scale(pages);
    let mut cells = vec![(0, ' '); pages.div_ceil(scale) as usize];
    for run in runs {
        let end = run.page.saturating_add(run.pages).min(pages);
        let mut page = run.page;
        while page < end {
            let cell = page / scale;
            let next = end.min((cell + 1).saturating_mul(scale));
            let most = &mut cells[cell as usize];
            if next - page > most.0 {
                *most = (next - page, character(run.kind));
            }
            page = next;
        }
    }
    let characters: Vec<char> = cells.into_iter().map(|(_, character)| character).collect();
    characters.chunks(WIDTH).map(|row| row.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_that_of_most_of_its_pages() {
        let run = |page, pages, kind| RunSummary { page, pages, kind };
        let slab = |used| RunKind::Slab { block_bytes: 32, blocks: 10, used };
        let runs = [
            run(0, 3, RunKind::Allocated { owner: 1 }),
            run(3, 1021, RunKind::Free),
            run(1024, 2, slab(1)),
            run(1026, 4, slab(9)),
            run(1030, 1, RunKind::Acked),
        ];
        let rows = rows(1031, &runs);
        assert_eq!((scale(1031), rows.len(), rows[0].len()), (3, 6, 64));
        assert_eq!(rows[0], format!("#{}", ".".repeat(63)));
        assert_eq!(&rows[5][20..], ".-==");
        assert_eq!(super::rows(3, &runs[..1]), ["###"]);
    }
}
