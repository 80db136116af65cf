//! What loads and stores owe for pages that are not in their places, said again in the plainest way: docs/gas.md says the rule.

use std::collections::BTreeMap;

use travertine_gas::Schedule;

/// Where pages are, in a call.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// By place, the number of the page there.
    held: BTreeMap<u64, u64>,
    /// By page, how many pages had been put in places when it was, itself included.
    put: BTreeMap<u64, u64>,
    changes: u64,
    /// Near and far recalls until now.
    pub recalls: [u64; 2],
}

/// The place that a page's number leads to.
fn place(page: u64) -> u64 {
    [page, page / 256, page / 65_536].into_iter().fold(0, |place, part| place ^ (part % 256))
}

impl Places {
    /// What a load or store of these pages owes, in gas, of which each is touched first by it or not. They are in their places then.
    pub fn access(&mut self, schedule: &Schedule, pages: &[(u64, bool)]) -> u64 {
        let away: Vec<_> =
            pages.iter().filter(|(page, _)| self.held.get(&place(*page)) != Some(page)).collect();
        let mut owed = 0;
        for (page, _) in away.iter().filter(|(_, is_first)| !is_first) {
            let is_far = self.changes - self.put.get(page).copied().unwrap_or(0) >= 1_024;
            self.recalls[usize::from(is_far)] += 1;
            owed += if is_far { schedule.page_far_recall } else { schedule.page_recall };
        }
        for (page, _) in away {
            self.changes += 1;
            self.held.insert(place(*page), *page);
            self.put.insert(*page, self.changes);
        }
        owed
    }

    /// Pages that are gone from their addresses; what comes there later is another page.
    pub fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        self.put.retain(|page, _| is_there(*page));
    }
}
