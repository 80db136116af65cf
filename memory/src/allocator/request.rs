//! What can be asked of the allocator: sizes, kinds, flags, and what they make of the pages.

use travertine_merkle::layout::{PAGE_BYTES, REGION_BYTES};
use travertine_merkle::{Hash, ZERO_HASH};
use travertine_vrns::{Mode, Synthesis};

use super::error::AllocationError;
use super::record::{Allocation, AllocationFlags};
use crate::permissions::Permissions;
use crate::region::RegionKind;

/// The largest request that is served from a page that it shares with others, in bytes.
pub const MAX_BLOCK_BYTES: u64 = 2048;

/// Bytes of what `m3.alloc` reads to make generative memory.
pub const PARAMETER_BYTES: u64 = 16;
/// Where their address begins in the word of `m3.alloc`.
const PARAMETERS_SHIFT: u32 = 24;

/// The kinds of regions that the allocator opens.
pub const ALLOCATABLE_KINDS: [RegionKind; 5] =
    [RegionKind::Heap, RegionKind::Shared, RegionKind::Transient, RegionKind::State, RegionKind::Generative];

/// Flags that need pages of their own: permissions hold for whole pages, and a pinned frame would pin its neighbours.
const WHOLE_PAGE_FLAGS: AllocationFlags = AllocationFlags::from_bits(
    AllocationFlags::SHARED.bits()
        | AllocationFlags::PINNED.bits()
        | AllocationFlags::EXECUTABLE.bits()
        | AllocationFlags::ATOMIC.bits()
        | AllocationFlags::READ_ONLY.bits(),
);

/// Flags of memory that keeps its frames.
const STAYING_FLAGS: AllocationFlags = AllocationFlags::from_bits(
    AllocationFlags::SHARED.bits() | AllocationFlags::PINNED.bits() | AllocationFlags::ATOMIC.bits(),
);

/// What growing and promoting cost, in gas: where either would do, the allocator takes the cheaper one.
pub trait AllocationPrices {
    /// Growth of the regions of a kind from so many planes, all together, to so many.
    fn growth(&self, kind: RegionKind, planes_before: u64, planes_after: u64) -> u64;

    /// Frames gathered from so many planes beyond the first.
    fn promotion(&self, extra_planes: u64) -> u64;
}

/// A request for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocationRequest {
    /// Bytes: 1 to 4 GiB.
    pub size: u64,
    /// The kind of region: one of [`ALLOCATABLE_KINDS`].
    pub kind: RegionKind,
    /// What the allocation shall be.
    pub flags: AllocationFlags,
    /// The region, or `None` to let the allocator choose.
    pub region: Option<u8>,
    /// Image root of the program that asks; zero if it is the host.
    pub owner: Hash,
    /// What makes the pages of generative memory that nobody has written; `None` for every other kind.
    pub synthesis: Option<Synthesis>,
}

impl AllocationRequest {
    /// A request of the host's, without flags, in any region of the kind.
    pub fn new(size: u64, kind: RegionKind) -> Self {
        Self { size, kind, flags: AllocationFlags::NONE, region: None, owner: ZERO_HASH, synthesis: None }
    }

    /// A request of the host's for generative memory, without flags, in a region that is opened for it.
    pub fn generative(size: u64, synthesis: Synthesis) -> Self {
        Self { synthesis: Some(synthesis), ..Self::new(size, RegionKind::Generative) }
    }

    /// The request of `m3.alloc`: bits 0 to 7 of `word` are the kind, 8 to 15 the flags, 16 to 23 the region (0 to choose). Of
    /// generative memory the other bits are [`parameters_address`](Self::parameters_address), and `parameters` stand there: seed
    /// and mode.
    ///
    /// # Errors
    /// If another bit is set, the kind has no such code or the mode is not defined.
    pub fn from_registers(
        size: u64,
        word: u64,
        parameters: Option<[u64; 2]>,
        owner: Hash,
    ) -> Result<Self, AllocationError> {
        let [kind, flags, region, ..] = word.to_le_bytes();
        if Self::parameters_address(word).is_none() && word >> PARAMETERS_SHIFT != 0 {
            return Err(AllocationError::ReservedBits { word });
        }
        let kind = RegionKind::from_code(kind).ok_or(AllocationError::UnknownKind { code: kind })?;
        let synthesis = parameters.filter(|_| kind == RegionKind::Generative).map(|[seed, mode]| {
            let mode = Mode::from_code(mode).ok_or(AllocationError::UnknownMode { mode })?;
            Ok(Synthesis { seed, mode })
        });
        let region = (region != 0).then_some(region);
        let flags = AllocationFlags::from_bits(flags);
        Ok(Self { size, kind, flags, region, owner, synthesis: synthesis.transpose()? })
    }

    /// Where the parameters of a request for generative memory stand: bits 24 to 63 of the word of `m3.alloc`. `None` for every
    /// other kind. There are [`PARAMETER_BYTES`]: the seed and the mode, eight bytes each, little endian.
    pub fn parameters_address(word: u64) -> Option<u64> {
        let [kind, ..] = word.to_le_bytes();
        (kind == RegionKind::Generative.code()).then_some(word >> PARAMETERS_SHIFT)
    }

    /// Checks what does not depend on the state.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), AllocationError> {
        check_form(self.size, self.kind, self.flags)?;
        if self.synthesis.is_some() == (self.kind == RegionKind::Generative) {
            Ok(())
        } else {
            Err(AllocationError::Kind { kind: self.kind })
        }
    }
}

/// Checks size, kind and flags of what is asked for, or recorded.
#[inline]
pub(crate) fn check_form(size: u64, kind: RegionKind, flags: AllocationFlags) -> Result<(), AllocationError> {
    check_size(size)?;
    check_pages(size, kind)?;
    if !ALLOCATABLE_KINDS.contains(&kind) {
        return Err(AllocationError::Kind { kind });
    }
    if flags.contains(AllocationFlags::EXECUTABLE) {
        if kind == RegionKind::Generative {
            return Err(AllocationError::GenerativeExecute);
        }
        if !flags.contains(AllocationFlags::READ_ONLY) {
            return Err(AllocationError::WriteExecute);
        }
    }
    Ok(())
}

/// # Errors
/// If the size is 0 or above that of a region.
#[inline]
pub(crate) fn check_size(size: u64) -> Result<(), AllocationError> {
    match size {
        0 => Err(AllocationError::ZeroSize),
        size if size > REGION_BYTES => Err(AllocationError::TooLarge { size }),
        _ => Ok(()),
    }
}

/// # Errors
/// If generative memory would end within a page: its bytes behind the end would have to be made again, one by one.
#[inline]
pub(crate) fn check_pages(size: u64, kind: RegionKind) -> Result<(), AllocationError> {
    let is_partial = kind == RegionKind::Generative && !size.is_multiple_of(PAGE_BYTES);
    if is_partial { Err(AllocationError::PartialPage { size }) } else { Ok(()) }
}

/// Whether such an allocation is a block of a page that it shares with others.
#[inline]
pub(crate) fn is_block(size: u64, kind: RegionKind, flags: AllocationFlags) -> bool {
    size <= MAX_BLOCK_BYTES && !flags.intersects(WHOLE_PAGE_FLAGS) && !fills_region(kind)
}

/// Whether an allocation of this kind has a region of its own, which is opened for it and closed with it: what makes pages is one
/// for a whole region.
#[inline]
pub(crate) fn fills_region(kind: RegionKind) -> bool {
    kind == RegionKind::Generative
}

/// The pages that hold so many bytes, of an allocation that has pages of its own.
pub(crate) fn page_count(size: u64) -> u32 {
    u32::try_from(size.div_ceil(PAGE_BYTES)).expect("an allocation has at most 4 GiB")
}

/// See [`Allocation::is_movable`].
#[inline]
pub(crate) fn is_movable(size: u64, kind: RegionKind, flags: AllocationFlags) -> bool {
    let is_one_run = flags.contains(AllocationFlags::CONTIGUOUS) && size > PAGE_BYTES;
    !is_one_run
        && !flags.intersects(STAYING_FLAGS)
        && !kind.default_permissions().contains(Permissions::SHARED)
}

/// Whether such an allocation is gone when the call has ended.
#[inline]
pub(crate) fn ends_with_call(kind: RegionKind, flags: AllocationFlags) -> bool {
    flags.contains(AllocationFlags::TEMPORARY) || !kind.survives_settle()
}

impl Allocation {
    /// What the program may do with the allocation's pages.
    pub fn permissions(&self) -> Permissions {
        let is = |flag| self.flags.contains(flag);
        let default = self.kind.default_permissions();
        let access = match (is(AllocationFlags::EXECUTABLE), is(AllocationFlags::READ_ONLY)) {
            (true, _) => Permissions::READ_EXECUTE,
            (false, true) => Permissions::READ,
            (false, false) => Permissions::READ_WRITE,
        };
        let mark = |is_set, mark| if is_set { mark } else { Permissions::NONE };
        access
            | mark(is(AllocationFlags::SHARED) || default.contains(Permissions::SHARED), Permissions::SHARED)
            | mark(is(AllocationFlags::ATOMIC), Permissions::ATOMIC)
    }

    /// Whether its frames may be exchanged for others, one by one: not those of pinned, shared and atomic memory, and not those
    /// that have to lie in one run.
    #[inline]
    pub fn is_movable(&self) -> bool {
        is_movable(self.size, self.kind, self.flags)
    }

    /// Whether it is gone when the call has ended.
    pub(crate) fn ends_with_call(&self) -> bool {
        ends_with_call(self.kind, self.flags)
    }

    /// Whether it is a block of a page that it shares with others.
    pub fn is_block(&self) -> bool {
        is_block(self.size, self.kind, self.flags)
    }
}
