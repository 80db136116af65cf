//! What must hold of a list of records that comes from outside.

use travertine_merkle::layout::REGION_BYTES;

use super::records::RecordList;

/// Why a list of records cannot be that of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllocationsError {
    /// Numbers begin with 1.
    #[error("the next allocation is to be number 0: the first is number 1")]
    Next,
    /// Numbers are given from 1 on, and the next one has not been given.
    #[error("slot {slot} holds allocation {id}, and the next one is to be {next}")]
    Id {
        /// The slot.
        slot: u32,
        /// The allocation's number.
        id: u64,
        /// The number of the next allocation.
        next: u64,
    },
    /// Two records have one number.
    #[error("slot {slot} holds allocation {id}, and so does another")]
    Repeated {
        /// The higher slot.
        slot: u32,
        /// The allocation's number.
        id: u64,
    },
    /// An allocation has at least one byte and lies in one region.
    #[error(
        "slot {slot} holds {size} bytes at {address:#x}: none, or more than lie in the region from there"
    )]
    Range {
        /// The slot.
        slot: u32,
        /// Packed address of the first byte.
        address: u64,
        /// Bytes.
        size: u64,
    },
    /// An allocation has at least one run of frames.
    #[error("slot {slot} holds an allocation without frames")]
    NoFrames {
        /// The slot.
        slot: u32,
    },
}

impl RecordList {
    /// Checks each record by itself, and that no number is given twice or is still to be given.
    ///
    /// # Errors
    /// [`AllocationsError`] names the first slot that is wrong.
    pub(crate) fn check(&self, next: u64) -> Result<(), AllocationsError> {
        if next == 0 {
            return Err(AllocationsError::Next);
        }
        let mut ids = Vec::with_capacity(self.len() as usize);
        for (slot, record) in self.iter() {
            let (id, size, address) = (record.id, record.size, record.address.packed());
            if id == 0 || id >= next {
                return Err(AllocationsError::Id { slot, id, next });
            }
            if size == 0 || size > REGION_BYTES - address % REGION_BYTES {
                return Err(AllocationsError::Range { slot, address, size });
            }
            if record.fragments.is_empty() {
                return Err(AllocationsError::NoFrames { slot });
            }
            ids.push((id, slot));
        }
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(&[_, (id, slot)]) => Err(AllocationsError::Repeated { slot, id }),
            _ => Ok(()),
        }
    }
}
