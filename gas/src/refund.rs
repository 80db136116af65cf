//! Refunds: what a call gets back for planes that it grew and released again.

use crate::operation::PlaneKind;
use crate::schedule::Schedule;

/// A call gets back at most its gas used divided by this.
pub const REFUND_QUOTIENT: u64 = 5;

/// The refund counter of a call, apart from the meter.
///
/// It is credited half of what the growth of a plane cost *in this call*, when that plane is released. Planes count as
/// they are paid, the last one grown being the first released. So no sequence of operations that leaves the planes as they
/// were makes a call cheaper.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Refunds {
    counter: u64,
    /// For each kind the fewest planes that the call has had: all above them were paid in this call.
    floors: [Option<u64>; PlaneKind::ALL.len()],
}

impl Refunds {
    /// The counter, in gas.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Takes note that the regions of `kind` had `before` planes together and have `after` now.
    pub fn planes_changed(&mut self, schedule: &Schedule, kind: PlaneKind, before: u64, after: u64) {
        let floor = self.floors[kind as usize].get_or_insert(before);
        let paid = schedule.growth(kind, after.max(*floor), before);
        self.counter = self.counter.saturating_add(paid / 2);
        *floor = after.min(*floor);
    }

    /// What is paid back at the end of a call that succeeded and used this much gas, in gas.
    pub fn payable(&self, used: u64) -> u64 {
        self.counter.min(used / REFUND_QUOTIENT)
    }
}
