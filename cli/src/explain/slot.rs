//! The places of the nodes of the list of allocations, and what they are called.

use travertine_merkle::layout::{self, LayoutError, StateField};
use travertine_merkle::{AllocationRecord, GeneralizedIndex, Hash, decode_uint64_chunk};

use super::position;
use crate::output::{Hex, HexNumber, grouped};

/// A claim's slot.
pub(super) struct SlotPlaces {
    leaf: GeneralizedIndex,
    /// The record's chunks; `None` if the slot is free.
    chunks: Option<[GeneralizedIndex; 8]>,
}

/// The fields of a record, in order.
const FIELDS: [&str; 8] = ["id", "address", "size", "kind", "flags", "owner", "fragment count", "fragments"];

impl SlotPlaces {
    pub(super) fn new(slot: u64, record: Option<&AllocationRecord>) -> Result<Self, LayoutError> {
        let chunks = record.map(|_| layout::allocation_chunks(slot)).transpose()?;
        Ok(Self { leaf: layout::allocation(slot)?, chunks })
    }

    /// Where the path begins: at a record's first chunk, at the zero leaf of a free slot, or at the length of the list that
    /// ends before the slot.
    pub(super) fn start(&self, is_leaf: impl Fn(GeneralizedIndex) -> bool) -> GeneralizedIndex {
        match self.chunks {
            Some([first, ..]) => first,
            None if is_leaf(self.leaf) => self.leaf,
            None => layout::allocations_length(),
        }
    }

    /// What a node below the allocations' field is, from its place; of a chunk also its value.
    pub(super) fn name(&self, index: GeneralizedIndex, hash: &Hash) -> String {
        let list = layout::field(StateField::Allocations);
        if index == layout::allocations_length() {
            return format!("length: {}", value(hash, false));
        }
        let levels = layout::ALLOCATIONS_LIMIT.ilog2();
        let level = index.depth() - list.depth() - 1;
        match level.checked_sub(levels) {
            None if level == 0 => "records".to_owned(),
            None => format!("records, level {level} of {levels}"),
            Some(0) => format!("slot {}", position(list, index)),
            Some(below) => self.record_name(index, below, hash),
        }
    }

    fn record_name(&self, index: GeneralizedIndex, below: u32, hash: &Hash) -> String {
        let field = self.chunks.iter().flatten().position(|chunk| *chunk == index);
        match field.and_then(|field| FIELDS.get(field)) {
            Some(field @ (&"owner" | &"fragments")) => (*field).to_owned(),
            Some(field) => format!("{field}: {}", value(hash, *field == "address")),
            None => format!("record, level {below} of {}", layout::ALLOCATION_FIELDS.ilog2()),
        }
    }
}

/// The integer in a chunk.
fn value(chunk: &Hash, is_address: bool) -> String {
    match decode_uint64_chunk(chunk) {
        Ok(address) if is_address => HexNumber(address).to_string(),
        Ok(number) => grouped(number),
        Err(_) => Hex(*chunk).short(),
    }
}
