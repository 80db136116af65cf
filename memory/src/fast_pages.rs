//! Pages that loads and stores reach without asking the working set: two direct-mapped tables of host pointers, one for loads
//! and one for stores, for the hot paths of engines. All `unsafe` of this crate is here.
//!
//! # Safety
//!
//! One invariant carries every dereference: **an entry of the table points to the bytes of a page that is in the working
//! set, and the stores' entries to bytes that the call owns alone** (a dirty page). It holds because
//!
//! - only [`WorkingSet::make_fast`](crate::working_set::WorkingSet::make_fast) writes entries, from a frame that it has;
//! - a frame's bytes move or go only through `WorkingSet::frame_mut`, `frame_pair`, `remove` and `renumber`, which forget the
//!   page's entries first, or with the whole working set, whose table goes with it;
//! - a clone of a working set has an empty table;
//! - [`FastPages`] borrows the memory mutably, so that nothing else changes it while entries are used.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::address::PAGE_OFFSET_BITS;
use crate::page::PAGE_BYTES;

/// Entries of each table, a power of two: together they reach 4 MiB.
const ENTRIES: usize = 1024;
/// The address of no page: none begins here.
const NO_PAGE: u64 = 1;

#[derive(Clone, Copy)]
struct Entry {
    /// Address of the page's first byte.
    page: u64,
    /// The host's address of the page's first byte, less `page`: adding a byte's address gives that of the host.
    bytes: *mut u8,
}

const NONE: Entry = Entry { page: NO_PAGE, bytes: std::ptr::null_mut() };

const _: () = assert!(size_of::<Entry>().is_power_of_two());

struct Tables {
    loads: [Entry; ENTRIES],
    stores: [Entry; ENTRIES],
}

/// The tables of a working set; there are none before an engine asks for them.
#[derive(Default)]
pub(crate) struct FastTable(Option<Box<Tables>>);

// SAFETY: the pointers are to memory that the working set owns or shares by `Arc`, like the working set itself they may go
// to another thread; they are used through `FastPages` only, which borrows mutably.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Send for FastTable {}
// SAFETY: as above. A shared reference gives no access to the entries.
#[allow(unsafe_code, reason = "see above")]
unsafe impl Sync for FastTable {}

impl Clone for FastTable {
    /// Empty: the clone's pages are elsewhere.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for FastTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "FastTable" } else { "FastTable(none)" })
    }
}

/// The entry in which a page stands. The region takes part, so that the first pages of two regions do not meet.
fn slot(address: u64) -> usize {
    slot_offset(address) / size_of::<Entry>()
}

/// Where that entry begins, in bytes from the first one: the page's number and the region's, mixed, times the size of an
/// entry. Said so, it is two shifts and a mask.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the mask leaves less than the size of a table")]
fn slot_offset(address: u64) -> usize {
    const ENTRY_BITS: u32 = size_of::<Entry>().trailing_zeros();
    const MASK: u64 = ((ENTRIES - 1) * size_of::<Entry>()) as u64;
    (((address >> (PAGE_OFFSET_BITS - ENTRY_BITS)) ^ (address >> (31 - ENTRY_BITS))) & MASK) as usize
}

fn address_of(page_number: u32) -> u64 {
    u64::from(page_number) << PAGE_OFFSET_BITS
}

impl FastTable {
    /// Remembers where a page's bytes are: for loads, for stores.
    pub(crate) fn set(&mut self, page_number: u32, load: Option<*const u8>, store: Option<*mut u8>) {
        let Some(tables) = &mut self.0 else { return };
        let page = address_of(page_number);
        if page == 0 {
            // An access that wraps from the last address to the first must find nothing.
            return;
        }
        let entry = |bytes: Option<*mut u8>| {
            bytes.map_or(NONE, |bytes| Entry { page, bytes: bytes.wrapping_byte_sub(host_offset(page)) })
        };
        tables.loads[slot(page)] = entry(load.map(<*const u8>::cast_mut));
        tables.stores[slot(page)] = entry(store);
    }

    /// Forgets a page.
    pub(crate) fn forget(&mut self, page_number: u32) {
        let Some(tables) = &mut self.0 else { return };
        let page = address_of(page_number);
        tables.loads[slot(page)] = NONE;
        tables.stores[slot(page)] = NONE;
    }

    /// Forgets where stores to a page go.
    pub(crate) fn forget_stores(&mut self, page_number: u32) {
        if let Some(tables) = &mut self.0 {
            tables.stores[slot(address_of(page_number))] = NONE;
        }
    }

    /// The tables, made now if there are none.
    pub(crate) fn pages(&mut self) -> FastPages<'_> {
        let tables = self
            .0
            .get_or_insert_with(|| Box::new(Tables { loads: [NONE; ENTRIES], stores: [NONE; ENTRIES] }));
        FastPages { tables: NonNull::from(&mut **tables), memory: PhantomData }
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
    tables: NonNull<Tables>,
    memory: PhantomData<&'a mut Tables>,
}

impl FastPages<'_> {
    /// The same for a shorter time.
    #[inline]
    pub fn reborrow(&mut self) -> FastPages<'_> {
        FastPages { tables: self.tables, memory: PhantomData }
    }

    /// The `N` bytes at an address, if they lie in one page that is known here.
    #[inline]
    #[allow(unsafe_code, reason = "the hot path of every load")]
    pub fn load<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        // SAFETY: `tables` comes from a reference that lives as long as `self`; the offset is that of an entry.
        let entry = unsafe {
            *(&raw const (*self.tables.as_ptr()).loads).cast::<Entry>().byte_add(slot_offset(address))
        };
        if last_page::<N>(address) != entry.page {
            return None;
        }
        // SAFETY: the page of the last byte is the entry's. It is also that of the first: no page has the slot of the one
        // before it (a test tries all; page 0 is never entered), so the slot of the first byte holds no page that begins behind that byte. So all
        // `N` bytes lie in the page, and by the module's invariant they can be read.
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
        let entry = unsafe {
            *(&raw const (*self.tables.as_ptr()).stores).cast::<Entry>().byte_add(slot_offset(address))
        };
        if last_page::<N>(address) != entry.page {
            return false;
        }
        // SAFETY: as in `load`; and the entries for stores are of pages that the call owns alone.
        unsafe {
            entry.bytes.wrapping_byte_add(host_offset(address)).cast::<[u8; N]>().write_unaligned(bytes);
        }
        true
    }
}

/// Address of the page that the last of `N` bytes lies in. `N` is at most 8.
#[inline]
fn last_page<const N: usize>(address: u64) -> u64 {
    const { assert!(N >= 1 && N <= 8) };
    address.wrapping_add(N as u64 - 1) & !(PAGE_BYTES as u64 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_have_different_slots() {
        let slots = (0..1_u64 << 28).map(|page| slot(page << PAGE_OFFSET_BITS));
        let before = slots.clone();
        assert!(slots.skip(1).zip(before).all(|(slot, before)| slot != before));
    }
}
