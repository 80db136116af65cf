//! Commits of bulk operations. They go by pieces that lie in one page on either side; pages that are placed are shared, not copied.

use super::batch::{Batch, Direction};
use super::{BulkPlan, ByteRange, Work};
use crate::access::{number_of, page_offset};
use crate::memory::Memory;
use crate::page::{PAGE_BYTES, Page, PageBytes};

/// Pages as they were before a commit that writes to them, in the order of their addresses.
#[derive(Default)]
struct Before {
    first: u32,
    pages: Vec<Box<PageBytes>>,
}

impl Before {
    fn page(&self, page_number: u32) -> Option<&PageBytes> {
        self.pages.get(page_number.checked_sub(self.first)? as usize).map(|page| &**page)
    }
}

impl Memory {
    /// Carries out a bulk operation.
    ///
    /// # Panics
    /// If the plan is void, or its missing pages were not loaded ([`load_missing`](Self::load_missing)): errors of the
    /// embedder.
    pub fn commit(&mut self, plan: BulkPlan) {
        assert!(plan.epoch == self.epoch, "a plan is committed before regions change or the memory settles");
        let edges = self.block().map(|_| plan.edges());
        match plan.work {
            Work::Copy { to, from, placed, pays } => self.copy(to, from, placed, pays),
            Work::Fill { to, value, placed } => self.fill(to, value, placed),
            Work::Batch(batch) => self.copy_batch(&batch),
        }
        if let Some(edges) = edges {
            self.count_edges(&edges);
        }
    }

    fn copy(&mut self, to: ByteRange, from: u64, placed: ByteRange, pays: bool) {
        let source_of = |part: ByteRange| from + (part.address - to.address);
        let is_backwards = from < to.address && to.overlaps(ByteRange { address: from, ..to });
        for part in to.around(placed) {
            if is_backwards {
                self.copy_backwards(part, source_of(part));
            } else {
                self.copy_forwards(part, source_of(part), &Before::default());
            }
        }
        let Some(targets) = placed.page_numbers() else { return };
        let source = |target: u32| number_of(source_of(placed)) + (target - targets.start());
        if is_backwards {
            targets.clone().rev().for_each(|target| self.place(source(target), target, pays));
        } else {
            targets.clone().for_each(|target| self.place(source(target), target, pays));
        }
    }

    fn place(&mut self, source: u32, target: u32, pays: bool) {
        let (target, source) = (self.touch(target), self.touch(source));
        self.working.place(source, target, pays);
    }

    /// Copies the first bytes first, which may overwrite the source behind what has been read. Pages of `before` are read
    /// there.
    fn copy_forwards(&mut self, to: ByteRange, from: u64, before: &Before) {
        let mut done = 0;
        while done < to.length {
            let (target, source) = (to.address + done, from + done);
            let room = PAGE_BYTES - page_offset(target).max(page_offset(source));
            let length = at_most(room, to.length - done);
            self.copy_piece(target, source, length, before);
            done += length as u64;
        }
    }

    /// Copies the last bytes first, which may overwrite the source before what is left to read.
    fn copy_backwards(&mut self, to: ByteRange, from: u64) {
        let mut left = to.length;
        while left > 0 {
            let last = left - 1;
            let room = 1 + page_offset(to.address + last).min(page_offset(from + last));
            let length = at_most(room, left);
            left -= length as u64;
            self.copy_piece(to.address + left, from + left, length, &Before::default());
        }
    }

    /// Copies bytes of one page to one page.
    fn copy_piece(&mut self, to: u64, from: u64, length: usize, before: &Before) {
        let target = self.touch(number_of(to));
        let into = page_offset(to)..page_offset(to) + length;
        let out_of = page_offset(from)..page_offset(from) + length;
        if let Some(page) = before.page(number_of(from)) {
            self.working.frame_mut(target).bytes_mut()[into].copy_from_slice(&page[out_of]);
            return;
        }
        let source = self.touch(number_of(from));
        if source == target {
            self.working.frame_mut(target).bytes_mut().copy_within(out_of, into.start);
        } else {
            let (source, target) = self.working.frame_pair(source, target);
            target.bytes_mut()[into].copy_from_slice(&source.bytes()[out_of]);
        }
    }

    fn fill(&mut self, to: ByteRange, value: u8, placed: ByteRange) {
        for part in to.around(placed) {
            let mut done = 0;
            while done < part.length {
                let target = part.address + done;
                let offset = page_offset(target);
                let length = at_most(PAGE_BYTES - offset, part.length - done);
                let frame = self.touch(number_of(target));
                self.working.frame_mut(frame).bytes_mut()[offset..offset + length].fill(value);
                done += length as u64;
            }
        }
        for target in placed.page_numbers().into_iter().flatten() {
            let frame = self.touch(target);
            self.working.place_page(frame, Page::filled(value), false);
        }
    }

    /// If bytes are both read and written, the pages of the joined range are read as they were before.
    fn copy_batch(&mut self, batch: &Batch) {
        let &Batch { list, joined, direction, .. } = batch;
        for page_number in list.page_numbers().into_iter().flatten() {
            self.touch(page_number);
        }
        let overlaps = batch.entries.iter().any(|entry| entry.overlaps(joined));
        let before = if overlaps { self.keep(joined) } else { Before::default() };
        let mut address = joined.address;
        for &entry in &batch.entries {
            match direction {
                Direction::Gather => {
                    self.copy_forwards(ByteRange { address, ..entry }, entry.address, &before);
                }
                Direction::Scatter => self.copy_forwards(entry, address, &before),
            }
            address += entry.length;
        }
    }

    /// The pages of a range as they are now.
    fn keep(&mut self, range: ByteRange) -> Before {
        let mut before = Before { first: number_of(range.address), pages: Vec::new() };
        for page_number in range.page_numbers().into_iter().flatten() {
            let frame = self.touch(page_number);
            before.pages.push(Box::new(self.working.frame(frame).bytes().clone()));
        }
        before
    }
}

/// How many of the bytes that are left fit into the room of a page.
fn at_most(room: usize, left: u64) -> usize {
    usize::try_from(left).map_or(room, |left| left.min(room))
}
