//! Pages of the allocator's regions: what the program may do with them, and how the allocator itself touches them.

use std::ops::Range;

use crate::access::{Pages, page_offset};
use crate::address::{Address, PAGE_OFFSET_BITS};
use crate::fault::{Access, Fault};
use crate::memory::Memory;
use crate::permissions::Permissions;
use crate::plan::Touches;
use crate::working_set::{page_number, page_of};

impl Memory {
    /// What the program may do with a page; nothing where there is none, or where the allocator has nothing.
    pub fn page_permissions(&self, region: u8, page: u32) -> Permissions {
        let Some(found) = self.regions.get(&region) else { return Permissions::NONE };
        if found.budget().is_none() {
            return found.page_permissions(page);
        }
        self.allocator.permissions(region, page).map_or(Permissions::NONE, |(permissions, _)| permissions)
    }

    /// The first page of a range that does not allow `access`; it may lie behind the end.
    pub(crate) fn first_denied(&self, region: u8, pages: Range<u32>, access: Access) -> u32 {
        let found = &self.regions[&region];
        if found.budget().is_none() {
            return found.first_denied(pages.start, access);
        }
        self.first_page_without(region, pages, |permissions| permissions.allows(access))
    }

    /// The first page of a range of the allocator's that is not allocated; it may lie behind the end.
    pub(crate) fn first_unallocated(&self, region: u8, pages: Range<u32>) -> u32 {
        if self.regions[&region].budget().is_none() {
            return pages.end;
        }
        self.first_page_without(region, pages, |_| true)
    }

    /// The first page of a range of the allocator's that is not allocated with permissions that will do. The cost is that of the
    /// allocations in between.
    fn first_page_without(
        &self,
        region: u8,
        pages: Range<u32>,
        will_do: impl Fn(Permissions) -> bool,
    ) -> u32 {
        let mut page = pages.start;
        while page < pages.end {
            match self.allocator.permissions(region, page) {
                Some((permissions, end)) if will_do(permissions) => page = end,
                _ => break,
            }
        }
        page
    }

    /// What the allocator touches when it zeroes a block at an address: the block's page, or nothing that is paid for. `None` if
    /// the page is not [resident](Self::resident_pages): then the block is zero already.
    #[inline]
    pub(crate) fn plan_zeroing(&mut self, address: u64) -> Result<Option<Touches>, Fault> {
        if self.working.recent_store(address >> PAGE_OFFSET_BITS).is_some() {
            return Ok(Some(Touches::default()));
        }
        let at = Address::new(address).expect("the allocator's addresses have 40 bits");
        if !self.is_resident(at.region(), at.page()) {
            return Ok(None);
        }
        self.plan_touch(address, Access::Write).map(Some)
    }

    /// Whether a page is resident: stored when the call began, stored because it has moved there, or touched by the call. To move
    /// or to drop it takes longer than where nothing ever was. One that the call has emptied still is, since the slab below is
    /// gone through again.
    pub(crate) fn is_resident(&self, region: u8, page: u32) -> bool {
        self.regions[&region].cap().is_stored_or_emptied(page)
            || self.working.find(page_number(region, page)).is_some()
    }

    /// How many pages of a range are resident. The cost is that of two paths of the tree, of the range's pages in the overlay, and
    /// of those that the call has touched.
    pub(crate) fn resident_pages(&self, region: u8, pages: Range<u32>) -> u32 {
        match pages.len() {
            0 => return 0,
            1 => return self.is_resident(region, pages.start).into(),
            _ => {}
        }
        let cap = self.regions[&region].cap();
        let stored = cap.stored_or_emptied_in(pages.clone());
        if stored == pages.end - pages.start {
            return stored;
        }
        let numbers = page_number(region, pages.start)..=page_number(region, pages.end - 1);
        let touched = self.working.frames_in(numbers).map(|frame| page_of(frame.page_number));
        let others = touched.filter(|&page| stored == 0 || !cap.is_stored_or_emptied(page)).count();
        stored + u32::try_from(others).expect("a region has 2^20 pages")
    }

    /// What the allocator touches first when it reads or writes in the page of an address, whatever the permissions. The page
    /// is loaded if it is missing.
    pub(crate) fn plan_touch(&mut self, address: u64, access: Access) -> Result<Touches, Fault> {
        let at = Address::new(address).expect("the allocator's addresses have 40 bits");
        let (region, page) = (at.region(), at.page());
        self.stage_missing(address, Pages { region, first: page, last: page }, access)?;
        let number = page_number(region, page);
        Ok(Touches { synthesized: 0, ..self.touches(number..=number, access) })
    }

    /// Zeroes planned bytes of the allocator's, which lie in one page.
    #[inline]
    pub(crate) fn fill_zeros(&mut self, address: u64, length: u64) {
        let number = address >> PAGE_OFFSET_BITS;
        let recent = self.working.recent_store(number);
        let frame = recent.unwrap_or_else(|| {
            self.touch(u32::try_from(number).expect("the allocator's addresses have 40 bits"))
        });
        let length = usize::try_from(length).expect("at most a page");
        self.working.frame_mut(frame).bytes_mut()[page_offset(address)..][..length].fill(0);
        if recent.is_none() {
            self.working.remember(frame);
        }
    }
}
