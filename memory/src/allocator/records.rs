//! The list of allocation records: a persistent radix tree with 64 records in each leaf, which is at the same time the
//! Merkle tree of the list.

use std::fmt;

use travertine_merkle::layout::{ALLOCATION_FIELDS, ALLOCATIONS_LIMIT};
use travertine_merkle::{
    AllocationRecord, GeneralizedIndex, Hash, ZERO_HASH, merkleize, merkleize_each, mix_in_length,
    uint64_chunk, zero_hash,
};

use super::hashes::{CachedHashes, ENTRIES, ENTRY_LEVELS, bits};
use super::record::Allocation;
use crate::persistent::{Held, Rest};

/// Why a record cannot be put into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// All slots are used.
    #[error("all {ALLOCATIONS_LIMIT} slots of the list of allocations are used")]
    Full,
    /// There is no such slot.
    #[error("slot {slot}, the list of allocations has {ALLOCATIONS_LIMIT}")]
    NoSlot {
        /// The slot's number.
        slot: u32,
    },
    /// The slot holds a record.
    #[error("slot {slot} of the list of allocations is used")]
    Occupied {
        /// The slot's number.
        slot: u32,
    },
}

/// The records of all live allocations, each in its slot.
///
/// A clone shares all records that are at rest and costs up to 64 reference counts; the first change after it copies the path to
/// the changed record. Records that have changed since the last [`rest`](Self::rest) are copied with the nodes that they lie in. A
/// root hashes the changed records and the paths to them.
#[derive(Clone, Default)]
pub struct RecordList {
    top: Top,
    len: u32,
}

type Top = Inner<Inner<Inner<Leaf>>>;

const _: () = assert!(1 << Top::LEVELS == ALLOCATIONS_LIMIT);

impl RecordList {
    /// A list without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length of the list in the state tree: the highest used slot and one, 0 if all are free.
    pub fn slots(&self) -> u32 {
        self.top.highest().map_or(0, |slot| slot + 1)
    }

    /// The slot that [`insert`](Self::insert) will take; `None` if all are used.
    #[inline]
    pub fn lowest_free(&self) -> Option<u32> {
        self.top.lowest_free()
    }

    /// The record in a slot; `None` if the slot is free or there is no such slot.
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Allocation> {
        if u64::from(slot) < ALLOCATIONS_LIMIT { self.top.get(slot) } else { None }
    }

    /// All records with their slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Allocation)> {
        self.top.iter()
    }

    /// Puts a record into the lowest free slot, and returns which one that is.
    ///
    /// # Errors
    /// [`RecordError::Full`].
    #[inline]
    pub fn insert(&mut self, record: Allocation) -> Result<u32, RecordError> {
        let (slot, leaf) = self.top.vacant_mut().ok_or(RecordError::Full)?;
        if leaf.set(slot, record) {
            self.top.note_change(slot);
        }
        self.len += 1;
        Ok(slot)
    }

    /// Puts a record into a free slot.
    ///
    /// # Errors
    /// [`RecordError::NoSlot`], [`RecordError::Occupied`]; nothing is changed then.
    pub fn insert_at(&mut self, slot: u32, record: Allocation) -> Result<(), RecordError> {
        if u64::from(slot) >= ALLOCATIONS_LIMIT {
            return Err(RecordError::NoSlot { slot });
        }
        if self.get(slot).is_some() {
            return Err(RecordError::Occupied { slot });
        }
        self.set(slot, record);
        self.len += 1;
        Ok(())
    }

    /// Replaces the record in a slot, and returns the one before. If the slot is free, nothing is changed.
    pub fn replace(&mut self, slot: u32, record: Allocation) -> Option<Allocation> {
        let before = self.get(slot)?.clone();
        self.set(slot, record);
        Some(before)
    }

    /// Takes the record out of a slot, which is free then.
    pub fn remove(&mut self, slot: u32) -> Option<Allocation> {
        let before = self.get(slot)?.clone();
        self.drop_record(slot, |_| ());
        Some(before)
    }

    /// Drops the record in a slot that is used; `read` looks at it before.
    #[inline]
    pub(crate) fn drop_record(&mut self, slot: u32, read: impl FnOnce(&Allocation)) {
        let leaf = self.top.leaf_mut(slot);
        read(leaf.get(slot % (1 << Leaf::LEVELS)).expect("the slot is used"));
        if leaf.clear(slot) {
            self.top.note_change(slot);
        }
        self.len -= 1;
    }

    /// Puts a record into a slot.
    fn set(&mut self, slot: u32, record: Allocation) {
        if self.top.leaf_mut(slot).set(slot, record) {
            self.top.note_change(slot);
        }
    }

    /// Lets clones share what has changed since the last rest, and gives storage back that only free slots take. It cannot be
    /// noticed otherwise. The cost is that of the changes.
    pub fn rest(&mut self) {
        Rest::rest(&mut self.top);
    }

    /// The list's root in the state tree: that of its data with its length mixed in. Only records that have changed since
    /// the root was last asked for, and their paths, are hashed.
    pub fn root(&self) -> Hash {
        mix_in_length(&self.top.hash(), self.slots().into())
    }

    /// The node at a generalized index that counts from the list's root: 2 is the root of the data, 3 the length, slot `k` is
    /// `2^25 + k`, chunk `f` of its record `8 * (2^25 + k) + f`. `None` below a free slot, below the length, and below a
    /// record's chunks.
    pub fn node(&self, index: GeneralizedIndex) -> Option<Hash> {
        let depth = index.depth().checked_sub(1);
        let Some(depth) = depth else { return Some(self.root()) };
        let position = index.get() - (1 << (depth + 1));
        if position >> depth == 1 {
            return (depth == 0).then(|| uint64_chunk(self.slots().into()));
        }
        let Some(below) = depth.checked_sub(TOP_LEVELS).filter(|below| *below > 0) else {
            return Some(self.top.node(depth, position));
        };
        let record = self.get(u32::try_from(position >> below).ok()?)?.record();
        let width = ALLOCATION_FIELDS.checked_shr(below).filter(|width| *width > 0)?;
        let first = position % (1 << below) * width;
        let chunks = record.chunks().into_iter().skip(usize::try_from(first).ok()?);
        let chunks: Vec<Hash> = chunks.take(usize::try_from(width).ok()?).collect();
        Some(merkleize(&chunks, width))
    }
}

const TOP_LEVELS: u32 = Top::LEVELS;

/// Lists are equal if they hold equal records in the same slots.
impl PartialEq for RecordList {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.top.equals(&other.top)
    }
}

impl Eq for RecordList {}

impl fmt::Debug for RecordList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// A part of the list: a node of the radix tree. Slots count from its first one.
trait Subtree: Clone + Default + Rest {
    /// Levels of the Merkle tree from the subtree's root down to the slots: it has 2 to this power.
    const LEVELS: u32;

    fn is_empty(&self) -> bool;
    fn is_full(&self) -> bool;
    fn lowest_free(&self) -> Option<u32>;
    fn highest(&self) -> Option<u32>;
    fn get(&self, slot: u32) -> Option<&Allocation>;
    fn iter(&self) -> impl Iterator<Item = (u32, &Allocation)>;
    /// The leaf that a slot is in, to be changed there. The nodes above are hashed anew when their hashes are next asked for.
    fn leaf_mut(&mut self, slot: u32) -> &mut Leaf;
    /// The lowest free slot and its leaf, to be changed there.
    fn vacant_mut(&mut self) -> Option<(u32, &mut Leaf)>;
    /// Brings up to date what the nodes above a slot's leaf know of it, which may have become empty or full, or ceased to be.
    fn note_change(&mut self, slot: u32);
    fn equals(&self, other: &Self) -> bool;
    /// The node at `position` from the left, `depth` levels below the subtree's root.
    fn node(&self, depth: u32, position: u64) -> Hash;

    fn hash(&self) -> Hash {
        self.node(0, 0)
    }
}

/// 64 slots.
#[derive(Clone)]
struct Leaf {
    records: [Option<Allocation>; ENTRIES],
    /// The slots that hold a record.
    used: u64,
    hashes: CachedHashes,
}

/// 64 subtrees.
#[derive(Clone)]
struct Inner<T> {
    children: [Option<Held<T>>; ENTRIES],
    /// The children that hold a record.
    used: u64,
    /// The children without a free slot.
    full: u64,
    hashes: CachedHashes,
}

impl Default for Leaf {
    fn default() -> Self {
        Self { records: [const { None }; ENTRIES], used: 0, hashes: CachedHashes::default() }
    }
}

impl<T> Default for Inner<T> {
    fn default() -> Self {
        Self { children: [const { None }; ENTRIES], used: 0, full: 0, hashes: CachedHashes::default() }
    }
}

impl Leaf {
    /// The roots of the records in these slots, hashed side by side; zero for free ones.
    fn hash_records(&self, slots: u64, roots: &mut [Hash]) {
        bits(slots & !self.used).for_each(|slot| roots[slot] = ZERO_HASH);
        let used = slots & self.used;
        let records = bits(used).filter_map(|slot| self.records[slot].as_ref().map(Allocation::record));
        let chunks = records.flat_map(|record: AllocationRecord| record.chunks()).collect();
        let hashes = merkleize_each(chunks, used.count_ones() as usize);
        bits(used).zip(hashes).for_each(|(slot, hash)| roots[slot] = hash);
    }
}

impl Leaf {
    /// Puts a record into a slot. Tells whether the leaf has become full, or ceased to be empty.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "so the record is made where it lies, and not moved there")]
    fn set(&mut self, slot: u32, record: Allocation) -> bool {
        let slot = slot as usize % ENTRIES;
        let before = self.used;
        self.used |= 1 << slot;
        self.hashes.touch(slot);
        // Emptied first, so that nothing is left to be dropped when the record is written.
        self.records[slot] = None;
        self.records[slot] = Some(record);
        before != self.used && (before == 0 || self.is_full())
    }

    /// Takes the record out of a slot. Tells whether the leaf has become empty, or ceased to be full.
    #[inline]
    fn clear(&mut self, slot: u32) -> bool {
        let slot = slot as usize % ENTRIES;
        let before = self.used;
        self.used &= !(1 << slot);
        self.hashes.touch(slot);
        self.records[slot] = None;
        before != self.used && (before == u64::MAX || self.is_empty())
    }
}

impl Subtree for Leaf {
    const LEVELS: u32 = ENTRY_LEVELS;

    #[inline]
    fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.used == u64::MAX
    }

    #[inline]
    fn lowest_free(&self) -> Option<u32> {
        lowest(!self.used)
    }

    fn highest(&self) -> Option<u32> {
        self.used.checked_ilog2()
    }

    #[inline]
    fn get(&self, slot: u32) -> Option<&Allocation> {
        self.records[slot as usize].as_ref()
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &Allocation)> {
        (0..).zip(&self.records).filter_map(|(slot, record)| Some((slot, record.as_ref()?)))
    }

    #[inline]
    fn leaf_mut(&mut self, _: u32) -> &mut Leaf {
        self
    }

    #[inline]
    fn vacant_mut(&mut self) -> Option<(u32, &mut Leaf)> {
        Some((self.lowest_free()?, self))
    }

    #[inline]
    fn note_change(&mut self, _: u32) {}

    fn equals(&self, other: &Self) -> bool {
        self.used == other.used && self.records == other.records
    }

    fn node(&self, depth: u32, position: u64) -> Hash {
        let index = 1 << depth | position_in_block(position);
        self.hashes.node(index, 0, |slots, roots| self.hash_records(slots, roots))
    }
}

impl<T: Subtree> Inner<T> {
    /// The child that a slot lies in, and the slot within the child.
    #[inline]
    fn split(slot: u32) -> (usize, u32) {
        ((slot >> T::LEVELS) as usize, slot % (1 << T::LEVELS))
    }

    fn child_hash(&self, child: usize) -> Hash {
        self.children[child].as_ref().map_or(*zero_hash(T::LEVELS), |child| child.hash())
    }
}

impl<T: Subtree> Subtree for Inner<T> {
    const LEVELS: u32 = ENTRY_LEVELS + T::LEVELS;

    #[inline]
    fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.full == u64::MAX
    }

    #[inline]
    fn lowest_free(&self) -> Option<u32> {
        let child = lowest(!self.full)?;
        let within = self.children[child as usize].as_ref().map_or(Some(0), |child| child.lowest_free())?;
        Some(child << T::LEVELS | within)
    }

    fn highest(&self) -> Option<u32> {
        let child = self.used.checked_ilog2()?;
        Some(child << T::LEVELS | self.children[child as usize].as_ref()?.highest()?)
    }

    #[inline]
    fn get(&self, slot: u32) -> Option<&Allocation> {
        let (child, within) = Self::split(slot);
        self.children[child].as_ref()?.get(within)
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &Allocation)> {
        let children =
            (0..).zip(&self.children).filter_map(|(number, child)| Some((number, child.as_ref()?)));
        children.flat_map(|(number, child): (u32, _)| {
            child.iter().map(move |(slot, record)| (number << T::LEVELS | slot, record))
        })
    }

    #[inline]
    fn leaf_mut(&mut self, slot: u32) -> &mut Leaf {
        let (number, within) = Self::split(slot);
        self.hashes.touch(number);
        self.children[number].get_or_insert_default().to_mut().leaf_mut(within)
    }

    #[inline]
    fn vacant_mut(&mut self) -> Option<(u32, &mut Leaf)> {
        let number = lowest(!self.full)?;
        let child = self.children[number as usize].get_or_insert_default().to_mut();
        let (within, leaf) = child.vacant_mut()?;
        self.hashes.touch(number as usize);
        Some((number << T::LEVELS | within, leaf))
    }

    #[inline]
    fn note_change(&mut self, slot: u32) {
        let (number, within) = Self::split(slot);
        let Some(child) = &mut self.children[number] else { return };
        let child = child.to_mut();
        child.note_change(within);
        set_bit(&mut self.used, number, !child.is_empty());
        set_bit(&mut self.full, number, child.is_full());
    }

    fn equals(&self, other: &Self) -> bool {
        let pairs = self.children.iter().zip(&other.children);
        self.used == other.used
            && pairs.filter_map(|(a, b)| a.as_ref().zip(b.as_ref())).all(|(a, b)| a.is_same(b) || a.equals(b))
    }

    fn node(&self, depth: u32, position: u64) -> Hash {
        if let Some(below) = depth.checked_sub(ENTRY_LEVELS).filter(|below| *below > 0) {
            let child = self.children[position_in_block(position >> below)].as_ref();
            let zero = || *zero_hash(T::LEVELS - below);
            return child.map_or_else(zero, |child| child.node(below, position % (1 << below)));
        }
        let index = 1 << depth | position_in_block(position);
        let hash_children = |children, hashes: &mut [Hash]| {
            bits(children).for_each(|child| hashes[child] = self.child_hash(child));
        };
        self.hashes.node(index, T::LEVELS, hash_children)
    }
}

impl Rest for Leaf {
    fn rest(&mut self) {}
}

/// Children without a record are dropped.
impl<T: Rest> Rest for Inner<T> {
    fn rest(&mut self) {
        for (number, child) in self.children.iter_mut().enumerate() {
            if self.used >> number & 1 == 0 {
                *child = None;
            }
            child.rest();
        }
    }
}

/// The place of the lowest set bit.
#[inline]
fn lowest(word: u64) -> Option<u32> {
    (word != 0).then(|| word.trailing_zeros())
}

#[inline]
fn set_bit(word: &mut u64, bit: usize, value: bool) {
    *word = *word & !(1 << bit) | u64::from(value) << bit;
}

#[allow(clippy::cast_possible_truncation, reason = "a node has 64 entries")]
fn position_in_block(position: u64) -> usize {
    debug_assert!(position < ENTRIES as u64, "a position within a node of the tree");
    position as usize
}
