//! The twin: every byte of every region is there from the beginning, made by the formula in floating point.

use std::collections::BTreeSet;

use travertine_gas::{Operation, Schedule};
use travertine_memory::{Mode, Synthesis, Touches};
use travertine_merkle::{Hash, ZERO_HASH, hash_pair, page_leaf, uint64_chunk};
use travertine_tests::places::Places;

use crate::placing::{Move, Split, Written};
use crate::program::{Action, LIST_BYTES};

pub(crate) const PAGE: u64 = 4096;
pub(crate) const INPUT: u64 = 0x7_0001_0000;

/// A region that programs work on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegionPlan {
    pub(crate) number: u8,
    pub(crate) pages: u64,
    pub(crate) synthesis: Option<Synthesis>,
    pub(crate) is_writable: bool,
}

/// A plain region, one that is synthesized, one of zeros that knows what was written, and one that is only read.
pub(crate) const REGIONS: [RegionPlan; 4] = [
    RegionPlan { number: 2, pages: 6, synthesis: None, is_writable: true },
    RegionPlan { number: 0x80, pages: 11, synthesis: Some(vrns(0x0123_4567_89ab_cdef)), is_writable: true },
    RegionPlan {
        number: 0x81,
        pages: 5,
        synthesis: Some(Synthesis { seed: 7, mode: Mode::Zeros }),
        is_writable: true,
    },
    RegionPlan { number: 0xbf, pages: 4, synthesis: Some(vrns(0)), is_writable: false },
];

const fn vrns(seed: u64) -> Synthesis {
    Synthesis { seed, mode: Mode::Vrns }
}

impl RegionPlan {
    pub(crate) const fn base(&self) -> u64 {
        (self.number as u64) << 32
    }

    /// The content before the first call.
    pub(crate) fn first_content(&self) -> Vec<u8> {
        let cells = 0..self.pages * PAGE / 4;
        match self.synthesis {
            None => cells.flat_map(|cell| u32::try_from(cell % 3000).unwrap().to_le_bytes()).collect(),
            Some(Synthesis { mode: Mode::Zeros, .. }) => cells.flat_map(|_| [0; 4]).collect(),
            Some(Synthesis { seed, mode: Mode::Vrns }) => {
                cells.flat_map(|cell| cell_value(cell ^ seed).to_bits().to_le_bytes()).collect()
            }
        }
    }
}

/// The formula of `docs/generative.md`, word by word.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is the formula")]
fn cell_value(position: u64) -> f32 {
    let moduli = [251_u64, 257, 263, 269, 271, 277, 281, 283];
    let sum = moduli.iter().map(|modulus| (position % modulus) as f64 / *modulus as f64);
    sum.fold(0.0, |sum, quotient| sum + quotient).fract() as f32
}

/// The program has stopped at an access that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

#[derive(Debug, Clone)]
pub(crate) struct Twin {
    /// By region.
    pub(crate) bytes: Vec<Vec<u8>>,
    /// By region, the pages that successful calls have stored to.
    pub(crate) stored: Vec<BTreeSet<u32>>,
    input: Vec<u8>,
    /// Numbers of the pages that the call has touched, and stored to.
    read: BTreeSet<u64>,
    written: Written,
    places: Places,
    /// Gas of memory, and pages that were synthesized in the call.
    pub(crate) gas: u64,
    pub(crate) synthesized: u64,
}

impl Twin {
    pub(crate) fn new() -> Self {
        Self {
            bytes: REGIONS.iter().map(RegionPlan::first_content).collect(),
            stored: vec![BTreeSet::new(); REGIONS.len()],
            input: Vec::new(),
            read: BTreeSet::new(),
            written: Written::default(),
            places: Places::default(),
            gas: 0,
            synthesized: 0,
        }
    }

    /// Carries out a call. What it leaves counts only if it succeeds.
    pub(crate) fn call(
        &mut self,
        actions: &[Action],
        operands: &[[u64; 3]],
        input: &[u8],
    ) -> Result<(), Refused> {
        input.clone_into(&mut self.input);
        for (step, (&action, &operands)) in (0..).zip(actions.iter().zip(operands)) {
            (0..3).for_each(|word| self.recall(INPUT + 24 * step + 8 * word, false));
            self.touch(&[(INPUT + 24 * step, 24)], &[], None);
            self.act(action, operands)?;
        }
        Ok(())
    }

    /// The twin after a successful call.
    pub(crate) fn settled(mut self) -> Self {
        for page in std::mem::take(&mut self.written).pages {
            let index = REGIONS.iter().position(|region| region.base() / PAGE == page >> 20 << 20).unwrap();
            self.stored[index].insert(u32::try_from(page & 0xF_FFFF).unwrap());
        }
        Self { read: BTreeSet::new(), places: Places::default(), gas: 0, synthesized: 0, ..self }
    }

    /// Written pages of generative regions that are all zero.
    pub(crate) fn zero_pages(&self) -> u64 {
        let written = self.stored.iter().enumerate().flat_map(|(index, pages)| {
            pages
                .iter()
                .map(move |page| (index, *page))
                .filter(|(index, _)| REGIONS[*index].synthesis.is_some())
        });
        written.filter(|&(index, page)| self.page(index, page) == &[0; 4096]).count() as u64
    }

    fn act(&mut self, action: Action, [a, b, c]: [u64; 3]) -> Result<(), Refused> {
        match action {
            Action::Load => {
                check(&[(a, 8)], false)?;
                self.cross(a);
                self.recall(a, false);
                self.touch(&[(a, 8)], &[], None);
            }
            Action::Store => {
                check(&[(a, 8)], true)?;
                self.cross(a);
                self.recall(a, true);
                self.write(&[], &[(a, 8)], &b.to_le_bytes());
            }
            Action::Add => {
                check(&[(a, 8)], true)?;
                self.cross(a);
                self.recall(a, true);
                let old = u64::from_le_bytes(self.peek(a, 8).try_into().unwrap());
                self.write(&[], &[(a, 8)], &old.wrapping_add(b).to_le_bytes());
            }
            Action::Fill => {
                check(&[(a, c)], true)?;
                let split = Split::of(Move::Fill, a, c);
                self.pay(&Operation::Fill { bytes: split.bytes, pages: split.placed.len() as u64 });
                self.touch(&[], &[(a, c)], Some(&split));
                self.put(&[(a, c)], &vec![b.to_le_bytes()[0]; usize::try_from(c).unwrap()]);
            }
            Action::Copy | Action::Share => {
                check(&[(b, c)], false)?;
                check(&[(a, c)], true)?;
                let (region_changes, plane_changes) = changes(&[(b, c)], a);
                let split =
                    Split::of(if action == Action::Copy { Move::Copy(b) } else { Move::Share(b) }, a, c);
                let pages = split.placed.len() as u64;
                self.pay(&if action == Action::Copy {
                    Operation::Copy { bytes: split.bytes, region_changes, plane_changes, pages }
                } else {
                    Operation::Share { pages, region_changes, plane_changes }
                });
                let bytes = self.peek(b, c);
                self.touch(&[(b, c)], &[(a, c)], Some(&split));
                self.put(&[(a, c)], &bytes);
            }
            Action::Gather | Action::Scatter => self.batch(action, a, b, c)?,
        }
        Ok(())
    }

    /// Pays for eight bytes that lie in two pages.
    fn cross(&mut self, address: u64) {
        self.pay(&Operation::Crossing { accesses: u64::from(address % PAGE > PAGE - 8) });
    }

    /// Pays for the pages of eight bytes that are not in their places, before they are touched.
    fn recall(&mut self, address: u64, is_write: bool) {
        let is_known = |page| {
            if is_write {
                self.written.to_store(page) == Touches::default()
            } else {
                self.read.contains(&page)
            }
        };
        let pages: Vec<(u64, bool)> =
            (address / PAGE..=(address + 7) / PAGE).map(|page| (page, !is_known(page))).collect();
        self.gas += self.places.access(&Schedule::default(), &pages);
    }

    fn batch(&mut self, action: Action, joined: u64, list: u64, count: u64) -> Result<(), Refused> {
        let is_gather = action == Action::Gather;
        let schedule = Schedule::default();
        self.gas += count * if is_gather { schedule.gather_entry } else { schedule.scatter_entry };
        let at = usize::try_from(list - INPUT).unwrap();
        let words: Vec<u64> = self.input[at..][..usize::try_from(LIST_BYTES).unwrap()]
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        let entries = [(words[0], words[1]), (words[2], words[3])];
        let entries = &entries[..usize::try_from(count).unwrap()];
        let bytes: u64 = entries.iter().map(|entry| entry.1).sum();
        check(entries, !is_gather)?;
        check(&[(joined, bytes)], is_gather)?;
        let (region_changes, plane_changes) = changes(entries, joined);
        let pages: u64 = entries.iter().map(|&entry| pages(&[entry]).len() as u64).sum();
        // The entries are paid for already.
        self.pay(&if is_gather {
            Operation::Gather { bytes, entries: 0, region_changes, plane_changes, pages }
        } else {
            Operation::Scatter { bytes, entries: 0, region_changes, plane_changes, pages }
        });
        let list = (list, 16 * count);
        if is_gather {
            let content: Vec<u8> = entries.iter().flat_map(|entry| self.peek(entry.0, entry.1)).collect();
            self.write(&[&[list], entries].concat(), &[(joined, bytes)], &content);
        } else {
            let content = self.peek(joined, bytes);
            self.write(&[list, (joined, bytes)], entries, &content);
        }
        Ok(())
    }

    fn pay(&mut self, operation: &Operation) {
        self.gas += Schedule::default().cost(operation).memory;
    }

    fn write(&mut self, reads: &[(u64, u64)], writes: &[(u64, u64)], bytes: &[u8]) {
        self.touch(reads, writes, None);
        self.put(writes, bytes);
    }

    fn put(&mut self, writes: &[(u64, u64)], mut bytes: &[u8]) {
        for &(address, length) in writes {
            let length = usize::try_from(length).unwrap();
            let (now, rest) = bytes.split_at(length);
            if let Some((index, start)) = place(address) {
                self.bytes[index][start..start + length].copy_from_slice(now);
            }
            bytes = rest;
        }
    }

    /// Pays for pages that the call touches first; not all that are written are stored to.
    fn touch(&mut self, reads: &[(u64, u64)], writes: &[(u64, u64)], split: Option<&Split>) {
        let (reads, writes) = (pages(reads), pages(writes));
        let first_reads = reads.iter().filter(|page| !self.read.contains(page)).count() as u64;
        let written = match split {
            Some(split) => split.touches(&self.written),
            None => writes.iter().fold(Touches::default(), |sum, &page| sum + self.written.to_store(page)),
        };
        // A page is paid for by the reads and by the writes of one instruction: plans do not look at each other.
        let made = |page: &&u64| self.is_made(**page) && !self.read.contains(page);
        let synthesized = (reads.iter().filter(made).count() + writes.iter().filter(made).count()) as u64;
        self.synthesized += synthesized;
        self.pay(&Operation::Touch {
            first_reads,
            first_writes: written.first_writes.into(),
            synthesized,
            copies: written.copies.into(),
            first_placed: written.first_placed.into(),
        });
        self.read.extend(reads.iter().chain(&writes));
        match split {
            Some(split) => split.write(&mut self.written),
            None => writes.iter().for_each(|&page| _ = self.written.store(page)),
        }
    }

    /// Whether a page holds what the formula makes, and no call has stored to it.
    fn is_made(&self, page: u64) -> bool {
        let Some((index, start)) = place(page * PAGE) else { return false };
        REGIONS[index].synthesis.is_some_and(|made| made.mode == Mode::Vrns)
            && !self.stored[index].contains(&u32::try_from(start as u64 / PAGE).unwrap())
    }

    pub(crate) fn peek(&self, address: u64, length: u64) -> Vec<u8> {
        let length = usize::try_from(length).unwrap();
        place(address)
            .map_or_else(Vec::new, |(index, start)| self.bytes[index][start..start + length].to_vec())
    }

    fn page(&self, index: usize, page: u32) -> &[u8; 4096] {
        self.bytes[index].as_chunks().0.get(page as usize).unwrap()
    }

    /// The region's leaf in the state tree, computed from all pages.
    pub(crate) fn leaf(&self, index: usize, permissions: u8) -> Hash {
        let region = &REGIONS[index];
        let page_count = u32::try_from(region.pages).unwrap();
        let page = |page: u32| {
            let content = page_leaf(self.page(index, page));
            match region.synthesis {
                None => content,
                Some(_) if self.stored[index].contains(&page) => hash_pair(&content, &uint64_chunk(1)),
                Some(_) => ZERO_HASH,
            }
        };
        let leaves: Vec<Hash> = (0..page_count).map(page).collect();
        let size = uint64_chunk(region.pages * PAGE);
        let cap = match region.synthesis {
            None => hash_pair(&size, &naive_root(&leaves)),
            Some(Synthesis { seed, mode }) => hash_pair(
                &hash_pair(&size, &naive_root(&leaves)),
                &hash_pair(&uint64_chunk(seed), &uint64_chunk(mode.code())),
            ),
        };
        let kind = if region.synthesis.is_some() { 9 } else { 3 };
        hash_pair(&uint64_chunk(kind | u64::from(permissions) << 8), &cap)
    }
}

/// All bytes must be there and permitted.
fn check(ranges: &[(u64, u64)], is_write: bool) -> Result<(), Refused> {
    let permitted = |&&(address, length): &&(u64, u64)| {
        length == 0
            || REGIONS.iter().any(|region| {
                let end = region.base() + region.pages * PAGE;
                (region.base()..end).contains(&address)
                    && address + length <= end
                    && (region.is_writable || !is_write)
            })
    };
    if ranges.iter().all(|range| permitted(&range)) { Ok(()) } else { Err(Refused) }
}

/// Merkleization as the specification says it: padded with zeros to a power of two, then pair by pair.
fn naive_root(leaves: &[Hash]) -> Hash {
    let mut layer = leaves.to_vec();
    layer.resize(leaves.len().next_power_of_two(), ZERO_HASH);
    while layer.len() > 1 {
        layer = layer.as_chunks().0.iter().map(|[left, right]| hash_pair(left, right)).collect();
    }
    layer[0]
}

/// The region of an address and the offset in it, if it is one that programs work on.
fn place(address: u64) -> Option<(usize, usize)> {
    let index = REGIONS.iter().position(|region| region.base() >> 32 == address >> 32)?;
    Some((index, usize::try_from(address - REGIONS[index].base()).unwrap()))
}

/// The pages that ranges have bytes in.
fn pages(ranges: &[(u64, u64)]) -> BTreeSet<u64> {
    let used = ranges.iter().filter(|range| range.1 > 0);
    used.flat_map(|&(start, length)| start / PAGE..=(start + length - 1) / PAGE).collect()
}

/// Changes of region and plane between ranges and the one that they are copied to, joined to or cut from.
fn changes(ranges: &[(u64, u64)], other: u64) -> (u64, u64) {
    let used = || ranges.iter().filter(|range| range.1 > 0);
    let regions = used().filter(|range| range.0 >> 32 != other >> 32).count() as u64;
    let planes = used().filter(|range| range.0 >> 16 != other >> 16).count() as u64;
    (regions, planes - regions)
}
