//! Plans of bulk operations: what is permitted, and what it costs by. A plan changes nothing.

use std::ops::RangeInclusive;

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES};

use super::{BulkFault, BulkPlan, ByteRange, Quantities, Work};
use crate::access::{Pages, Privilege, number_of, page_offset};
use crate::fault::{Access, Fault, FaultReason};
use crate::memory::Memory;
use crate::plan::Touches;
use crate::region::RegionKind;

impl Memory {
    /// Plans to copy `length` bytes to `to` from `from`. The ranges may overlap: every byte is read as it was before.
    ///
    /// Where whole pages come from whole pages, ranges that do not overlap share them: they are not copied before one of the two is
    /// stored to. What the machine writes (a call's context and input, the substrate) is not shared, but copied.
    ///
    /// The work is that of the permission ranges and touched pages in both ranges.
    ///
    /// # Errors
    /// Names the first byte that cannot be read, or else the first that cannot be written.
    pub fn plan_copy(&self, to: u64, from: u64, length: u64) -> Result<BulkPlan, BulkFault> {
        let (reads, is_machines) = self.permitted_copy(to, from, length)?;
        let [source, target] = [from, to].map(|address| ByteRange { address, length });
        let shares = page_offset(from) == page_offset(to) && !source.overlaps(target) && !is_machines;
        let placed = if shares { target.whole_pages() } else { target.rest(length) };
        let touches =
            reads + self.touches_around(target, placed) + self.placings_of(target, placed, Some(from));
        let quantities = Quantities { touches, ..target.changes(&[source]) }.of(target, placed);
        Ok(self.bulk_plan(Work::Copy { to: target, from, placed, pays: false }, quantities))
    }

    /// Plans to set `length` bytes at `to` to `value`. Whole pages share one.
    ///
    /// # Errors
    /// Names the first byte that cannot be written.
    pub fn plan_fill(&self, to: u64, length: u64, value: u8) -> Result<BulkPlan, BulkFault> {
        self.permitted(to, length, Access::Write)?;
        let target = ByteRange { address: to, length };
        let placed = target.whole_pages();
        let touches = self.touches_around(target, placed) + self.placings_of(target, placed, None);
        let quantities = Quantities { touches, ..Quantities::default() }.of(target, placed);
        Ok(self.bulk_plan(Work::Fill { to: target, value, placed }, quantities))
    }

    /// Plans to let `length` bytes of whole pages from `from` appear at `to`: a copy that is not made before one of the two
    /// is stored to. What is permitted on a page stays as it is on both sides, and
    /// [`Permissions::SHARED`](crate::Permissions::SHARED) is not asked for: source and target are pages of one program.
    ///
    /// Pages that the machine or the call writes are not hashed yet: to share them costs what storing to the target does.
    ///
    /// # Errors
    /// As for a copy; and if the source, the target or the source's end does not lie at the start of a page.
    pub fn plan_share(&self, to: u64, from: u64, length: u64) -> Result<BulkPlan, BulkFault> {
        let ends = [(from, Access::Read), (to, Access::Write), (from.wrapping_add(length), Access::Read)];
        if let Some((address, access)) =
            ends.into_iter().find(|(address, _)| !address.is_multiple_of(PAGE_BYTES))
        {
            return Err(Fault { address, access, reason: FaultReason::Misaligned }.into());
        }
        let (reads, pays) = self.permitted_copy(to, from, length)?;
        let [source, target] = [from, to].map(|address| ByteRange { address, length });
        let writes = if pays {
            Touches { copies: 0, ..self.touches_of(target, Access::Write) }
        } else {
            self.placings_of(target, target, Some(from))
        };
        let quantities = Quantities { touches: reads + writes, ..target.changes(&[source]) };
        let quantities = quantities.of(target, target);
        Ok(self.bulk_plan(Work::Copy { to: target, from, placed: target, pays }, quantities))
    }

    /// Checks both sides of a copy. Tells what is touched by reading, and whether the machine itself writes to the source's region,
    /// which nobody has paid for.
    fn permitted_copy(&self, to: u64, from: u64, length: u64) -> Result<(Touches, bool), BulkFault> {
        let reads = self.permitted(from, length, Access::Read)?;
        self.permitted(to, length, Access::Write)?;
        let Some(pages) = reads else { return Ok((Touches::default(), false)) };
        let is_machines =
            matches!(self.regions[&pages.region].kind(), RegionKind::VmControl | RegionKind::Mmio);
        Ok((self.touches(pages.numbers(), Access::Read), is_machines))
    }

    /// Loads the content of missing pages that the plan needs. Whoever pays does so before: it may be much.
    ///
    /// # Errors
    /// The fault of a page that this node lacks; the plan can be tried again.
    pub fn load_missing(&mut self, plan: &BulkPlan) -> Result<(), Fault> {
        let reads = plan.reads().map(|range| (range, Access::Read));
        for (range, access) in reads.chain(plan.writes().iter().map(|&range| (range, Access::Write))) {
            if let Some(numbers) = range.page_numbers() {
                self.stage_missing(range.address, Pages::of(&numbers), access)?;
            }
        }
        if self.block().is_some() {
            self.stage_edges(&plan.edges())?;
        }
        Ok(())
    }

    pub(super) fn bulk_plan(&self, work: Work, quantities: Quantities) -> BulkPlan {
        BulkPlan { work, quantities, epoch: self.epoch }
    }

    pub(super) fn permitted(
        &self,
        address: u64,
        length: u64,
        access: Access,
    ) -> Result<Option<Pages>, Fault> {
        self.locate(address, length, access, Privilege::Program)
    }

    fn touches_of(&self, range: ByteRange, access: Access) -> Touches {
        range.page_numbers().map_or_else(Touches::default, |pages| self.touches(pages, access))
    }

    /// What is touched by writing a range but for a part of it that is placed.
    fn touches_around(&self, range: ByteRange, placed: ByteRange) -> Touches {
        let [before, behind] = range.around(placed);
        self.touches_of(before, Access::Write) + self.touches_of(behind, Access::Write)
    }

    /// What is touched by placing a part of a range, which comes from an address or needs not be hashed.
    fn placings_of(&self, range: ByteRange, placed: ByteRange, from: Option<u64>) -> Touches {
        let source = |from| number_of(from + (placed.address - range.address));
        placed.page_numbers().map_or_else(Touches::default, |pages| self.placings(pages, from.map(source)))
    }
}

impl Quantities {
    /// Those of a range of which a part is placed.
    fn of(self, range: ByteRange, placed: ByteRange) -> Self {
        Self { bytes: range.length - placed.length, pages: placed.length / PAGE_BYTES, ..self }
    }
}

impl ByteRange {
    /// The range without its first bytes, which it has.
    fn rest(self, first: u64) -> Self {
        Self { address: self.address.wrapping_add(first), length: self.length - first }
    }

    /// The pages that lie in the range as a whole; if there is none, its end.
    fn whole_pages(self) -> Self {
        let before = self.address.wrapping_neg() % PAGE_BYTES;
        let whole = self.length.saturating_sub(before) / PAGE_BYTES * PAGE_BYTES;
        if whole == 0 { self.rest(self.length) } else { Self { length: whole, ..self.rest(before) } }
    }

    /// What lies before and behind a part of the range.
    pub(super) fn around(self, part: Self) -> [Self; 2] {
        let before = Self { length: part.address.wrapping_sub(self.address), ..self };
        [before, self.rest(before.length + part.length)]
    }

    /// The numbers of the pages that it has bytes in.
    pub(super) fn page_numbers(self) -> Option<RangeInclusive<u32>> {
        (self.length > 0).then(|| number_of(self.address)..=number_of(self.address + (self.length - 1)))
    }

    /// The changes of region and plane between this range and others; those without bytes change nothing.
    pub(super) fn changes(self, others: &[Self]) -> Quantities {
        let mut changes = Quantities::default();
        for other in others.iter().filter(|other| other.length > 0) {
            if other.address / REGION_BYTES != self.address / REGION_BYTES {
                changes.region_changes += 1;
            } else if other.address / PLANE_BYTES != self.address / PLANE_BYTES {
                changes.plane_changes += 1;
            }
        }
        changes
    }

    /// Whether any byte is in both ranges, which lie in regions where they are not empty.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.length > 0
            && other.length > 0
            && self.address < other.address + other.length
            && other.address < self.address + self.length
    }
}
