//! Pages that loads and stores reach without asking the working set: a direct-mapped table of host pointers, for the hot
//! paths of engines. All `unsafe` of this crate is here.
//!
//! # Safety
//!
//! One invariant carries every access: **an entry of the table points to the bytes of a page that is in the working
//! set, and an entry for stores to bytes that the call owns alone** (a dirty page). It holds because
//!
//! - only `WorkingSet::make_fast` and `refill` write entries, from a frame that the working set has;
//! - a frame's bytes move or go only through `WorkingSet::frame_mut`, `frame_pair`, `remove` and `renumber`, which forget the
//!   page's entries first, or with the whole working set, whose table goes with it;
//! - a clone of a working set has no table;
//! - [`FastPages`] borrows the memory mutably, so that nothing else changes it while entries are used; the table
//!   is not replaced by a larger one in that time.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::address::PAGE_OFFSET_BITS;
use crate::page::PAGE_BYTES;
use crate::working_set::WorkingSet;

/// Slots of a new table. All numbers of slots are powers of two.
const FEWEST_SLOTS: usize = 256;
/// Slots of the largest table: 256 MiB of pages in a row.
const MOST_SLOTS: usize = 1 << 16;
/// A table grows when so many pages have displaced others, as a part of its slots: what growing costs has been paid by then.
const DISPLACED_PART: usize = 8;

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

/// What stands before the slots.
#[repr(C)]
struct Header {
    /// Selects the bits of a slot's offset.
    mask: usize,
    /// Pages that have displaced others.
    displaced: usize,
    /// While the table is used, the working set that it belongs to.
    working: *mut WorkingSet,
    unused: usize,
}

const _: () = assert!(size_of::<Slot>().is_power_of_two() && size_of::<Header>() == size_of::<Slot>());

/// A header and slots, zeroed but for what must not be.
struct Table(NonNull<Header>);

/// The table of a working set; there is none before an engine asks for it.
#[derive(Default)]
pub(crate) struct FastTable(Option<Table>);

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

/// Where the slot of an address begins, in bytes from the first slot: the page's number and the region's, mixed, so that the first
/// pages of two regions do not meet; times the size of a slot. Said so, it is two shifts and a mask.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the mask leaves less than the size of a table")]
fn slot_offset(address: u64, mask: usize) -> usize {
    const SLOT_BITS: u32 = size_of::<Slot>().trailing_zeros();
    ((address >> (PAGE_OFFSET_BITS - SLOT_BITS)) ^ (address >> (31 - SLOT_BITS))) as usize & mask
}

fn address_of(page_number: u32) -> u64 {
    u64::from(page_number) << PAGE_OFFSET_BITS
}

/// The entry of no page, in the slot at this offset: that of a page whose addresses lead to another slot. It is zero in all slots but
/// that of page 0.
fn empty(offset: usize) -> Entry {
    let page = if offset == 0 { PAGE_BYTES as u64 } else { 0 };
    Entry { page, bytes: ptr::null_mut() }
}

#[allow(unsafe_code, reason = "a table has no type that tells its length")]
impl Table {
    fn layout(slots: usize) -> Layout {
        Layout::array::<Slot>(1 + slots).expect("a table is small")
    }

    fn new(slots: usize) -> Self {
        let layout = Self::layout(slots);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let table = NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout));
        let (mask, displaced) = ((slots - 1) * size_of::<Slot>(), 0);
        // SAFETY: a header fits in front of the slots.
        unsafe { table.write(Header { mask, displaced, working: ptr::null_mut(), unused: 0 }) };
        let mut table = Self(table);
        table.clear(0);
        table
    }

    fn header(&mut self) -> &mut Header {
        // SAFETY: it is written, and not borrowed elsewhere.
        unsafe { self.0.as_mut() }
    }

    fn slots(&mut self) -> usize {
        self.header().mask / size_of::<Slot>() + 1
    }

    /// The slot at an offset that the mask has cut.
    fn slot(&mut self, offset: usize) -> &mut Slot {
        debug_assert!(offset <= self.header().mask && offset.is_multiple_of(size_of::<Slot>()));
        // SAFETY: the offset lies in the table; any zeros are entries.
        unsafe { &mut *slot_at(self.0, offset) }
    }

    fn slot_of(&mut self, address: u64) -> usize {
        slot_offset(address, self.header().mask)
    }

    fn clear(&mut self, offset: usize) {
        *self.slot(offset) = Slot { load: empty(offset), store: empty(offset) };
    }

    /// The page whose entries stand at this offset.
    fn page_at(&mut self, offset: usize) -> Option<u64> {
        let none = empty(offset).page;
        let slot = *self.slot(offset);
        [slot.load.page, slot.store.page].into_iter().find(|&page| page != none)
    }

    /// A table of twice the slots, with the same pages.
    fn doubled(&mut self) -> Self {
        let mut doubled = Self::new(2 * self.slots());
        for offset in (0..=self.header().mask).step_by(size_of::<Slot>()) {
            if let Some(page) = self.page_at(offset) {
                let place = doubled.slot_of(page);
                let old = *self.slot(offset);
                let keep = |entry: Entry| if entry.page == page { entry } else { empty(place) };
                *doubled.slot(place) = Slot { load: keep(old.load), store: keep(old.store) };
            }
        }
        doubled
    }
}

/// The slot at an offset behind the header.
#[inline]
fn slot_at(table: NonNull<Header>, offset: usize) -> *mut Slot {
    table.as_ptr().wrapping_add(1).wrapping_byte_add(offset).cast()
}

impl Drop for Table {
    #[allow(unsafe_code, reason = "a table has no type that tells its length")]
    fn drop(&mut self) {
        let layout = Self::layout(self.slots());
        // SAFETY: it was allocated with this layout. Entries own nothing.
        unsafe { dealloc(self.0.as_ptr().cast(), layout) }
    }
}

impl FastTable {
    /// Remembers where a page's bytes are: for loads, for stores.
    pub(crate) fn set(&mut self, page_number: u32, load: Option<*const u8>, store: Option<*mut u8>) {
        let Some(table) = &mut self.0 else { return };
        let page = address_of(page_number);
        let offset = table.slot_of(page);
        if table.page_at(offset).is_some_and(|other| other != page) {
            table.header().displaced += 1;
        }
        let entry = |bytes: Option<*mut u8>| {
            bytes.map_or(empty(offset), |bytes| Entry {
                page,
                bytes: bytes.wrapping_byte_sub(host_offset(page)),
            })
        };
        *table.slot(offset) = Slot { load: entry(load.map(<*const u8>::cast_mut)), store: entry(store) };
    }

    /// Forgets a page.
    pub(crate) fn forget(&mut self, page_number: u32) {
        if let Some(table) = &mut self.0 {
            let offset = table.slot_of(address_of(page_number));
            table.clear(offset);
        }
    }

    /// Forgets where stores to a page go.
    pub(crate) fn forget_stores(&mut self, page_number: u32) {
        if let Some(table) = &mut self.0 {
            let offset = table.slot_of(address_of(page_number));
            table.slot(offset).store = empty(offset);
        }
    }

    /// Whether so many pages have displaced others that a larger table is worth its cost.
    pub(crate) fn is_crowded(&mut self) -> bool {
        self.0.as_mut().is_some_and(|table| {
            let slots = table.slots();
            slots < MOST_SLOTS && table.header().displaced > slots / DISPLACED_PART
        })
    }

    /// Takes a table of twice the size.
    pub(crate) fn grow(&mut self) {
        self.0 = self.0.as_mut().map(Table::doubled);
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "pointers wrap as addresses of the host do")]
fn host_offset(address: u64) -> usize {
    address as usize
}

/// Loads and stores of pages that need no check and cost nothing beyond their instruction: those that the call has loaded
/// from, or stored to, before. Made by [`Memory::fast_pages`](crate::Memory::fast_pages).
#[repr(transparent)]
#[derive(Debug)]
pub struct FastPages<'a> {
    table: NonNull<Header>,
    memory: PhantomData<&'a mut WorkingSet>,
}

impl<'a> FastPages<'a> {
    /// The fast pages of a working set.
    #[allow(unsafe_code, reason = "the way back from the table")]
    pub(crate) fn of(working: &'a mut WorkingSet) -> Self {
        let table = working.fast_table().0.get_or_insert_with(|| Table::new(FEWEST_SLOTS)).0;
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
    #[allow(unsafe_code, reason = "the hot path of every access")]
    fn slot(&self, address: u64) -> *mut Slot {
        // SAFETY: the table is there as long as the working set is borrowed.
        let mask = unsafe { (*self.table.as_ptr()).mask };
        slot_at(self.table, slot_offset(address, mask))
    }

    /// The `N` bytes at an address, if they lie in one page that is known here.
    #[inline]
    #[allow(unsafe_code, reason = "the hot path of every load")]
    pub fn load<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        // SAFETY: the mask has cut the offset, so there is a slot.
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

    /// Looks for the page of an address among all pages that the call has touched, and lets accesses to it go the quick way, as
    /// [`Memory::make_fast`](crate::Memory::make_fast) does. Tells whether it did: the table may have to grow first,
    /// which is done there.
    #[inline]
    #[allow(unsafe_code, reason = "the way back from the table")]
    pub fn refill(&mut self, address: u64) -> bool {
        let Ok(page_number) = u32::try_from(address >> PAGE_OFFSET_BITS) else { return false };
        // SAFETY: `of` has set the pointer from the mutable borrow that `self` stands for. No other reference into the working set
        // is in use: whoever has one has it from a borrow that ended before this one began.
        let working = unsafe { &mut *(*self.table.as_ptr()).working };
        working.refill(page_number)
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
        let mut slots = FEWEST_SLOTS;
        while slots <= MOST_SLOTS {
            let mut table = Table::new(slots);
            assert_eq!(table.slots(), slots);
            for offset in (0..=table.header().mask).step_by(size_of::<Slot>()) {
                let Slot { load, store } = *table.slot(offset);
                for entry in [load, store] {
                    for address in [entry.page, entry.page + PAGE_BYTES as u64 - 1] {
                        assert_ne!(table.slot_of(address), offset);
                    }
                    assert!(!entry.has::<1>(entry.page.wrapping_sub(1)));
                    assert!(!entry.has::<8>(entry.page + PAGE_BYTES as u64 - 7));
                }
            }
            slots *= 2;
        }
    }

    #[test]
    fn a_larger_table_has_the_same_pages() {
        let mut table = FastTable(Some(Table::new(FEWEST_SLOTS)));
        let pages = [0, 1, 255, 256 + 77, 5 << 20, (255 << 20) + 0xf_ff07];
        let mut bytes = [0_u8; PAGE_BYTES];
        for (place, &page) in pages.iter().enumerate() {
            let (load, store) = (place % 3 != 1, place % 3 != 2);
            table.set(page, load.then_some(bytes.as_ptr()), store.then_some(bytes.as_mut_ptr()));
        }
        while table.0.as_mut().unwrap().slots() < MOST_SLOTS {
            table.grow();
            let table = table.0.as_mut().unwrap();
            for (place, &page) in pages.iter().enumerate() {
                let address = address_of(page);
                let offset = table.slot_of(address);
                let Slot { load, store } = *table.slot(offset);
                assert_eq!(load.has::<1>(address), place % 3 != 1);
                assert_eq!(store.has::<1>(address), place % 3 != 2);
            }
            let all = (0..=table.header().mask).step_by(size_of::<Slot>());
            assert_eq!(all.filter(|&offset| table.page_at(offset).is_some()).count(), pages.len());
        }
    }

    #[test]
    fn tables_grow_when_pages_displace_each_other() {
        let bytes = [0_u8; PAGE_BYTES];
        let mut table = FastTable(Some(Table::new(FEWEST_SLOTS)));
        let step = u32::try_from(FEWEST_SLOTS).unwrap();
        for round in 0..u32::try_from(FEWEST_SLOTS / DISPLACED_PART).unwrap() {
            assert!(!table.is_crowded());
            table.set(3 + round * step, Some(bytes.as_ptr()), None);
            table.set(3 + round * step, Some(bytes.as_ptr()), None);
        }
        table.set(3, Some(bytes.as_ptr()), None);
        assert!(!table.is_crowded(), "the first page displaced none");
        table.set(3 + step, Some(bytes.as_ptr()), None);
        assert!(table.is_crowded());
        table.grow();
        assert!(!table.is_crowded());
    }
}
