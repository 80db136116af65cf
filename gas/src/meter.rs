//! The meter: a limit, what was used, and the bill by class.

use ssz_rs::prelude::*;
use thiserror::Error;

/// Gas used by class, in gas. The classes add up to the gas used.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, SimpleSerialize, serde::Serialize)]
pub struct Bill {
    /// Base prices of the instructions that were executed.
    pub instructions: u64,
    /// Pages touched first in the call, and what bulk operations move.
    pub memory: u64,
    /// Bytes and planes that were allocated, pages that were released, frames that were moved.
    pub allocation: u64,
    /// Host calls: base, bytes, topics and what the embedder asks.
    pub host: u64,
}

/// What one instruction costs, by class, in gas. It is charged whole or not at all.
pub type Charge = Bill;

impl Bill {
    /// The sum of the classes, or `None` above `u64::MAX`.
    #[inline]
    pub fn total(&self) -> Option<u64> {
        let Self { instructions, memory, allocation, host } = *self;
        instructions.checked_add(memory)?.checked_add(allocation)?.checked_add(host)
    }

    /// Both, class by class; a class that would be above `u64::MAX` is `u64::MAX`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.saturating_add(other.instructions),
            memory: self.memory.saturating_add(other.memory),
            allocation: self.allocation.saturating_add(other.allocation),
            host: self.host.saturating_add(other.host),
        }
    }
}

/// The limit does not pay for what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("out of gas: {needed} needed, {remaining} left")]
pub struct OutOfGas {
    /// What the operation costs, in gas (`u64::MAX` where the sum of its parts is even larger).
    pub needed: u64,
    /// What was left, in gas.
    pub remaining: u64,
}

/// Counts gas up to a limit. What is used never goes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    limit: u64,
    used: u64,
    bill: Bill,
}

impl Meter {
    /// A meter that has used nothing, with a limit in gas.
    pub fn new(limit: u64) -> Self {
        Self { limit, used: 0, bill: Bill::default() }
    }

    /// The limit, in gas.
    #[inline]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Gas used so far.
    #[inline]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Gas left.
    #[inline]
    pub fn remaining(&self) -> u64 {
        self.limit - self.used
    }

    /// Gas used so far, by class.
    pub fn bill(&self) -> Bill {
        self.bill
    }

    /// Raises the limit by `gas`, at most to `u64::MAX`.
    pub fn add_limit(&mut self, gas: u64) {
        self.limit = self.limit.saturating_add(gas);
    }

    /// Whether the remaining gas pays for `charge`; using exactly all of it is fine.
    ///
    /// # Errors
    /// [`OutOfGas`] if it does not.
    #[inline]
    pub fn check(&self, charge: &Charge) -> Result<(), OutOfGas> {
        let remaining = self.remaining();
        match charge.total() {
            Some(needed) if needed <= remaining => Ok(()),
            total => Err(OutOfGas { needed: total.unwrap_or(u64::MAX), remaining }),
        }
    }

    /// Charges all of `charge`, or nothing.
    ///
    /// # Errors
    /// [`OutOfGas`] if the remaining gas does not pay for it; the meter is unchanged.
    #[inline]
    pub fn charge(&mut self, charge: Charge) -> Result<(), OutOfGas> {
        self.check(&charge)?;
        // Nothing overflows: every class is at most the sum, and the sum is at most the limit.
        self.bill.instructions += charge.instructions;
        self.bill.memory += charge.memory;
        self.bill.allocation += charge.allocation;
        self.bill.host += charge.host;
        self.used += charge.instructions + charge.memory + charge.allocation + charge.host;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_gas_can_be_used_and_not_one_more() {
        let mut meter = Meter::new(10);
        meter.charge(Charge { instructions: 4, memory: 3, allocation: 2, host: 1 }).unwrap();
        assert_eq!((meter.used(), meter.remaining()), (10, 0));
        let refused = meter.charge(Charge { instructions: 1, ..Charge::default() });
        assert_eq!(refused, Err(OutOfGas { needed: 1, remaining: 0 }));
        meter.add_limit(1);
        meter.charge(Charge { instructions: 1, ..Charge::default() }).unwrap();
        assert_eq!(meter.bill().total(), Some(meter.used()));
    }

    #[test]
    fn a_charge_beyond_all_limits_is_refused() {
        let mut meter = Meter::new(u64::MAX);
        let charge = Charge { instructions: u64::MAX, memory: 1, ..Charge::default() };
        assert_eq!(meter.charge(charge), Err(OutOfGas { needed: u64::MAX, remaining: u64::MAX }));
        assert_eq!(meter, Meter::new(u64::MAX));
    }
}
