//! Records of allocations in a snapshot.

use travertine_memory::{Address, Allocation, AllocationFlags, Fragment, Fragments, RecordList, RegionKind};

use super::error::SnapshotError;
use super::record::{AllocationForm, ArchivedAllocationForm};

/// The records as they are stored, by ascending slot.
pub(super) fn stored(records: &RecordList) -> Vec<AllocationForm> {
    let form = |(slot, record): (u32, &Allocation)| AllocationForm {
        id: record.id,
        address: record.address.packed(),
        size: record.size,
        owner: record.owner,
        slot,
        kind: record.kind.code(),
        flags: record.flags.bits(),
        fragments: record.fragments.iter().map(|fragment| fragment.word()).collect(),
    };
    records.iter().map(form).collect()
}

/// The records that are stored. Each is well formed by itself.
pub(super) fn read(forms: &[ArchivedAllocationForm]) -> Result<RecordList, SnapshotError> {
    let mut records = RecordList::new();
    let mut before = None;
    for form in forms {
        let slot = form.slot.to_native();
        if Some(slot) <= before {
            return Err(SnapshotError::AllocationOrder(slot));
        }
        before = Some(slot);
        records.insert_at(slot, allocation(form)?).map_err(SnapshotError::Slot)?;
    }
    Ok(records)
}

fn allocation(form: &ArchivedAllocationForm) -> Result<Allocation, SnapshotError> {
    let slot = form.slot.to_native();
    let fragment = |word: &rkyv::rend::u64_le| Fragment::from_word(word.to_native());
    let fragments: Vec<Fragment> = form
        .fragments
        .iter()
        .map(fragment)
        .collect::<Result<_, _>>()
        .map_err(|error| SnapshotError::Fragment { slot, error })?;
    Ok(Allocation {
        id: form.id.to_native(),
        address: Address::new(form.address.to_native())
            .map_err(|error| SnapshotError::AllocationAddress { slot, error })?,
        size: form.size.to_native(),
        kind: RegionKind::from_code(form.kind)
            .ok_or(SnapshotError::AllocationKind { slot, kind: form.kind })?,
        flags: AllocationFlags::from_bits(form.flags),
        owner: form.owner,
        fragments: Fragments::from(&fragments[..]),
    })
}
