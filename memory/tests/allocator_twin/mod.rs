//! A naive twin of the allocator: a list of allocations that is searched from end to end, one frame number for each page, and a
//! map from bytes to what is in them. Nothing is indexed and nothing is remembered but that.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

pub(crate) mod compaction;
mod frames;
pub(crate) mod generative;
#[allow(dead_code, reason = "only what drives bulk operations, too, uses all of it")]
pub(crate) mod placing;
mod roots;

use std::collections::{BTreeMap, BTreeSet};

use travertine_memory::{
    ALLOCATABLE_KINDS, AllocationError as Error, AllocationFlags as Flags, AllocationPrices,
    AllocationRequest, BLOCK_BYTES, MAX_BLOCK_BYTES, Permissions, PlaneChange, Property, RegionKind,
    Synthesis, Touches,
};
use travertine_merkle::{Hash, ZERO_HASH};

use placing::Written;

pub(crate) const PAGE: u64 = 4096;
const REGION: u64 = 1 << 32;

#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) slot: u32,
    pub(crate) id: u64,
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) kind: RegionKind,
    pub(crate) flags: Flags,
    pub(crate) owner: Hash,
    /// The frame of each page.
    pub(crate) frames: Vec<u32>,
}

/// What gas is charged for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Quantities {
    pub(crate) planes: Option<PlaneChange>,
    pub(crate) extra_planes: u64,
    pub(crate) further_regions: u64,
    pub(crate) pages: u64,
    /// Those among them that are resident.
    pub(crate) resident: u64,
    pub(crate) remaps: u64,
    pub(crate) copied: u64,
    pub(crate) added: u64,
    pub(crate) touches: Touches,
}

#[derive(Clone, Default)]
pub(crate) struct Twin {
    pub(crate) live: Vec<Owned>,
    pub(crate) next: u64,
    /// Kind and planes of the budget of each open region.
    pub(crate) regions: BTreeMap<u8, (RegionKind, u32)>,
    pub(crate) recent: Vec<u8>,
    pub(crate) bytes: BTreeMap<u64, u8>,
    pub(crate) read: BTreeSet<u64>,
    pub(crate) written: Written,
    /// What makes the pages of generative regions.
    pub(crate) made: BTreeMap<u8, Synthesis>,
    /// The pages that settled calls have left stored: of generative regions those that were written, of others those that are not
    /// zero.
    pub(crate) stored: BTreeSet<u64>,
    /// Those that were stored when the call began.
    pub(crate) begun: BTreeSet<u64>,
    pub(crate) foreign: BTreeSet<u8>,
    pub(crate) limit: u64,
}

pub(crate) fn is_block(size: u64, kind: RegionKind, flags: Flags) -> bool {
    let whole = Flags::SHARED | Flags::PINNED | Flags::EXECUTABLE | Flags::ATOMIC | Flags::READ_ONLY;
    kind != RegionKind::Generative && size <= MAX_BLOCK_BYTES && !flags.intersects(whole)
}

pub(crate) fn block_bytes(size: u64) -> u64 {
    BLOCK_BYTES.iter().map(|&bytes| u64::from(bytes)).find(|&bytes| bytes >= size).unwrap()
}

pub(crate) fn pages_of(size: u64) -> u64 {
    size.div_ceil(PAGE)
}

impl Owned {
    pub(crate) fn is_block(&self) -> bool {
        is_block(self.size, self.kind, self.flags)
    }

    pub(crate) fn region(&self) -> u8 {
        u8::try_from(self.address >> 32).unwrap()
    }

    /// The numbers of its pages: addresses divided by the size of a page.
    pub(crate) fn pages(&self) -> std::ops::Range<u64> {
        let first = self.address / PAGE;
        if self.is_block() { first..first + 1 } else { first..first + pages_of(self.size) }
    }

    /// The bytes that are its own, with those that nobody else can have.
    fn extent(&self) -> std::ops::Range<u64> {
        if self.is_block() {
            self.address..self.address + block_bytes(self.size)
        } else {
            self.address..self.address + pages_of(self.size) * PAGE
        }
    }

    pub(crate) fn permissions(&self) -> Permissions {
        let bit = |is_set, bit: u8| if is_set { bit } else { 0 };
        let is = |flag| self.flags.contains(flag);
        Permissions::from_bits(
            1 | bit(!is(Flags::READ_ONLY), 2)
                | bit(is(Flags::EXECUTABLE), 4)
                | bit(is(Flags::SHARED) || self.kind == RegionKind::Shared, 8)
                | bit(is(Flags::ATOMIC), 16),
        )
        .unwrap()
    }

    pub(crate) fn is_movable(&self) -> bool {
        let keeps = self.flags.intersects(Flags::PINNED | Flags::SHARED | Flags::ATOMIC);
        !keeps
            && self.kind != RegionKind::Shared
            && !(self.flags.contains(Flags::CONTIGUOUS) && self.size > PAGE)
    }
}

pub(crate) fn default_region(kind: RegionKind) -> Option<u8> {
    [(RegionKind::Heap, 3), (RegionKind::Transient, 5), (RegionKind::Shared, 6)]
        .into_iter()
        .find(|(other, _)| *other == kind)
        .map(|(_, region)| region)
}

/// Where a request goes: address, frames of its pages, planes by which the region grows, planes beyond the first.
pub(crate) struct Found {
    pub(crate) address: u64,
    pub(crate) frames: Vec<u32>,
    pub(crate) growth: u32,
    pub(crate) extra: u64,
    pub(crate) shares_page: bool,
}

impl Twin {
    pub(crate) fn new(foreign: &[u8], limit: u64) -> Self {
        Self { next: 1, foreign: foreign.iter().copied().collect(), limit, ..Self::default() }
    }

    pub(crate) fn find(&self, address: u64) -> Result<usize, Error> {
        let region = u8::try_from(address >> 32).ok().filter(|region| self.regions.contains_key(region));
        region.ok_or(Error::ForeignRegion { address })?;
        let holds = |owned: &Owned| owned.address <= address && address - owned.address < owned.size;
        self.live.iter().position(holds).ok_or(Error::NotAllocated { address })
    }

    fn planes_of(&self, kind: RegionKind) -> u64 {
        self.regions.values().filter(|(other, _)| *other == kind).map(|(_, planes)| u64::from(*planes)).sum()
    }

    pub(crate) fn frames_in_use(&self) -> u64 {
        self.regions.keys().map(|&region| self.used_frames(region).len() as u64).sum()
    }

    fn first_free_pages(&self, region: u8, count: u64) -> Option<u64> {
        let mut taken: Vec<_> =
            self.live.iter().filter(|owned| owned.region() == region).map(Owned::pages).collect();
        taken.sort_by_key(|pages| pages.start);
        let start = u64::from(region) << 20;
        let mut free = start;
        for pages in taken {
            if pages.start >= free + count {
                break;
            }
            free = free.max(pages.end);
        }
        (free + count <= start + (1 << 20)).then_some(free)
    }

    pub(crate) fn place(
        &self,
        region: u8,
        kind: RegionKind,
        size: u64,
        flags: Flags,
        prices: &dyn AllocationPrices,
    ) -> Option<Found> {
        let planes = self.regions.get(&region).map_or(0, |found| found.1);
        if !is_block(size, kind, flags) {
            let page = self.first_free_pages(region, pages_of(size))?;
            let count = u32::try_from(pages_of(size)).unwrap();
            let found =
                self.place_frames(region, kind, planes, count, flags.contains(Flags::CONTIGUOUS), prices)?;
            return Some(Found { address: page * PAGE, ..found });
        }
        let bytes = block_bytes(size);
        let in_region = || self.live.iter().filter(|owned| owned.region() == region && owned.is_block());
        let mut pages: Vec<_> = in_region()
            .filter(|owned| block_bytes(owned.size) == bytes)
            .map(|owned| (owned.address / PAGE, owned.frames.clone()))
            .collect();
        pages.sort();
        pages.dedup();
        for (page, frames) in pages {
            for block in 0..PAGE / bytes {
                let address = page * PAGE + block * bytes;
                if in_region().all(|owned| owned.address != address) {
                    return Some(Found { address, frames, growth: 0, extra: 0, shares_page: true });
                }
            }
        }
        let page = self.first_free_pages(region, 1)?;
        let found = self.place_frames(region, kind, planes, 1, false, prices)?;
        Some(Found { address: page * PAGE, ..found })
    }

    fn choose(&self, request: &AllocationRequest) -> Result<Vec<u8>, Error> {
        let kind = request.kind;
        if kind == RegionKind::Generative {
            // A region of its own.
            let mut unused = (0x80..=0xBF)
                .filter(|region| !self.foreign.contains(region) && !self.regions.contains_key(region));
            let Some(region) = request.region else { return Ok(unused.next().into_iter().collect()) };
            return match unused.find(|unused| *unused == region) {
                Some(region) => Ok(vec![region]),
                None => Err(Error::WrongRegion { region, kind }),
            };
        }
        let may_open = |region: u8| default_region(kind) == Some(region) || (0x10..=0x7F).contains(&region);
        if let Some(region) = request.region {
            let fits = match self.regions.get(&region) {
                Some((other, _)) => *other == kind,
                None => may_open(region) && !self.foreign.contains(&region),
            };
            return if fits { Ok(vec![region]) } else { Err(Error::WrongRegion { region, kind }) };
        }
        let mut order: Vec<u8> =
            default_region(kind).into_iter().filter(|region| !self.foreign.contains(region)).collect();
        let open: Vec<u8> =
            self.regions.iter().filter(|(_, found)| found.0 == kind).map(|(&region, _)| region).collect();
        let mut recent: Vec<u8> =
            self.recent.iter().copied().filter(|region| open.contains(region)).collect();
        order.append(&mut recent);
        let mut rest = open;
        rest.sort_by_key(|&region| {
            let free = self.regions[&region].1 * 16 - u32::try_from(self.used_frames(region).len()).unwrap();
            (std::cmp::Reverse(free), region)
        });
        order.append(&mut rest);
        order.extend(
            (0x10..=0x7F).find(|region| !self.foreign.contains(region) && !self.regions.contains_key(region)),
        );
        Ok(order)
    }

    pub(crate) fn allocate(
        &mut self,
        request: &AllocationRequest,
        prices: &dyn AllocationPrices,
    ) -> Result<(u64, Quantities), Error> {
        let AllocationRequest { size, kind, flags, owner, .. } = *request;
        if size == 0 {
            return Err(Error::ZeroSize);
        }
        if size > REGION {
            return Err(Error::TooLarge { size });
        }
        if !ALLOCATABLE_KINDS.contains(&kind) {
            return Err(Error::Kind { kind });
        }
        if kind == RegionKind::Generative {
            if !size.is_multiple_of(PAGE) {
                return Err(Error::PartialPage { size });
            }
            if flags.contains(Flags::EXECUTABLE) {
                return Err(Error::GenerativeExecute);
            }
        } else if flags.contains(Flags::EXECUTABLE) && !flags.contains(Flags::READ_ONLY) {
            return Err(Error::WriteExecute);
        }
        let order = self.choose(request)?;
        let regions = u32::try_from(order.len()).unwrap().max(1);
        let found = (1..).zip(order).find_map(|(asked, region)| {
            Some((asked, region, self.place(region, kind, size, flags, prices)?))
        });
        let (asked, region, found) = found.ok_or(Error::Exhausted { size, regions })?;
        let more = if found.shares_page { 0 } else { found.frames.len() as u64 };
        self.check_limit(more)?;
        let before = self.planes_of(kind);
        let mut quantities = Quantities {
            planes: Some(PlaneChange { kind, before, after: before + u64::from(found.growth) }),
            extra_planes: found.extra,
            further_regions: asked - 1,
            ..Quantities::default()
        };
        if found.shares_page && self.is_resident(found.address / PAGE) {
            quantities.touches = quantities.touches + self.store(found.address, block_bytes(size), |_| 0);
        }
        self.regions.entry(region).or_insert((kind, 0)).1 += found.growth;
        self.made.extend(request.synthesis.map(|synthesis| (region, synthesis)));
        let slot = (0..=u32::MAX).find(|slot| self.live.iter().all(|owned| owned.slot != *slot)).unwrap();
        let Found { address, frames, .. } = found;
        self.live.push(Owned { slot, id: self.next, address, size, kind, flags, owner, frames });
        self.next += 1;
        self.used(region);
        Ok((address, quantities))
    }

    fn check_limit(&self, more: u64) -> Result<(), Error> {
        let frames = self.frames_in_use() + more;
        if more > 0 && frames > self.limit {
            Err(Error::FrameLimit { frames, limit: self.limit })
        } else {
            Ok(())
        }
    }

    fn used(&mut self, region: u8) {
        if self.made.contains_key(&region) {
            return;
        }
        self.recent.retain(|other| *other != region);
        self.recent.insert(0, region);
        self.recent.truncate(16);
    }

    /// Whether others have blocks of the page of this one.
    fn shares_page(&self, index: usize) -> bool {
        let page = self.live[index].address / PAGE;
        self.live[index].is_block()
            && self.live.iter().filter(|owned| owned.pages().contains(&page)).count() > 1
    }

    pub(crate) fn free(&mut self, address: u64, owner: &Hash) -> Result<Quantities, Error> {
        let index = self.find(address)?;
        let start = self.live[index].address;
        if start != address {
            return Err(Error::InteriorPointer { address, start });
        }
        if self.live[index].flags.contains(Flags::PROTECTED) && *owner != ZERO_HASH {
            return Err(Error::Protected { start });
        }
        Ok(self.free_index(index))
    }

    fn free_index(&mut self, index: usize) -> Quantities {
        let shares_page = self.shares_page(index);
        let owned = self.live[index].clone();
        let address = owned.address;
        let mut quantities = Quantities::default();
        if shares_page {
            if self.is_resident(address / PAGE) {
                quantities.touches = self.store(address, owned.extent().end - address, |_| 0);
            }
        } else {
            quantities.pages = owned.pages().end - owned.pages().start;
            quantities.resident = self.resident(owned.pages());
            self.drop_pages(owned.pages());
        }
        self.live.swap_remove(index);
        if self.made.remove(&owned.region()).is_some() {
            let before = self.planes_of(owned.kind);
            self.regions.remove(&owned.region());
            quantities.planes =
                Some(PlaneChange { kind: owned.kind, before, after: self.planes_of(owned.kind) });
        }
        quantities
    }

    /// Whether there was ever something in a page, or the call has touched it.
    fn is_resident(&self, page: u64) -> bool {
        [&self.begun, &self.stored, &self.read, &self.written.pages].iter().any(|pages| pages.contains(&page))
    }

    fn resident(&self, pages: std::ops::Range<u64>) -> u64 {
        pages.filter(|&page| self.is_resident(page)).count() as u64
    }

    fn drop_pages(&mut self, pages: std::ops::Range<u64>) {
        self.bytes.retain(|address, _| !pages.contains(&(address / PAGE)));
        self.read.retain(|page| !pages.contains(page));
        self.written.retain(|page| !pages.contains(&page));
        self.stored.retain(|page| !pages.contains(page));
    }

    /// Writes bytes and tells what that touches.
    pub(crate) fn store(&mut self, address: u64, length: u64, byte: impl Fn(u64) -> u8) -> Touches {
        for at in address..address + length {
            match byte(at) {
                0 if self.synthesis(at).is_none() => self.bytes.remove(&at),
                value => self.bytes.insert(at, value),
            };
        }
        let pages = address / PAGE..=(address + length - 1) / PAGE;
        pages.fold(Touches::default(), |sum, page| sum + self.written.store(page))
    }

    fn touch_read(&mut self, page: u64) -> u32 {
        u32::from(!self.written.pages.contains(&page) && self.read.insert(page))
    }

    pub(crate) fn resize(
        &mut self,
        address: u64,
        size: u64,
        owner: &Hash,
        prices: &dyn AllocationPrices,
    ) -> Result<(u64, Quantities), Error> {
        match size {
            0 => return Err(Error::ZeroSize),
            size if size > REGION => return Err(Error::TooLarge { size }),
            _ => {}
        }
        let index = self.find(address)?;
        let old = self.live[index].clone();
        let start = old.address;
        if old.flags.contains(Flags::PROTECTED) && *owner != ZERO_HASH {
            return Err(Error::Protected { start });
        }
        if old.kind == RegionKind::Generative && !size.is_multiple_of(PAGE) {
            return Err(Error::PartialPage { size });
        }
        let (region, kind, low) = (old.region(), old.kind, old.size.min(size));
        let planes = self.regions[&region].1;
        let before = self.planes_of(kind);
        let mut new = Owned { size, ..old.clone() };
        let mut quantities = Quantities { added: size.saturating_sub(old.size), ..Quantities::default() };
        let mut growth = 0;
        if old.is_block() && new.is_block() && block_bytes(old.size) == block_bytes(size) {
            if old.size != size {
                quantities.touches =
                    quantities.touches + self.store(start + low, size.max(old.size) - low, |_| 0);
            }
        } else if !old.is_block() && !new.is_block() {
            let (had, wants) = (pages_of(old.size), pages_of(size));
            if wants > had {
                let next = old.pages().end;
                let end_of_region = (u64::from(region) + 1) << 20;
                let is_free = |page| self.live.iter().all(|owned| !owned.pages().contains(&page));
                if next + wants - had > end_of_region || !(next..next + wants - had).all(is_free) {
                    let page =
                        self.first_free_pages(region, wants).ok_or(Error::Exhausted { size, regions: 1 })?;
                    new.address = page * PAGE;
                }
                let is_run = old.flags.contains(Flags::CONTIGUOUS);
                if is_run && old.flags.contains(Flags::PINNED) {
                    return Err(Error::Pinned { start });
                }
                let count = u32::try_from(if is_run { wants } else { wants - had }).unwrap();
                let found = self.place_frames(region, kind, planes, count, is_run, prices);
                let found = found.ok_or(Error::Exhausted { size, regions: 1 })?;
                self.check_limit(wants - had)?;
                (growth, quantities.extra_planes) = (found.growth, found.extra);
                if is_run {
                    new.frames = found.frames;
                } else {
                    new.frames.extend(found.frames);
                }
            } else {
                new.frames.truncate(usize::try_from(wants).unwrap());
                quantities.resident = self.resident(old.pages().start + wants..old.pages().end);
                self.drop_pages(old.pages().start + wants..old.pages().end);
                quantities.pages += had - wants;
            }
            if new.address != start {
                quantities.resident = self.resident(old.pages());
            }
            let page_end = low.next_multiple_of(PAGE);
            let end = size.max(old.size).min(page_end);
            if low < end {
                quantities.touches = quantities.touches + self.store(start + low, end - low, |_| 0);
            }
            if new.address != start {
                quantities.pages += had;
                quantities.remaps = 1;
                self.move_pages(old.pages(), new.address / PAGE);
            }
        } else {
            let found = self
                .place(region, kind, size, old.flags, prices)
                .ok_or(Error::Exhausted { size, regions: 1 })?;
            let shares_page = self.shares_page(index);
            let gone = if shares_page { 0 } else { old.frames.len() as u64 };
            let more = if found.shares_page { 0 } else { found.frames.len() as u64 };
            self.check_limit(more.saturating_sub(gone))?;
            (growth, quantities.extra_planes, quantities.copied) = (found.growth, found.extra, low);
            let content: Vec<u8> = (0..low).map(|at| self.byte(start + at)).collect();
            let extent = if found.shares_page { block_bytes(size) } else { low };
            let byte = |at: u64| {
                usize::try_from(at - found.address).ok().and_then(|at| content.get(at)).copied().unwrap_or(0)
            };
            quantities.touches = quantities.touches + self.store(found.address, extent, byte);
            if shares_page {
                quantities.touches = quantities.touches + self.store(start, block_bytes(old.size), |_| 0);
            } else {
                quantities.resident = self.resident(old.pages());
                quantities.touches.first_reads = self.touch_read(start / PAGE);
                quantities.pages = old.pages().end - old.pages().start;
                self.drop_pages(old.pages());
            }
            (new.address, new.frames) = (found.address, found.frames);
        }
        let address = new.address;
        self.live[index] = new;
        self.regions.get_mut(&region).unwrap().1 += growth;
        quantities.planes = Some(PlaneChange { kind, before, after: before + u64::from(growth) });
        self.used(region);
        Ok((address, quantities))
    }

    fn move_pages(&mut self, from: std::ops::Range<u64>, to: u64) {
        let place = |page: u64| if from.contains(&page) { to + (page - from.start) } else { page };
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes =
            bytes.into_iter().map(|(at, byte)| (place(at / PAGE) * PAGE + at % PAGE, byte)).collect();
        for set in [&mut self.read, &mut self.stored] {
            *set = set.iter().map(|&page| place(page)).collect();
        }
        self.written.renumber(place);
    }

    pub(crate) fn byte(&self, address: u64) -> u8 {
        self.bytes.get(&address).copied().unwrap_or(0)
    }

    pub(crate) fn permissions_at(&self, address: u64) -> Permissions {
        let owned = self.live.iter().find(|owned| owned.pages().contains(&(address / PAGE)));
        owned.map_or(Permissions::NONE, Owned::permissions)
    }

    pub(crate) fn resolve(&self, handle: u64) -> Result<u64, Error> {
        let found = self.live.iter().find(|owned| owned.id << 24 | u64::from(owned.slot) == handle);
        found.map(|owned| owned.address).ok_or(Error::StaleHandle { handle })
    }

    /// A property of the allocator's.
    pub(crate) fn query(&self, address: u64, property: Property) -> Result<u64, Error> {
        let region = u8::try_from(address >> 32).ok().filter(|region| self.regions.contains_key(region));
        let region = region.ok_or(Error::ForeignRegion { address })?;
        let (kind, planes) = self.regions[&region];
        let free = u64::from(planes) * 16 - self.used_frames(region).len() as u64;
        let longest = self.longest_run(region);
        let in_region = || self.live.iter().filter(|owned| owned.region() == region);
        let owned = || self.find(address).map(|index| &self.live[index]);
        Ok(match property {
            Property::Kind => kind.code().into(),
            Property::Permissions => self.permissions_at(address).bits().into(),
            Property::RegionSize => REGION,
            Property::FreeBytes => free * PAGE,
            Property::LargestRun => longest * PAGE,
            Property::Fragmentation => (1000 * (free - longest)).checked_div(free).unwrap_or(0),
            Property::Planes => planes.into(),
            Property::LiveAllocations => in_region().count() as u64,
            Property::LiveBytes => in_region().map(|owned| owned.size).sum(),
            Property::Handle => owned().map(|owned| owned.id << 24 | u64::from(owned.slot))?,
            Property::Fragments => owned().map(|owned| frames::runs(&owned.frames).len() as u64)?,
            Property::Start => owned()?.address,
            Property::Size => owned()?.size,
            Property::Flags => owned()?.flags.bits().into(),
        })
    }

    pub(crate) fn settle(&mut self) {
        let ends =
            |owned: &Owned| owned.flags.contains(Flags::TEMPORARY) || owned.kind == RegionKind::Transient;
        while let Some(index) = self.live.iter().position(ends) {
            self.free_index(index);
        }
        self.regions.retain(|_, (kind, _)| *kind != RegionKind::Transient);
        let regions = &self.regions;
        self.recent.retain(|region| regions.contains_key(region));
        self.read.clear();
        for page in std::mem::take(&mut self.written).pages {
            if self.synthesis(page * PAGE).is_some() {
                self.stored.insert(page);
            } else {
                self.stored.remove(&page);
            }
        }
        let in_use = self.bytes.keys().map(|at| at / PAGE);
        let in_use: Vec<u64> = in_use.filter(|page| self.synthesis(page * PAGE).is_none()).collect();
        self.stored.extend(in_use);
        self.begun.clone_from(&self.stored);
    }
}
