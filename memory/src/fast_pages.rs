//! Pages that loads and stores reach without asking the working set: a direct-mapped table of host pointers, for the hot
//! paths of engines. All `unsafe` of this crate is here.
//!
//! # Safety
//!
//! One invariant carries every access: **an entry of the table points to the bytes of a page that is in the working
//! set, and an entry for stores to bytes that the call owns alone**. It holds because
//!
//! - only `WorkingSet::make_fast` and `recall_fast` write entries, from a frame that the working set has;
//! - a frame's bytes move or go only through `WorkingSet::frame_mut`, `frame_pair`, `place`, `place_page`, `remove` and `renumber`, which
//!   forget the page's entries before they return, or with the whole working set, whose table goes with it;
//! - a clone of a working set has no table;
//! - [`FastPages`] borrows the memory mutably, so that nothing else changes it while entries are used.
//!
//! Another invariant is about gas: a page that has entries is in its [place](crate::places), so that accesses by them owe no recall.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::address::PAGE_OFFSET_BITS;
use crate::fault::Access;
use crate::page::PAGE_BYTES;
use crate::places::{PLACES, place_offset};
use crate::plan::Recalls;
use crate::working_set::WorkingSet;

/// Where a page's bytes are, for loads or for stores.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    /// Address of the page's first byte.
    page: u64,
    /// The host's address of the page's first byte, less `page`: adding a byte's address gives that of the host.
    bytes: *mut u8,
}

/// The entries of one page, or of none.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    load: Entry,
    store: Entry,
}

const SLOT_BITS: u32 = size_of::<Slot>().trailing_zeros();
const _: () = assert!(size_of::<Slot>().is_power_of_two());

/// A slot for each place.
#[repr(C)]
struct Table {
    slots: [Slot; PLACES],
    /// While the table is used, the working set that it belongs to.
    working: *mut WorkingSet,
}

/// The table of a working set; there is none before an engine asks for it. It is owned, through a pointer that [`FastPages`] has, too.
#[derive(Default)]
pub(crate) struct FastTable(Option<NonNull<Table>>);

// SAFETY: the pointers are to memory that the working set owns or shares by `Arc`, like the working set itself they may go
// to another thread; they are used through `FastPages` only, which borrows mutably.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Send for FastTable {}
// SAFETY: as above. A shared reference gives no access to the entries.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Sync for FastTable {}

impl Clone for FastTable {
    /// None: the clone's pages are elsewhere.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for FastTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "FastTable" } else { "FastTable(none)" })
    }
}

fn address_of(page_number: u32) -> u64 {
    u64::from(page_number) << PAGE_OFFSET_BITS
}

/// The entry of no page, in the slot of this place: that of a page whose addresses lead to another slot.
const fn empty(place: usize) -> Entry {
    Entry { page: if place == 0 { PAGE_BYTES as u64 } else { 0 }, bytes: ptr::null_mut() }
}

const fn empty_slot(place: usize) -> Slot {
    Slot { load: empty(place), store: empty(place) }
}

impl Table {
    fn new() -> Self {
        Self { slots: std::array::from_fn(empty_slot), working: ptr::null_mut() }
    }
}

impl Drop for FastTable {
    #[allow(unsafe_code, reason = "the owner of what the pointer leads to")]
    fn drop(&mut self) {
        if let Some(table) = self.0 {
            // SAFETY: it was a box, and nobody has the pointer longer than the working set.
            drop(unsafe { Box::from_raw(table.as_ptr()) });
        }
    }
}

impl FastTable {
    /// The slot of a page, and its place.
    #[allow(unsafe_code, reason = "the owner of what the pointer leads to")]
    fn slot(&mut self, page_number: u32) -> Option<(&mut Slot, usize)> {
        let place = place_offset(address_of(page_number), 0);
        // SAFETY: the table is there; what the result borrows is the working set, so that nothing else reads or writes slots.
        self.0.map(|table| (unsafe { &mut (*table.as_ptr()).slots[place] }, place))
    }

    /// Remembers where a page's bytes are: for loads, for stores.
    pub(crate) fn set(&mut self, page_number: u32, load: Option<*const u8>, store: Option<*mut u8>) {
        let Some((slot, place)) = self.slot(page_number) else { return };
        let page = address_of(page_number);
        let entry = |bytes: Option<*mut u8>| {
            bytes.map_or(empty(place), |bytes| Entry {
                page,
                bytes: bytes.wrapping_byte_sub(host_offset(page)),
            })
        };
        *slot = Slot { load: entry(load.map(<*const u8>::cast_mut)), store: entry(store) };
    }

    /// Forgets whatever is in the slot of a page.
    pub(crate) fn forget(&mut self, page_number: u32) {
        if let Some((slot, place)) = self.slot(page_number) {
            *slot = empty_slot(place);
        }
    }

    /// Forgets where stores to a page go.
    pub(crate) fn forget_stores(&mut self, page_number: u32) {
        if let Some((slot, place)) = self.slot(page_number) {
            slot.store = empty(place);
        }
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "pointers wrap as addresses of the host do")]
fn host_offset(address: u64) -> usize {
    address as usize
}

/// Loads and stores of pages that need no check and cost nothing beyond their instruction: those that the call has loaded
/// from, or stored to, before, and that are in their places. Made by [`Memory::fast_pages`](crate::Memory::fast_pages).
#[repr(transparent)]
#[derive(Debug)]
pub struct FastPages<'a> {
    table: NonNull<Table>,
    memory: PhantomData<&'a mut WorkingSet>,
}

impl<'a> FastPages<'a> {
    /// The fast pages of a working set.
    #[allow(unsafe_code, reason = "the way back from the table")]
    pub(crate) fn of(working: &'a mut WorkingSet) -> Self {
        let new = || NonNull::from(Box::leak(Box::new(Table::new())));
        let table = *working.fast_table().0.get_or_insert_with(new);
        // SAFETY: the table is there.
        unsafe { (*table.as_ptr()).working = working };
        Self { table, memory: PhantomData }
    }

    /// The same for a shorter time.
    #[inline]
    pub fn reborrow(&mut self) -> FastPages<'_> {
        FastPages { table: self.table, memory: PhantomData }
    }

    /// Where the slot of an address is.
    #[inline]
    fn slot(&self, address: u64) -> *mut Slot {
        let slots = self.table.as_ptr().cast::<Slot>();
        slots.wrapping_byte_add(place_offset(address, SLOT_BITS))
    }

    /// The `N` bytes at an address, if they lie in one page that is known here.
    #[inline]
    #[allow(unsafe_code, reason = "the hot path of every load")]
    pub fn load<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        // SAFETY: the table begins with a slot for each place.
        let entry = unsafe { (*self.slot(address)).load };
        if !entry.has::<N>(address) {
            return None;
        }
        // SAFETY: all `N` bytes lie in the entry's page. The entry is not an empty one, as the addresses of that page lead to
        // another slot. So by the module's invariant they can be read.
        Some(unsafe {
            entry.bytes.wrapping_byte_add(host_offset(address)).cast::<[u8; N]>().read_unaligned()
        })
    }

    /// Stores `N` bytes at an address, if they lie in one page that is known here; tells whether it did.
    #[inline]
    #[must_use = "if not, nothing is stored"]
    #[allow(unsafe_code, reason = "the hot path of every store")]
    pub fn store<const N: usize>(&mut self, address: u64, bytes: [u8; N]) -> bool {
        // SAFETY: as in `load`.
        let entry = unsafe { (*self.slot(address)).store };
        if !entry.has::<N>(address) {
            return false;
        }
        // SAFETY: as in `load`; and the entries for stores are of pages that the call owns alone.
        unsafe {
            entry.bytes.wrapping_byte_add(host_offset(address)).cast::<[u8; N]>().write_unaligned(bytes);
        }
        true
    }

    /// Looks for the page of an access of 1 to 8 bytes among all pages that the call has touched, puts it in its place, and lets such accesses go
    /// the quick way, as [`Memory::make_fast`](crate::Memory::make_fast) does. Gives what is owed for that. `None` if the access would touch
    /// a page first, may not be made or crosses a page, or if something is owed and `pays` is false; nothing has changed then.
    #[inline]
    #[allow(unsafe_code, reason = "the way back from the table")]
    pub fn recall(&mut self, address: u64, length: u64, access: Access, pays: bool) -> Option<Recalls> {
        let page_number = u32::try_from(address >> PAGE_OFFSET_BITS).ok()?;
        if (address + (length - 1)) >> PAGE_OFFSET_BITS != u64::from(page_number) {
            return None;
        }
        // SAFETY: `of` has set the pointer from the mutable borrow that `self` stands for. No other reference into the working set
        // is in use: whoever has one has it from a borrow that ended before this one began.
        let working = unsafe { &mut *(*self.table.as_ptr()).working };
        working.recall_fast(page_number, access, pays)
    }
}

impl Entry {
    /// Whether `N` bytes at an address all lie in the page.
    #[inline]
    fn has<const N: usize>(&self, address: u64) -> bool {
        const { assert!(N >= 1 && N <= PAGE_BYTES) };
        address.wrapping_sub(self.page) <= (PAGE_BYTES - N) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_entry_has_no_address_that_leads_to_it() {
        let table = Table::new();
        for (place, Slot { load, store }) in table.slots.iter().enumerate() {
            for entry in [load, store] {
                for address in [entry.page, entry.page + PAGE_BYTES as u64 - 1] {
                    assert_ne!(place_offset(address, 0), place);
                }
                assert!(!entry.has::<1>(entry.page.wrapping_sub(1)));
                assert!(!entry.has::<8>(entry.page + PAGE_BYTES as u64 - 7));
            }
        }
    }
}
