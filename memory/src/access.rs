//! Loads and stores: plans that check everything, commits that cannot fail, and the host's own ways in.

use std::ops::RangeInclusive;

use travertine_merkle::layout;
use travertine_vrns::Mode;

use crate::address::{Address, PAGE_OFFSET_BITS};
use crate::fast_pages::FastPages;
use crate::fault::{Access, Fault, FaultReason};
use crate::memory::Memory;
use crate::page::{PAGE_BYTES, Page, PageSlot};
use crate::plan::{LoadPlan, Recalls, Span, StorePlan, Touches};
use crate::working_set::{Content, Frame, page_number, page_of, region_of};

/// The pages of an access, all in one region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages {
    pub(crate) region: u8,
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Pages {
    /// The numbers of the pages, which count through all regions.
    pub(crate) fn numbers(self) -> RangeInclusive<u32> {
        page_number(self.region, self.first)..=page_number(self.region, self.last)
    }

    /// The pages with these numbers, all in one region.
    pub(crate) fn of(numbers: &RangeInclusive<u32>) -> Self {
        let (first, last) = (*numbers.start(), *numbers.end());
        Self { region: region_of(first), first: page_of(first), last: page_of(last) }
    }
}

/// Whose permissions count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    Program,
    Host,
}

/// A part of an access that lies in one page.
struct Piece {
    page_number: u32,
    /// Where it begins in the page.
    offset: usize,
    /// Where it begins in the access.
    done: usize,
    length: usize,
}

/// Cuts an access at page boundaries. All of it has been found to lie in one region.
fn pieces(address: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let at = address + done as u64;
        let offset = page_offset(at);
        let piece = Piece {
            page_number: number_of(at),
            offset,
            done,
            length: (length - done).min(PAGE_BYTES - offset),
        };
        done += piece.length;
        Some(piece)
    })
}

/// The number of the page of a byte that lies in a region.
pub(crate) fn number_of(address: u64) -> u32 {
    u32::try_from(address >> PAGE_OFFSET_BITS).expect("the address has 40 bits")
}

#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the mask leaves 12 bits")]
pub(crate) fn page_offset(address: u64) -> usize {
    (address & (layout::PAGE_BYTES - 1)) as usize
}

/// Whether an access stays in the page it begins in.
#[inline]
fn stays_in_page(address: u64, length: u64) -> bool {
    length <= layout::PAGE_BYTES - (address & (layout::PAGE_BYTES - 1))
}

impl Memory {
    /// Checks a load of `length` bytes: the address's width, the region and its end, every page's permissions, and that
    /// missing pages can be had. Any alignment will do; no bytes at all can be loaded anywhere.
    ///
    /// The work is that of the permission ranges and touched pages in the range, but missing pages are loaded: whoever pays by
    /// length charges for that before.
    ///
    /// # Errors
    /// Names the first byte that cannot be loaded.
    #[inline]
    pub fn plan_load(&mut self, address: u64, length: u64) -> Result<LoadPlan, Fault> {
        match self.working.recent_load(address >> PAGE_OFFSET_BITS) {
            Some(frame) if stays_in_page(address, length) => Ok(LoadPlan(self.warm(address, length, frame))),
            _ => self.plan(address, length, Access::Read).map(LoadPlan),
        }
    }

    /// Checks a store of `length` bytes, as [`plan_load`](Self::plan_load) does.
    ///
    /// # Errors
    /// Names the first byte that cannot be stored.
    #[inline]
    pub fn plan_store(&mut self, address: u64, length: u64) -> Result<StorePlan, Fault> {
        match self.working.recent_store(address >> PAGE_OFFSET_BITS) {
            Some(frame) if stays_in_page(address, length) => Ok(StorePlan(self.warm(address, length, frame))),
            _ => self.plan(address, length, Access::Write).map(StorePlan),
        }
    }

    /// Loads the planned 1 to 8 bytes, zero-extended, little endian. Of a longer plan only the first 8 bytes are loaded.
    ///
    /// # Panics
    /// If regions were added or removed or the memory was settled since the plan was made: an error of the embedder.
    #[inline]
    pub fn load(&mut self, plan: LoadPlan) -> u64 {
        let span = plan.0;
        self.assert_current(&span);
        if let Some(frame) = self.working.frame_at(span.frame, span.address >> PAGE_OFFSET_BITS)
            && let Some(value) = load_scalar(&frame.bytes()[page_offset(span.address)..], span.length)
        {
            if span.recalls != Recalls::default() {
                self.put_in_place(&span);
            }
            return value;
        }
        let mut value = [0; 8];
        let length = scalar_bytes(span.length);
        self.read_pieces(span.address, &mut value[..length]);
        self.put_in_place(&span);
        u64::from_le_bytes(value)
    }

    /// Stores the low bytes of `value`, little endian, to the planned 1 to 8 bytes. Of a longer plan only the first 8 bytes
    /// are stored.
    ///
    /// # Panics
    /// If regions were added or removed or the memory was settled since the plan was made: an error of the embedder.
    #[inline]
    pub fn store(&mut self, plan: StorePlan, value: u64) {
        let span = plan.0;
        self.assert_current(&span);
        if let Some(frame) = self.working.frame_at_mut(span.frame, span.address >> PAGE_OFFSET_BITS)
            && store_scalar(&mut frame.bytes_mut()[page_offset(span.address)..], span.length, value)
        {
            if span.recalls != Recalls::default() {
                self.put_in_place(&span);
            }
            return;
        }
        let length = scalar_bytes(span.length);
        self.write_pieces(span.address, &value.to_le_bytes()[..length]);
        self.put_in_place(&span);
    }

    /// Loads the planned bytes.
    ///
    /// # Panics
    /// If `bytes` is not as long as the plan, or the plan is void: errors of the embedder.
    pub fn read(&mut self, plan: LoadPlan, bytes: &mut [u8]) {
        let span = plan.0;
        self.assert_current(&span);
        assert_eq!(bytes.len() as u64, span.length, "a plan is for exactly its bytes");
        match self.working.frame_at(span.frame, span.address >> PAGE_OFFSET_BITS) {
            Some(frame) => bytes.copy_from_slice(&frame.bytes()[page_offset(span.address)..][..bytes.len()]),
            None => self.read_pieces(span.address, bytes),
        }
    }

    /// Stores the planned bytes.
    ///
    /// # Panics
    /// If `bytes` is not as long as the plan, or the plan is void: errors of the embedder.
    pub fn write(&mut self, plan: StorePlan, bytes: &[u8]) {
        let span = plan.0;
        self.assert_current(&span);
        assert_eq!(bytes.len() as u64, span.length, "a plan is for exactly its bytes");
        match self.working.frame_at_mut(span.frame, span.address >> PAGE_OFFSET_BITS) {
            Some(frame) => {
                frame.bytes_mut()[page_offset(span.address)..][..bytes.len()].copy_from_slice(bytes);
            }
            None => self.write_pieces(span.address, bytes),
        }
    }

    /// The content of a page that may be executed. It stands for the whole call: no page can be both written and executed.
    /// The call's touches do not change.
    ///
    /// # Errors
    /// If the page cannot be executed; the fault's address is that of its first byte.
    pub fn executable_page(&self, page_number: u32) -> Result<Page, Fault> {
        let address = u64::from(page_number) << PAGE_OFFSET_BITS;
        self.locate(address, layout::PAGE_BYTES, Access::Execute, Privilege::Program)?;
        match self.working.find(page_number).map(|frame| &self.working.frame(frame).content) {
            Some(Content::Clean(page) | Content::Placed { page, .. }) => Ok(page.clone()),
            Some(Content::Dirty(bytes)) => Ok(Page::new(bytes.clone())),
            None => self.untouched(page_number).map_err(|reason| Fault {
                address,
                access: Access::Execute,
                reason,
            }),
        }
    }

    /// Reads for the host: what the program would see, whatever the permissions, and without touching anything.
    ///
    /// # Errors
    /// Names the first byte that is not there.
    pub fn peek(&self, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        if let Some(view) = self.view_at(address, bytes.len() as u64) {
            return self.peek_view(view, address, bytes);
        }
        let access = Access::Read;
        self.locate(address, bytes.len() as u64, access, Privilege::Host)?;
        for piece in pieces(address, bytes.len()) {
            let page;
            let content = if let Some(frame) = self.working.find(piece.page_number) {
                self.working.frame(frame).bytes()
            } else {
                page = self.untouched(piece.page_number).map_err(|reason| Fault {
                    address: address + piece.done as u64,
                    access,
                    reason,
                })?;
                page.bytes()
            };
            bytes[piece.done..][..piece.length].copy_from_slice(&content[piece.offset..][..piece.length]);
        }
        Ok(())
    }

    /// Writes for the host, whatever the permissions; not through the second view of a segment, for which the packed one does. The call's touches do not change: a page that the call has stored to is
    /// written in the working set; any other is written in its cap's overlay, below the call, and is as cold as before.
    ///
    /// # Errors
    /// Names the first byte that is not there; nothing has been written then.
    pub fn poke(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        let access = Access::Write;
        if let Some(pages) = self.locate(address, bytes.len() as u64, access, Privilege::Host)? {
            self.stage_missing(address, pages, access)?;
        }
        for piece in pieces(address, bytes.len()) {
            let new = &bytes[piece.done..][..piece.length];
            let frame = self.working.find(piece.page_number);
            if let Some(frame) = frame.map(|frame| self.working.frame_mut(frame))
                && frame.is_own()
            {
                frame.bytes_mut()[piece.offset..][..piece.length].copy_from_slice(new);
                continue;
            }
            let mut page = match frame {
                Some(frame) => Box::new(self.working.frame(frame).bytes().clone()),
                None => Box::new(self.planned(piece.page_number).bytes().clone()),
            };
            page[piece.offset..][..piece.length].copy_from_slice(new);
            let page = Page::new(page);
            match frame.map(|frame| &mut self.working.frame_mut(frame).content) {
                Some(Content::Placed { page: placed, .. }) => {
                    *placed = page;
                    continue;
                }
                Some(content) => *content = Content::Clean(page.clone()),
                None => {}
            }
            self.overlay(piece.page_number, page);
        }
        Ok(())
    }

    /// Quick ways to pages, for the hot path of an engine; [`make_fast`](Self::make_fast) says to which.
    #[inline]
    pub fn fast_pages(&mut self) -> FastPages<'_> {
        self.working.fast_pages()
    }

    /// Lets accesses to the page of an address go the quick way: loads if the program may load from it and has touched it
    /// in this call, stores if it may store to it and has done so. The page must be in its place, as that of the last load or store is;
    /// it stays so at most until another page takes the place.
    pub fn make_fast(&mut self, address: u64) {
        if let Ok(page_number) = u32::try_from(address >> PAGE_OFFSET_BITS) {
            self.working.make_fast(page_number);
        }
    }

    /// Lets stores to the page of an address go the slow way until [`make_fast`](Self::make_fast) is told it again.
    pub fn make_stores_slow(&mut self, address: u64) {
        if let Ok(page_number) = u32::try_from(address >> PAGE_OFFSET_BITS) {
            self.working.make_stores_slow(page_number);
        }
    }

    /// Whether such an access finds its page in the cache of recent pages. It shows in nothing but speed.
    pub fn is_recent(&self, address: u64, length: u64, access: Access) -> bool {
        let page = address >> PAGE_OFFSET_BITS;
        let frame = match access {
            Access::Read => self.working.recent_load(page),
            Access::Write => self.working.recent_store(page),
            Access::Execute => None,
        };
        frame.is_some() && stays_in_page(address, length)
    }

    /// The span of an access to one page that it does not touch first.
    #[inline]
    fn warm(&self, address: u64, length: u64, frame: u32) -> Span {
        let is_scalar = length <= MAX_SCALAR;
        let recalls = if is_scalar { self.working.recall_of(frame) } else { Recalls::default() };
        Span { recalls, frame, ..self.unplaced(address, length) }
    }

    /// A span whose bytes are looked for when it is committed.
    pub(crate) fn unplaced(&self, address: u64, length: u64) -> Span {
        let (touches, frame) = (Touches::default(), Span::NO_FRAME);
        Span { address, length, touches, recalls: Recalls::default(), frame, epoch: self.epoch }
    }

    /// Puts the pages of a load or store in their places, unless it goes through the second view.
    #[cold]
    fn put_in_place(&mut self, span: &Span) {
        if self.view_at(span.address, span.length).is_none() {
            for piece in pieces(span.address, scalar_bytes(span.length)) {
                self.working.put_in_place(piece.page_number);
            }
        }
    }

    #[inline]
    fn assert_current(&self, span: &Span) {
        assert!(span.epoch == self.epoch, "a plan is committed before regions change or the memory settles");
    }

    /// The plan of any access.
    #[cold]
    fn plan(&mut self, address: u64, length: u64, access: Access) -> Result<Span, Fault> {
        if let Some(view) = self.view_at(address, length) {
            return self.plan_view(view, address, length, access);
        }
        if stays_in_page(address, length)
            && let Some(frame) = self.working.find_warm(address >> PAGE_OFFSET_BITS, access)
        {
            return Ok(self.warm(address, length, frame));
        }
        let Some(pages) = self.locate(address, length, access, Privilege::Program)? else {
            return Ok(self.unplaced(address, length));
        };
        self.stage_missing(address, pages, access)?;
        let touches = self.touches(pages.numbers(), access);
        let is_scalar = length <= MAX_SCALAR;
        let recalls =
            if is_scalar { self.working.recalls(pages.numbers(), access) } else { Recalls::default() };
        Ok(Span { touches, recalls, ..self.unplaced(address, length) })
    }

    /// Which of these pages the call would touch first, and which it would copy once more.
    pub(crate) fn touches(&self, page_numbers: RangeInclusive<u32>, access: Access) -> Touches {
        let count = page_numbers.end() - page_numbers.start() + 1;
        let synthesized = self.unmade(page_numbers.clone());
        let (mut known, mut paid, mut own) = (0, 0, 0);
        for frame in self.working.frames_in(page_numbers) {
            known += 1;
            paid += u32::from(frame.is_paid());
            own += u32::from(frame.is_own());
        }
        match access {
            Access::Write => {
                Touches { first_writes: count - paid, copies: paid - own, synthesized, ..Touches::default() }
            }
            Access::Read | Access::Execute => {
                Touches { first_reads: count - known, synthesized, ..Touches::default() }
            }
        }
    }

    /// Which of these pages the call would write first if they were placed; pages from `source` on, or ones that need not be hashed.
    pub(crate) fn placings(&self, page_numbers: RangeInclusive<u32>, source: Option<u32>) -> Touches {
        let (first, last) = (*page_numbers.start(), *page_numbers.end());
        let synthesized = self.unmade(page_numbers.clone());
        let dirty: u32 = self.working.frames_in(page_numbers).map(|frame| u32::from(frame.is_dirty())).sum();
        let mut touches =
            Touches { first_placed: last - first + 1 - dirty, synthesized, ..Touches::default() };
        let Some(source) = source else { return touches };
        let sources = self.working.frames_in(source..=source + (last - first));
        for frame in sources.filter(|frame| frame.is_paid()) {
            let target = self.working.find(first + (frame.page_number - source));
            let target = target.map(|target| self.working.frame(target));
            touches.first_writes += u32::from(!target.is_some_and(Frame::is_paid));
            touches.first_placed -= u32::from(!target.is_some_and(Frame::is_dirty));
        }
        touches
    }

    /// How many of these pages, all in one region, would have to be synthesized: nobody has written them, and the call has not
    /// touched them.
    fn unmade(&self, page_numbers: RangeInclusive<u32>) -> u32 {
        let (first, last) = (*page_numbers.start(), *page_numbers.end());
        let cap = self.regions[&region_of(first)].cap();
        if !cap.synthesis().is_some_and(|synthesis| synthesis.mode == Mode::Vrns) {
            return 0;
        }
        let is_made = |frame: &&Frame| !cap.is_stored(page_of(frame.page_number));
        let made = self.working.frames_in(page_numbers).filter(is_made).map(|_| 1_u32).sum::<u32>();
        last - first + 1 - cap.written_in(page_of(first)..page_of(last) + 1) - made
    }

    /// Finds the region and the pages of an access, or none if it has no bytes. What faults here faults on every node.
    pub(crate) fn locate(
        &self,
        address: u64,
        length: u64,
        access: Access,
        privilege: Privilege,
    ) -> Result<Option<Pages>, Fault> {
        if length == 0 {
            return Ok(None);
        }
        let fault = |address, reason| Err(Fault { address, access, reason });
        let Ok(start) = Address::new(address) else {
            return fault(address, FaultReason::AddressTooWide);
        };
        let Some(region) = self.regions.get(&start.region()) else {
            return fault(address, FaultReason::NoRegion);
        };
        let size = region.cap().size();
        let base = Address::from_linear(start.region(), 0).packed();
        let (first, linear) = (start.page(), u64::from(start.linear()));
        if linear >= size {
            let is_view = self.is_second_view(address, length);
            let reason = if is_view { FaultReason::SecondView } else { FaultReason::OutOfRegion };
            return fault(address, reason);
        }
        let end = linear.saturating_add(length);
        let last = Address::from_linear(start.region(), last_linear(end.min(size))).page();
        if privilege == Privilege::Program {
            let denied = self.first_denied(start.region(), first..last + 1, access);
            if denied <= last {
                let page_start = base + u64::from(denied) * layout::PAGE_BYTES;
                return fault(address.max(page_start), FaultReason::Permission);
            }
        }
        if end > size {
            return fault(base + size, FaultReason::OutOfRegion);
        }
        if privilege == Privilege::Host && access == Access::Write {
            // Not even the host writes where the allocator has nothing: that is zero when it is allocated.
            let denied = self.first_unallocated(start.region(), first..last + 1);
            if denied <= last {
                let page_start = base + u64::from(denied) * layout::PAGE_BYTES;
                return fault(address.max(page_start), FaultReason::Permission);
            }
        }
        Ok(Some(Pages { region: start.region(), first, last }))
    }

    /// Loads the content of missing pages that the call has not touched yet.
    pub(crate) fn stage_missing(&mut self, address: u64, pages: Pages, access: Access) -> Result<(), Fault> {
        if self.working.frames_in(pages.numbers()).count() as u64 > u64::from(pages.last - pages.first) {
            return Ok(()); // The call has touched all of them.
        }
        let region = &self.regions[&pages.region];
        for (page, leaf) in region.cap().missing_in(pages.first..pages.last + 1) {
            let number = page_number(pages.region, page);
            if self.working.find(number).is_none() && self.working.staged(number).is_none() {
                let address = address.max(u64::from(number) << PAGE_OFFSET_BITS);
                let content = self.fetch(&leaf).map_err(|reason| Fault { address, access, reason })?;
                self.working.stage(number, content);
            }
        }
        Ok(())
    }

    /// The content of a page that lies in a region and that the call has not touched.
    fn untouched(&self, page_number: u32) -> Result<Page, FaultReason> {
        let (cap, page) = (self.regions[&region_of(page_number)].cap(), page_of(page_number));
        match cap.slot(page) {
            PageSlot::Empty => Ok(cap.unwritten(page)),
            PageSlot::Loaded(page) => Ok(page),
            PageSlot::Missing(leaf) => {
                self.working.staged(page_number).cloned().map_or_else(|| self.fetch(&leaf), Ok)
            }
        }
    }

    /// The same, after a plan has loaded what was missing.
    fn planned(&self, page_number: u32) -> Page {
        self.untouched(page_number).expect("a plan has loaded the missing pages of its range")
    }

    /// The frame of a page, which is touched from now on.
    pub(crate) fn touch(&mut self, page_number: u32) -> u32 {
        self.working.find(page_number).unwrap_or_else(|| {
            let page = self.planned(page_number);
            let permissions = self.page_permissions(region_of(page_number), page_of(page_number));
            self.working.insert(page_number, permissions, page)
        })
    }

    pub(crate) fn read_pieces(&mut self, address: u64, bytes: &mut [u8]) {
        if let Some(view) = self.view_at(address, bytes.len() as u64) {
            return self.read_view(view, address, bytes);
        }
        for piece in pieces(address, bytes.len()) {
            let frame = self.touch(piece.page_number);
            let content = &self.working.frame(frame).bytes()[piece.offset..][..piece.length];
            bytes[piece.done..][..piece.length].copy_from_slice(content);
            self.working.remember(frame);
        }
    }

    pub(crate) fn write_pieces(&mut self, address: u64, bytes: &[u8]) {
        if let Some(view) = self.view_at(address, bytes.len() as u64) {
            return self.write_view(view, address, bytes);
        }
        for piece in pieces(address, bytes.len()) {
            let frame = self.touch(piece.page_number);
            let content = &mut self.working.frame_mut(frame).bytes_mut()[piece.offset..][..piece.length];
            content.copy_from_slice(&bytes[piece.done..][..piece.length]);
            self.working.remember(frame);
        }
    }
}

/// The offset in its region of the last byte before `end`, which is neither 0 nor above 2^32.
fn last_linear(end: u64) -> u32 {
    u32::try_from(end - 1).expect("a region has at most 2^32 bytes")
}

/// Bytes of the longest load or store of an instruction.
const MAX_SCALAR: u64 = 8;

#[allow(clippy::cast_possible_truncation, reason = "at most 8")]
fn scalar_bytes(length: u64) -> usize {
    length.min(MAX_SCALAR) as usize
}

/// The little-endian value of one of the four widths at the start of `bytes`.
#[inline]
fn load_scalar(bytes: &[u8], length: u64) -> Option<u64> {
    match length {
        1 => bytes.first().map(|&byte| byte.into()),
        2 => bytes.first_chunk().map(|&bytes| u16::from_le_bytes(bytes).into()),
        4 => bytes.first_chunk().map(|&bytes| u32::from_le_bytes(bytes).into()),
        8 => bytes.first_chunk().map(|&bytes| u64::from_le_bytes(bytes)),
        _ => None,
    }
}

/// Stores the low bytes of a value of one of the four widths to the start of `bytes`; tells whether it did.
#[inline]
fn store_scalar(bytes: &mut [u8], length: u64, value: u64) -> bool {
    fn put<const N: usize>(bytes: &mut [u8], value: u64) -> bool {
        let Some(place) = bytes.first_chunk_mut::<N>() else { return false };
        place.copy_from_slice(&value.to_le_bytes()[..N]);
        true
    }
    match length {
        1 => put::<1>(bytes, value),
        2 => put::<2>(bytes, value),
        4 => put::<4>(bytes, value),
        8 => put::<8>(bytes, value),
        _ => false,
    }
}
