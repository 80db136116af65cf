//! Plans of bulk operations: what is permitted, and what it costs by. A plan changes nothing.

use travertine_merkle::layout::{PAGE_BYTES, PLANE_BYTES, REGION_BYTES};

use super::{BulkFault, BulkPlan, ByteRange, Quantities, Work};
use crate::access::{Pages, Privilege};
use crate::fault::{Access, Fault, FaultReason};
use crate::memory::Memory;
use crate::plan::Touches;

impl Memory {
    /// Plans to copy `length` bytes to `to` from `from`. The ranges may overlap: every byte is read as it was before.
    ///
    /// The work is that of the permission ranges and touched pages in both ranges.
    ///
    /// # Errors
    /// Names the first byte that cannot be read, or else the first that cannot be written.
    pub fn plan_copy(&self, to: u64, from: u64, length: u64) -> Result<BulkPlan, BulkFault> {
        let reads = self.permitted(from, length, Access::Read)?;
        let writes = self.permitted(to, length, Access::Write)?;
        let [source, target] = [from, to].map(|address| ByteRange { address, length });
        let touches = self.touches_of(reads, Access::Read) + self.touches_of(writes, Access::Write);
        let quantities = Quantities { bytes: length, touches, ..target.changes(&[source]) };
        Ok(self.bulk_plan(Work::Copy { to: target, from }, quantities))
    }

    /// Plans to set `length` bytes at `to` to `value`.
    ///
    /// # Errors
    /// Names the first byte that cannot be written.
    pub fn plan_fill(&self, to: u64, length: u64, value: u8) -> Result<BulkPlan, BulkFault> {
        let writes = self.permitted(to, length, Access::Write)?;
        let target = ByteRange { address: to, length };
        let quantities = Quantities {
            bytes: length,
            touches: self.touches_of(writes, Access::Write),
            ..Quantities::default()
        };
        Ok(self.bulk_plan(Work::Fill { to: target, value }, quantities))
    }

    /// Plans to let `length` bytes of whole pages from `from` appear at `to`: a copy that is not made before one of the two
    /// is stored to. What is permitted on a page stays as it is on both sides, and
    /// [`Permissions::SHARED`](crate::Permissions::SHARED) is not asked for: source and target are pages of one program.
    ///
    /// # Errors
    /// As for a copy; and if the source, the target or the source's end does not lie at the start of a page.
    pub fn plan_share(&self, to: u64, from: u64, length: u64) -> Result<BulkPlan, BulkFault> {
        let ends = [(from, Access::Read), (to, Access::Write), (from.wrapping_add(length), Access::Read)];
        match ends.into_iter().find(|(address, _)| !address.is_multiple_of(PAGE_BYTES)) {
            Some((address, access)) => Err(Fault { address, access, reason: FaultReason::Misaligned }.into()),
            None => self.plan_copy(to, from, length),
        }
    }

    /// Loads the content of missing pages that the plan needs. Whoever pays does so before: it may be much.
    ///
    /// # Errors
    /// The fault of a page that this node lacks; the plan can be tried again.
    pub fn load_missing(&mut self, plan: &BulkPlan) -> Result<(), Fault> {
        let reads = plan.reads().map(|range| (range, Access::Read));
        for (ByteRange { address, length }, access) in
            reads.chain(plan.writes().iter().map(|&range| (range, Access::Write)))
        {
            if let Some(pages) = self.permitted(address, length, access)? {
                self.stage_missing(address, pages, access)?;
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

    fn touches_of(&self, pages: Option<Pages>, access: Access) -> Touches {
        pages.map_or_else(Touches::default, |pages| self.touches(pages.numbers(), access))
    }
}

impl ByteRange {
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
