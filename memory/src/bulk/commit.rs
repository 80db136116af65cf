//! Commits of bulk operations. They go by pieces that lie in one page on either side; whole pages are shared, not copied.

use super::batch::{Batch, Direction};
use super::{BulkPlan, ByteRange, Work};
use crate::access::{number_of, page_offset};
use crate::memory::Memory;
use crate::page::{PAGE_BYTES, Page, PageBytes};

/// Pages as they were before a commit that writes to them, in the order of their addresses.
#[derive(Default)]
struct Before {
    first: u32,
    pages: Vec<Page>,
}

impl Before {
    fn page(&self, page_number: u32) -> Option<&Page> {
        self.pages.get(page_number.checked_sub(self.first)? as usize)
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
            Work::Copy { to, from } => {
                let source = ByteRange { address: from, ..to };
                if from < to.address && source.overlaps(to) {
                    self.copy_backwards(to, from);
                } else {
                    self.copy_forwards(to, from, &Before::default());
                }
            }
            Work::Fill { to, value } => self.fill(to, value),
            Work::Batch(batch) => self.copy_batch(&batch),
        }
        if let Some(edges) = edges {
            self.count_edges(&edges);
        }
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
        let is_whole = length == PAGE_BYTES;
        let target = self.touch(number_of(to));
        let into = page_offset(to)..page_offset(to) + length;
        let out_of = page_offset(from)..page_offset(from) + length;
        if let Some(page) = before.page(number_of(from)) {
            let target = self.working.frame_mut(target);
            if is_whole {
                target.place(page.clone());
            } else {
                target.bytes_mut()[into].copy_from_slice(&page.bytes()[out_of]);
            }
            return;
        }
        let source = self.touch(number_of(from));
        if is_whole {
            let page = self.working.frame_mut(source).share();
            self.working.frame_mut(target).place(page);
        } else if source == target {
            self.working.frame_mut(target).bytes_mut().copy_within(out_of, into.start);
        } else {
            let (source, target) = self.working.frame_pair(source, target);
            target.bytes_mut()[into].copy_from_slice(&source.bytes()[out_of]);
        }
    }

    /// All whole pages share one, which is hashed once.
    fn fill(&mut self, to: ByteRange, value: u8) {
        let mut whole = None;
        let mut done = 0;
        while done < to.length {
            let target = to.address + done;
            let offset = page_offset(target);
            let length = at_most(PAGE_BYTES - offset, to.length - done);
            let frame = self.touch(number_of(target));
            let frame = self.working.frame_mut(frame);
            if length == PAGE_BYTES {
                frame.place(whole.get_or_insert_with(|| filled_page(value)).clone());
            } else {
                frame.bytes_mut()[offset..offset + length].fill(value);
            }
            done += length as u64;
        }
    }

    /// If bytes are both read and written, the pages of the joined range are read as they were before.
    fn copy_batch(&mut self, batch: &Batch) {
        let &Batch { list, joined, direction, .. } = batch;
        for page_number in page_numbers(list) {
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
        for page_number in page_numbers(range) {
            let frame = self.touch(page_number);
            before.pages.push(self.working.frame_mut(frame).share());
        }
        before
    }
}

/// How many of the bytes that are left fit into the room of a page.
fn at_most(room: usize, left: u64) -> usize {
    usize::try_from(left).map_or(room, |left| left.min(room))
}

/// The numbers of the pages that a range has bytes in.
fn page_numbers(range: ByteRange) -> impl Iterator<Item = u32> {
    let pages =
        (range.length > 0).then(|| number_of(range.address)..=number_of(range.address + range.length - 1));
    pages.into_iter().flatten()
}

fn filled_page(value: u8) -> Page {
    if value == 0 {
        return Page::zero();
    }
    let mut bytes = PageBytes::zeroed();
    bytes.fill(value);
    Page::new(bytes)
}
