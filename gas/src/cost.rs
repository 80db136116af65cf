//! What operations cost: the one place where prices are applied.

use travertine_merkle::layout::PAGE_BYTES;
use travertine_opcodes::Instruction;

use crate::meter::Charge;
use crate::operation::{Operation, PlaneKind};
use crate::schedule::Schedule;

/// `count` things at `price` each, at most `u64::MAX`: more than any limit pays.
fn times(count: u64, price: u64) -> u64 {
    count.saturating_mul(price)
}

/// `count` things at `price / denominator` each, all together rounded up.
fn parts(count: u64, price: u64, denominator: u64) -> u64 {
    let total = (u128::from(count) * u128::from(price)).div_ceil(u128::from(denominator));
    u64::try_from(total).unwrap_or(u64::MAX)
}

/// Bytes at a price in 64ths of a gas each, rounded up.
fn bytes(count: u64, price_64ths: u64) -> u64 {
    parts(count, price_64ths, 64)
}

fn sum<const N: usize>(terms: [u64; N]) -> u64 {
    terms.into_iter().fold(0, u64::saturating_add)
}

impl Schedule {
    /// What `operation` costs. Its base price is in the class `instructions`, whatever the operation is, and all that its
    /// operands add in the class of what they are.
    ///
    /// A class that would be above `u64::MAX` is `u64::MAX`.
    pub fn cost(&self, operation: &Operation) -> Charge {
        Charge {
            instructions: self.base_price(operation),
            memory: self.memory_part(operation),
            allocation: self.allocation_part(operation),
            host: self.host_part(operation),
        }
    }

    /// The base price of an instruction, in gas: what it costs if it is refused, and at least if it is not.
    pub fn base(&self, instruction: Instruction) -> u64 {
        self.base_price(&Operation::of(instruction))
    }

    fn base_price(&self, operation: &Operation) -> u64 {
        match *operation {
            Operation::Nop => self.nop,
            Operation::Mv => self.mv,
            Operation::Arithmetic => self.arithmetic,
            Operation::BitCount => self.bit_count,
            Operation::Multiply => self.multiply,
            Operation::Divide => self.divide,
            Operation::Load { bytes: count } => sum([self.load, bytes(count, self.load_byte_64ths)]),
            Operation::Store { bytes: count } => sum([self.store, bytes(count, self.store_byte_64ths)]),
            Operation::Branch => self.branch,
            Operation::Jump => self.jump,
            Operation::JumpRegister => self.jump_register,
            Operation::Atomic => self.atomic,
            Operation::Fence => self.fence,
            Operation::System => self.system,
            Operation::Allocate { .. } => self.allocate,
            Operation::Free { .. } => self.free,
            Operation::Size => self.size,
            Operation::Query => self.query,
            Operation::Resolve => self.resolve,
            Operation::Resize { .. } => self.resize,
            Operation::Copy { .. } => self.copy,
            Operation::Fill { .. } => self.fill,
            Operation::Gather { .. } => self.gather,
            Operation::Scatter { .. } => self.scatter,
            Operation::Share { .. } => self.share,
            Operation::Compact { .. } => self.compact,
            Operation::ReadGas => self.read_gas,
            Operation::ReadRefund => self.read_refund,
            Operation::ReadRoot => self.read_root,
            Operation::Halt => self.halt,
            Operation::Touch { .. }
            | Operation::Recall { .. }
            | Operation::Crossing { .. }
            | Operation::View { .. }
            | Operation::HostCall { .. }
            | Operation::Log { .. } => 0,
        }
    }

    /// Pages that are touched first, and bytes and pages that bulk operations move.
    fn memory_part(&self, operation: &Operation) -> u64 {
        match *operation {
            Operation::Copy { bytes: count, region_changes, plane_changes, pages } => sum([
                bytes(count, self.copy_byte_64ths),
                times(pages, self.copy_page),
                self.crossings(region_changes, plane_changes),
            ]),
            Operation::Fill { bytes: count, pages } => {
                sum([bytes(count, self.fill_byte_64ths), times(pages, self.fill_page)])
            }
            Operation::Gather { bytes: count, entries, region_changes, plane_changes, pages } => sum([
                bytes(count, self.gather_byte_64ths),
                times(entries, self.gather_entry),
                times(pages, self.gather_page),
                self.crossings(region_changes, plane_changes),
            ]),
            Operation::Scatter { bytes: count, entries, region_changes, plane_changes, pages } => sum([
                bytes(count, self.scatter_byte_64ths),
                times(entries, self.scatter_entry),
                times(pages, self.scatter_page),
                self.crossings(region_changes, plane_changes),
            ]),
            Operation::Share { pages, region_changes, plane_changes } => {
                sum([times(pages, self.share_page), self.crossings(region_changes, plane_changes)])
            }
            Operation::Touch { first_reads, first_writes, synthesized, copies, first_placed } => sum([
                times(first_reads, self.page_first_read),
                times(first_writes, self.page_first_write),
                times(synthesized, self.page_synthesis),
                times(copies, self.page_copy),
                times(first_placed, self.page_first_placed),
            ]),
            Operation::Recall { near, far } => {
                sum([times(near, self.page_recall), times(far, self.page_far_recall)])
            }
            Operation::Crossing { accesses } => times(accesses, self.page_crossing),
            Operation::View { bytes: count } => times(count, self.view_byte),
            _ => 0,
        }
    }

    fn allocation_part(&self, operation: &Operation) -> u64 {
        match *operation {
            Operation::Allocate {
                bytes,
                kind,
                planes_before,
                planes_after,
                extra_planes,
                further_regions,
            } => sum([
                times(u64::from(bytes > 0), self.allocate_record),
                self.allocated(bytes),
                times(further_regions, self.allocate_region),
                times(u64::from(kind == PlaneKind::Generative), self.generative_region),
                self.growth(kind, planes_before, planes_after),
                times(extra_planes, self.promotion_plane),
            ]),
            Operation::Resize {
                added_bytes,
                copied_bytes,
                moved_pages,
                resident_pages,
                remaps,
                kind,
                planes_before,
                planes_after,
                extra_planes,
            } => sum([
                self.resize_record,
                self.allocated(added_bytes),
                bytes(copied_bytes, self.copy_byte_64ths),
                times(moved_pages, self.resize_page),
                times(resident_pages, self.resident_page),
                times(remaps, self.resize_remap),
                self.growth(kind, planes_before, planes_after),
                times(extra_planes, self.promotion_plane),
            ]),
            Operation::Free { pages, resident_pages } => sum([
                self.free_record,
                times(pages, self.free_page),
                times(resident_pages, self.resident_page),
            ]),
            Operation::Compact { moved_frames, scanned_planes, written_runs } => sum([
                self.compact_search,
                times(moved_frames, self.compact_frame),
                times(scanned_planes, self.compact_plane),
                times(written_runs, self.compact_run),
            ]),
            _ => 0,
        }
    }

    /// So many moves, of frames or away from planes that cannot be emptied, are more than this gas pays: no compaction needs to
    /// be planned further.
    pub fn unpaid_moves(&self, gas: u64) -> u64 {
        let moves = gas.checked_div(self.compact_frame.min(self.compact_plane));
        moves.map_or(u64::MAX, |moves| moves.saturating_add(1))
    }

    fn host_part(&self, operation: &Operation) -> u64 {
        match *operation {
            Operation::HostCall { bytes: count, gas } => {
                sum([self.host_call, bytes(count, self.host_byte_64ths), gas])
            }
            Operation::Log { bytes: count, topics } => {
                sum([self.log, bytes(count, self.log_byte_64ths), times(topics, self.log_topic)])
            }
            _ => 0,
        }
    }

    /// New bytes: each, and every page that they begin.
    fn allocated(&self, count: u64) -> u64 {
        sum([bytes(count, self.allocate_byte_64ths), times(count.div_ceil(PAGE_BYTES), self.allocate_page)])
    }

    fn crossings(&self, region_changes: u64, plane_changes: u64) -> u64 {
        sum([times(region_changes, self.region_change), times(plane_changes, self.plane_change)])
    }

    /// What it costs that the regions of a kind grow from `before` to `after` planes together, in gas: 0 if they do not
    /// grow. Growing in steps costs the same as growing at once.
    pub fn growth(&self, kind: PlaneKind, before: u64, after: u64) -> u64 {
        // Most often they stay as many, and the products take time.
        if after <= before {
            return 0;
        }
        let (plane, square) = match kind {
            PlaneKind::Heap | PlaneKind::Generative => (self.heap_plane, self.heap_plane_square_1024ths),
            PlaneKind::Shared => (self.shared_plane, self.shared_plane_square_1024ths),
            PlaneKind::Transient => (self.transient_plane, self.transient_plane_square_1024ths),
            PlaneKind::State => (self.state_plane, self.state_plane_square_1024ths),
        };
        // The price of owning `planes` at all; below 2^64 for all that a machine can have.
        let owning = |planes: u64| {
            let planes = u128::from(planes);
            let squares = planes.saturating_mul(planes).saturating_mul(u128::from(square)) / 1024;
            planes.saturating_mul(u128::from(plane)).saturating_add(squares)
        };
        u64::try_from(owning(after).saturating_sub(owning(before))).unwrap_or(u64::MAX)
    }
}
