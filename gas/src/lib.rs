//! Gas: the schedule of prices, the meter that charges them, and the bill by class.
//!
//! One gas is about one simple integer instruction of the interpreter. Everything that charges reads the same
//! [`Schedule`]; its root is part of the machine's state, so that two nodes with different schedules cannot agree by
//! accident.
//!
//! ```
//! use travertine_gas::{Charge, Meter, Schedule};
//!
//! let schedule = Schedule::default();
//! let mut meter = Meter::new(100);
//! meter.charge(Charge { instructions: schedule.load, memory: 0, host: 90 })?;
//! assert_eq!(meter.used(), schedule.load + 90);
//! assert_eq!(meter.bill().host, 90);
//! assert!(meter.charge(Charge { host: 100, ..Charge::default() }).is_err());
//! assert_eq!(meter.used(), schedule.load + 90, "what cannot be paid in full is not charged at all");
//! # Ok::<(), travertine_gas::OutOfGas>(())
//! ```

#![forbid(unsafe_code)]

mod meter;
mod schedule;

pub use meter::{Bill, Charge, Meter, OutOfGas};
pub use schedule::{MAX_PRICE, SCHEDULE_VERSION, Schedule, ScheduleError};
