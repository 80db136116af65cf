//! Gas: the schedule of prices, what operations cost by it, the meter that charges them, the bill by class, and refunds.
//!
//! One gas is about one simple integer instruction. Whatever charges, and whoever wants to know a cost beforehand, asks
//! [`Schedule::cost`] about an [`Operation`]; the schedule's root is part of the machine's state, so that two nodes with
//! different schedules cannot agree by accident.
//!
//! ```
//! use travertine_gas::{Meter, Operation, Schedule};
//!
//! let schedule = Schedule::memory3d();
//! let store = schedule.cost(&Operation::Store { bytes: 256 });
//! assert_eq!(store.total(), Some(527));
//! assert_eq!(schedule.cost(&"allocate 256".parse()?).total(), Some(276));
//!
//! let mut meter = Meter::new(1000);
//! meter.charge(store)?;
//! assert_eq!((meter.used(), meter.bill().instructions), (527, 527));
//! assert!(meter.charge(store).is_err());
//! assert_eq!(meter.used(), 527, "what cannot be paid in full is not charged at all");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod cost;
mod meter;
mod operation;
mod refund;
mod schedule;

pub use meter::{Bill, Charge, Meter, OutOfGas};
pub use operation::{Operation, OperationError, OperationForm, PlaneKind, PlaneKindError};
pub use refund::{REFUND_QUOTIENT, Refunds};
pub use schedule::{MAX_PRICE, NamedSchedule, SCHEDULE_VERSION, Schedule, ScheduleError};
