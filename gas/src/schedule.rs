//! The schedule: one integer price for everything that is charged, as an SSZ container with a root and as JSON.

use ssz_rs::prelude::*;
use thiserror::Error;
use travertine_merkle::Hash;

/// The version of the schedule's fields.
pub const SCHEDULE_VERSION: u64 = 5;

/// The highest price, in gas: small enough that no sum of prices within one instruction overflows.
pub const MAX_PRICE: u64 = u32::MAX as u64;

/// Whether a price may be 0: only that of a part of an operation whose base price is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// 1 to [`MAX_PRICE`].
    Base,
    /// 0 to [`MAX_PRICE`].
    Part,
}

/// Declares the schedule's prices once: the container, the named schedules, and the walk over the fields derive from it.
/// A row is `name: rank default;`, and `name: rank default, memory3d;` where `Memory3D` documents another price.
macro_rules! schedule {
    ($($(#[$doc:meta])* $price:ident: $rank:ident $default:literal $(, $memory3d:literal)?;)*) => {
        /// The price of everything that is charged, in gas; those in `_64ths` and `_1024ths` are in such parts of a gas.
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
            /// The schedule `default`, which is calibrated by measurement.
            fn default() -> Self {
                Self { version: SCHEDULE_VERSION, $($price: $default,)* }
            }
        }

        impl Schedule {
            /// The schedule `memory3d`: the documented prices of `Memory3D`, and those of `default` for what it does not have.
            /// First touches are free in it, as they are there: it is for comparisons, not for a network.
            pub fn memory3d() -> Self {
                #[allow(unused_mut, unused_assignments, reason = "a row has a second price or not")]
                Self {
                    version: SCHEDULE_VERSION,
                    $($price: {
                        let mut price = $default;
                        $(price = $memory3d;)?
                        price
                    },)*
                }
            }

            /// Name and price of every field but the version, in order.
            pub fn prices(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($price), self.$price),)*].into_iter()
            }
        }

        /// The rank of every price, in order.
        const RANKS: &[Rank] = &[$(Rank::$rank),*];
    };
}

schedule! {
    /// `nop`.
    nop: Base 1;
    /// `mv`.
    mv: Base 1, 2;
    /// An integer operation on registers.
    arithmetic: Base 1, 3;
    /// A count of the bits that are set, or `orc.b`.
    bit_count: Base 4;
    /// A multiplication.
    multiply: Base 2;
    /// A division or remainder.
    divide: Base 6;
    /// A load.
    load: Base 3, 10;
    /// Each byte of a load, in 64ths.
    load_byte_64ths: Part 0, 128;
    /// A store.
    store: Base 2, 15;
    /// Each byte of a store, in 64ths.
    store_byte_64ths: Part 0, 128;
    /// A conditional branch, taken or not.
    branch: Base 6;
    /// An unconditional jump to an offset.
    jump: Base 2;
    /// An unconditional jump to a register's value.
    jump_register: Base 2;
    /// An atomic memory operation.
    atomic: Base 85;
    /// A fence.
    fence: Base 1;
    /// `ecall` and `ebreak` themselves; what is called is charged on top.
    system: Base 2;
    /// A load, store, atomic or root whose bytes lie in two pages, beyond its base.
    page_crossing: Part 230, 0;
    /// Each byte of a load or store through the second view of the substrate's segment.
    view_byte: Part 14;
    /// A load or store of a page that the call has touched before, but that is not in its place.
    page_recall: Part 50, 0;
    /// The same, if 1,024 others have come to their places since it was in its own.
    page_far_recall: Part 250, 0;
    /// The first load from a page in a call.
    page_first_read: Part 700, 0;
    /// The first store to a page in a call: its copy, and its hashing at settle.
    page_first_write: Part 6000, 0;
    /// A further copy of a page that was stored to, as it has been placed or shared since.
    page_copy: Part 620, 0;
    /// The first write to a page in a call, if a bulk operation places another page there that has a hash: its part of the settling.
    page_first_placed: Part 1300, 0;
    /// The synthesis of a page of generative memory that nobody has written, when a call touches it first. It is that of the
    /// slowest form that nodes may use.
    page_synthesis: Part 24500, 0;
    /// A copy.
    copy: Base 230, 25;
    /// Each byte of a copy, in 64ths.
    copy_byte_64ths: Part 2, 128;
    /// Each whole page that a copy places.
    copy_page: Part 75, 8192;
    /// A fill.
    fill: Base 230;
    /// Each byte of a fill, in 64ths.
    fill_byte_64ths: Part 1;
    /// Each whole page that a fill places.
    fill_page: Part 40;
    /// A gather.
    gather: Base 240;
    /// Each entry of a gather.
    gather_entry: Part 10;
    /// Each page that an entry of a gather has bytes in.
    gather_page: Part 130;
    /// Each byte of a gather, in 64ths.
    gather_byte_64ths: Part 2;
    /// A scatter.
    scatter: Base 250;
    /// Each entry of a scatter.
    scatter_entry: Part 10;
    /// Each page that an entry of a scatter has bytes in.
    scatter_page: Part 130;
    /// Each byte of a scatter, in 64ths.
    scatter_byte_64ths: Part 2;
    /// A share.
    share: Base 140;
    /// Each page of a share.
    share_page: Part 75;
    /// Each change of region in a bulk operation.
    region_change: Part 10, 100;
    /// Each change of plane within a region in a bulk operation.
    plane_change: Part 0;
    /// The check of an allocation, which may be refused.
    allocate: Base 115, 20;
    /// The record of an allocation that is made, with its part of the settling.
    allocate_record: Part 350, 0;
    /// Each byte of an allocation, in 64ths.
    allocate_byte_64ths: Part 0, 64;
    /// Each page that an allocation needs, or begins.
    allocate_page: Part 8, 0;
    /// Each region that an allocation asks in vain before the one that serves.
    allocate_region: Part 70, 0;
    /// The region of its own that an allocation of generative memory opens, and that is closed with it.
    generative_region: Part 3000, 0;
    /// Each plane beyond the first that an allocation is promoted over.
    promotion_plane: Part 100, 100;
    /// The check of a release, which may be refused.
    free: Base 52, 5;
    /// The record of an allocation that is released, with its part of the settling.
    free_record: Part 95, 0;
    /// Each whole page that a release makes empty.
    free_page: Part 5, 0;
    /// Each resident page among those that a release or a resize moves or makes empty: one that was stored when the call began,
    /// whose content has moved there, or that the call has touched. Its part of the settling is included.
    resident_page: Part 280, 0;
    /// The size of an allocation.
    size: Base 60, 5;
    /// A property of what lies at an address.
    query: Base 70, 8;
    /// The address of a handle.
    resolve: Base 50;
    /// The check of a resize, which may be refused.
    resize: Base 75;
    /// The record of an allocation that is resized, with its part of the settling.
    resize_record: Part 460;
    /// Each whole page that a resize moves or makes empty.
    resize_page: Part 22;
    /// The change of address of an allocation whose whole pages move.
    resize_remap: Part 3400;
    /// The check of a compaction, which may be refused.
    compact: Base 55, 50;
    /// The search for what a compaction can move.
    compact_search: Part 950, 0;
    /// Each frame that a compaction moves.
    compact_frame: Part 550, 2048;
    /// Each plane that a compaction looks at.
    compact_plane: Part 1100, 0;
    /// Each run of frames in a record that a compaction writes anew, with its part of the settling.
    compact_run: Part 480, 0;
    /// Growth by a plane of heap.
    heap_plane: Part 2000, 0;
    /// The square of the planes of heap, in 1024ths.
    heap_plane_square_1024ths: Part 1024, 0;
    /// Growth by a plane of shared memory.
    shared_plane: Part 2000, 0;
    /// The square of the planes of shared memory, in 1024ths.
    shared_plane_square_1024ths: Part 1024, 0;
    /// Growth by a plane of transient memory.
    transient_plane: Part 500, 0;
    /// The square of the planes of transient memory, in 1024ths.
    transient_plane_square_1024ths: Part 1024, 0;
    /// Growth by a plane of state.
    state_plane: Part 2000, 0;
    /// The square of the planes of state, in 1024ths.
    state_plane_square_1024ths: Part 1024, 0;
    /// The gas that is left.
    read_gas: Base 45, 1;
    /// The refund counter.
    read_refund: Base 45;
    /// The root of a region.
    read_root: Base 420;
    /// The end of a call.
    halt: Base 2, 1;
    /// Any host call but `log`.
    host_call: Part 95;
    /// Each byte that it moves, in 64ths.
    host_byte_64ths: Part 3;
    /// An event, with its part of the receipt.
    log: Part 330;
    /// Each byte of its data, in 64ths.
    log_byte_64ths: Part 18;
    /// Each of its topics.
    log_topic: Part 36;
}

/// A schedule that is known by a name.
#[derive(Debug, Clone, Copy)]
pub struct NamedSchedule {
    /// Its name.
    pub name: &'static str,
    /// Makes it.
    pub schedule: fn() -> Schedule,
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
    /// A price is too low or too high. Free operations are attacks.
    #[error("the price `{name}` is {price}; it must be {least} to {MAX_PRICE}")]
    Price {
        /// The field.
        name: &'static str,
        /// Its value, in gas.
        price: u64,
        /// The least that it may be, in gas: 1, or 0 for what comes on top of another price.
        least: u64,
    },
}

impl Schedule {
    /// All schedules that have a name.
    pub const NAMED: [NamedSchedule; 2] = [
        NamedSchedule { name: "default", schedule: Self::default },
        NamedSchedule { name: "memory3d", schedule: Self::memory3d },
    ];

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

    /// Checks the version, and that every price is at most [`MAX_PRICE`] and every base price at least 1.
    ///
    /// # Errors
    /// [`ScheduleError`] naming the field and its value.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        if self.version != SCHEDULE_VERSION {
            return Err(ScheduleError::Version(self.version));
        }
        for ((name, price), rank) in self.prices().zip(RANKS) {
            let least = u64::from(*rank == Rank::Base);
            if !(least..=MAX_PRICE).contains(&price) {
                return Err(ScheduleError::Price { name, price, least });
            }
        }
        Ok(())
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
        for named in Schedule::NAMED {
            let schedule = (named.schedule)();
            assert_eq!(Schedule::from_json(&schedule.to_json()).unwrap(), schedule, "{}", named.name);
        }
        let Schedule { branch, load, jump, .. } = Schedule::default();
        let json = Schedule::default().to_json();
        let refused = |json: String| Schedule::from_json(&json).unwrap_err().to_string();
        assert!(refused(json.replace("\"branch\"", "\"brunch\"")).contains("brunch"));
        assert!(
            refused(json.replace(&format!("\"branch\": {branch}"), "\"branch\": 0"))
                .contains("`branch` is 0")
        );
        let dear = json.replace(&format!("\"load\": {load}"), "\"load\": 4294967296");
        assert!(refused(dear).contains("`load` is 4294967296"));
        assert!(
            refused(json.replace(&format!("\"version\": {SCHEDULE_VERSION}"), "\"version\": 9"))
                .contains("version 9")
        );
        assert!(refused(json.replace(&format!("  \"jump\": {jump},\n"), "")).contains("jump"));
    }
}
