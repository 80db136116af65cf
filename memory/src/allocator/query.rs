//! What can be asked of an address: the properties of `m3.query`, and handles.

use super::error::AllocationError;
use super::{Allocator, SLOT_BITS};

/// Declares the properties in the order of their numbers.
macro_rules! properties {
    ($($(#[$meta:meta])* $name:ident $text:literal;)*) => {
        /// A property of what lies at an address. The number of each is its place in this list, from 0 on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Property { $($(#[$meta])* $name,)* }

        impl Property {
            /// All properties, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The property's name, as documents and headers have it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

properties! {
    /// Code of the kind of the region.
    Kind "kind";
    /// Permission bits of the page.
    Permissions "permissions";
    /// Bytes of the region.
    RegionSize "region size";
    /// Free bytes of the region's budget of planes.
    FreeBytes "free bytes";
    /// Bytes of the longest run of free frames.
    LargestRun "largest free run";
    /// Free bytes that are not in that run, in parts of 1,000; 0 if nothing is free.
    Fragmentation "fragmentation";
    /// Handle of the allocation: it stays valid when the allocation moves.
    Handle "handle";
    /// Runs of frames that hold the allocation.
    Fragments "fragments";
    /// Address of the allocation's first byte.
    Start "allocation start";
    /// Bytes that were asked for.
    Size "allocation size";
    /// Flags of the allocation.
    Flags "flags";
    /// Planes of the region's budget.
    Planes "planes";
    /// Live allocations of the region.
    LiveAllocations "live allocations";
    /// Bytes of the region's live allocations.
    LiveBytes "live bytes";
}

impl Property {
    /// The property with this number.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_number(number: u64) -> Result<Self, AllocationError> {
        let place = usize::try_from(number).ok().and_then(|place| Self::ALL.get(place));
        place.copied().ok_or(AllocationError::UnknownProperty { number })
    }

    /// The property's number.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl Allocator {
    /// A property that the allocator knows; `None` for those of any region.
    pub(crate) fn query(&self, address: u64, property: Property) -> Option<Result<u64, AllocationError>> {
        let space = || {
            let region = crate::Address::new(address).ok().and_then(|address| self.space(address.region()));
            region.ok_or(AllocationError::ForeignRegion { address })
        };
        Some(match property {
            Property::Kind | Property::Permissions | Property::RegionSize => return None,
            Property::FreeBytes => space().map(super::Space::free_bytes),
            Property::LargestRun => space().map(super::Space::largest_run_bytes),
            Property::Fragmentation => space().map(|space| space.fragmentation(1000)),
            Property::Planes => space().map(|space| space.frames.planes().into()),
            Property::LiveAllocations => space().map(|space| space.live.allocations),
            Property::LiveBytes => space().map(|space| space.live.bytes),
            Property::Handle => self.find(address).map(|(slot, record)| handle(slot, record.id)),
            Property::Fragments => self.find(address).map(|(_, record)| record.fragments.len() as u64),
            Property::Start => self.find(address).map(|(_, record)| record.address.packed()),
            Property::Size => self.find(address).map(|(_, record)| record.size),
            Property::Flags => self.find(address).map(|(_, record)| record.flags.bits().into()),
        })
    }

    /// The present address of the allocation with a handle.
    pub(crate) fn resolve(&self, handle: u64) -> Result<u64, AllocationError> {
        let slot = u32::try_from(handle % (1 << SLOT_BITS)).expect("a slot has 24 bits");
        let record = self.records.get(slot).filter(|record| record.id == handle >> SLOT_BITS);
        record.map(|record| record.address.packed()).ok_or(AllocationError::StaleHandle { handle })
    }
}

/// The handle of an allocation. Numbers above 2^40 wrap: no machine gives so many.
fn handle(slot: u32, id: u64) -> u64 {
    id << SLOT_BITS | u64::from(slot)
}
