//! The schedule: one integer price for everything that is charged, as an SSZ container with a root and as JSON.

use ssz_rs::prelude::*;
use thiserror::Error;
use travertine_merkle::Hash;

/// The version of the schedule's fields.
pub const SCHEDULE_VERSION: u64 = 1;

/// The highest price, in gas: small enough that no sum of prices within one instruction overflows.
pub const MAX_PRICE: u64 = u32::MAX as u64;

/// Declares the schedule's prices once: the container, its default, and the walk over its fields derive from it.
macro_rules! schedule {
    ($($(#[$doc:meta])* $price:ident: $default:literal,)*) => {
        /// The price of everything that is charged, in gas.
        ///
        /// An SSZ container of `uint64` fields in this order. In JSON every field must be there, and no other.
        #[derive(Debug, Clone, PartialEq, Eq, SimpleSerialize, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Schedule {
            /// [`SCHEDULE_VERSION`].
            pub version: u64,
            $($(#[$doc])* pub $price: u64,)*
        }

        impl Default for Schedule {
            fn default() -> Self {
                Self { version: SCHEDULE_VERSION, $($price: $default,)* }
            }
        }

        impl Schedule {
            /// Name and price of every field but the version, in order.
            pub fn prices(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($price), self.$price),)*].into_iter()
            }
        }
    };
}

schedule! {
    /// An integer operation on registers.
    arithmetic: 1,
    /// A multiplication.
    multiply: 2,
    /// A division or remainder.
    divide: 8,
    /// A load, of any width.
    load: 2,
    /// A store, of any width.
    store: 2,
    /// A conditional branch, taken or not.
    branch: 2,
    /// An unconditional jump.
    jump: 2,
    /// An atomic memory operation.
    atomic: 4,
    /// A fence.
    fence: 1,
    /// `ecall` and `ebreak` themselves; what is called is charged on top.
    system: 2,
    /// The first load from a page in a call.
    page_first_read: 300,
    /// The first store to a page in a call: its copy, and its hashing at settle.
    page_first_write: 8000,
    /// Any host call.
    host_call: 100,
    /// Each byte that a host call moves.
    host_byte: 1,
    /// Each topic of an event.
    log_topic: 40,
}

/// Why a schedule was refused.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// It is not the JSON of a schedule.
    #[error("the gas schedule is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("the gas schedule has version {0}, this machine knows version {SCHEDULE_VERSION}")]
    Version(u64),
    /// A price is zero or too high. Free operations are attacks.
    #[error("the price `{name}` is {price}; it must be 1 to {MAX_PRICE}")]
    Price {
        /// The field.
        name: &'static str,
        /// Its value, in gas.
        price: u64,
    },
}

impl Schedule {
    /// Reads and validates the JSON form.
    ///
    /// # Errors
    /// [`ScheduleError`] for anything but a complete, valid schedule.
    pub fn from_json(json: &str) -> Result<Self, ScheduleError> {
        let schedule: Self = serde_json::from_str(json)?;
        schedule.validate()?;
        Ok(schedule)
    }

    /// The JSON form, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a struct of integers has a JSON form")
    }

    /// Checks the version and that every price is 1 to [`MAX_PRICE`].
    ///
    /// # Errors
    /// [`ScheduleError`] naming the field and its value.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        if self.version != SCHEDULE_VERSION {
            return Err(ScheduleError::Version(self.version));
        }
        match self.prices().find(|&(_, price)| price == 0 || price > MAX_PRICE) {
            Some((name, price)) => Err(ScheduleError::Price { name, price }),
            None => Ok(()),
        }
    }

    /// The SSZ hash tree root.
    pub fn root(&self) -> Hash {
        let root = self.clone().hash_tree_root().expect("a container of integers has a root");
        let mut hash = travertine_merkle::ZERO_HASH;
        hash.copy_from_slice(root.as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use travertine_merkle::{merkleize, uint64_chunk};

    #[test]
    fn the_root_is_that_of_the_container() {
        let schedule = Schedule::default();
        let chunks: Vec<Hash> = std::iter::once(schedule.version)
            .chain(schedule.prices().map(|p| p.1))
            .map(uint64_chunk)
            .collect();
        assert_eq!(schedule.root(), merkleize(&chunks, chunks.len() as u64));
        let dearer = Schedule { load: schedule.load + 1, ..schedule.clone() };
        assert_ne!(schedule.root(), dearer.root());
    }

    #[test]
    fn json_round_trips_and_is_strict() {
        let schedule = Schedule::default();
        let json = schedule.to_json();
        assert_eq!(Schedule::from_json(&json).unwrap(), schedule);
        let refused = |json: String| Schedule::from_json(&json).unwrap_err().to_string();
        assert!(refused(json.replace("\"branch\"", "\"brunch\"")).contains("brunch"));
        assert!(refused(json.replace("\"branch\": 2", "\"branch\": 0")).contains("`branch` is 0"));
        assert!(
            refused(json.replace("\"load\": 2", "\"load\": 4294967296")).contains("`load` is 4294967296")
        );
        assert!(refused(json.replace("\"version\": 1", "\"version\": 9")).contains("version 9"));
        assert!(refused(json.replace("  \"jump\": 2,\n", "")).contains("jump"));
    }
}
