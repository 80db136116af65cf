//! A region: its kind, its permissions as a whole and page by page, and its content.

use std::fmt;
use std::sync::Arc;

use travertine_merkle::{Hash, region_leaf};

use crate::cap::{CapError, DataCap};
use crate::fault::Access;
use crate::permissions::Permissions;
use crate::slab::SlabError;

/// What a region is for. The codes are part of a region's metadata and so of the state root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RegionKind {
    /// No region: nothing can be mapped with this kind.
    Invalid = 0,
    /// The call's context and input, written by the machine before each call.
    VmControl = 1,
    /// Instructions and read-only data.
    Code = 2,
    /// The program's persistent variables.
    State = 3,
    /// Persistent allocations.
    Heap = 4,
    /// The call's stack.
    Stack = 5,
    /// Pages that caller and callee exchange.
    Shared = 6,
    /// Allocations that vanish when the call ends.
    Transient = 7,
    /// The substrate window.
    Mmio = 8,
    /// Synthesized from a seed where nothing is written.
    Generative = 9,
}

impl RegionKind {
    /// All kinds, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::Invalid,
        Self::VmControl,
        Self::Code,
        Self::State,
        Self::Heap,
        Self::Stack,
        Self::Shared,
        Self::Transient,
        Self::Mmio,
        Self::Generative,
    ];

    /// The kind's code, 0 to 9.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this code, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The permissions of a region of this kind where nothing else is said. A substrate window opens its own.
    pub const fn default_permissions(self) -> Permissions {
        match self {
            Self::Invalid | Self::Mmio => Permissions::NONE,
            Self::VmControl | Self::Generative => Permissions::READ,
            Self::Code => Permissions::READ_EXECUTE,
            Self::State | Self::Heap | Self::Stack | Self::Transient => Permissions::READ_WRITE,
            Self::Shared => Permissions::READ_WRITE_SHARED,
        }
    }

    /// The permissions of a region of this kind that the allocator has opened. Its pages have those of the allocations that hold
    /// them, and none where there is nothing.
    pub const fn opened_permissions(self) -> Permissions {
        match self {
            Self::Generative => Permissions::READ_WRITE,
            kind => kind.default_permissions(),
        }
    }

    /// Whether the content outlives the call. All other regions are zero when a call begins and when it has settled.
    pub const fn survives_settle(self) -> bool {
        match self {
            Self::Code | Self::State | Self::Heap | Self::Shared | Self::Mmio | Self::Generative => true,
            Self::Invalid | Self::VmControl | Self::Stack | Self::Transient => false,
        }
    }
}

impl fmt::Display for RegionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Permissions of consecutive pages of a region, as a program's segment asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    /// The first page's index in the region.
    pub first: u32,
    /// The index behind the last page.
    pub end: u32,
    /// What is allowed on each of them.
    pub permissions: Permissions,
}

/// What the state tree says of a region that the allocator has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameBudget {
    /// Planes of page frames that belong to the region: 0 to 65,536.
    pub planes: u32,
    /// The region's place among those that were allocated in last: 1 is the latest, 16 the earliest that is remembered, 0 none.
    pub recency: u8,
}

impl FrameBudget {
    const PLANES_SHIFT: u32 = 32;
    /// Says that the region is the allocator's.
    const MANAGED_SHIFT: u32 = 49;
    const RECENCY_SHIFT: u32 = 56;

    /// The budget as bits of a region's metadata: planes in bits 32 to 48, 1 in bit 49, the place in bits 56 to 60.
    pub fn meta(self) -> u64 {
        u64::from(self.planes) << Self::PLANES_SHIFT
            | 1 << Self::MANAGED_SHIFT
            | u64::from(self.recency) << Self::RECENCY_SHIFT
    }
}

/// Why a region cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// The kind is [`RegionKind::Invalid`].
    #[error("a region of kind Invalid cannot be mapped")]
    InvalidKind,
    /// Pages could be both written and executed.
    #[error("permissions {permissions} would let pages be written and executed")]
    WriteExecute {
        /// What was asked for.
        permissions: Permissions,
    },
    /// Regions of kind Generative have generative caps, and no others have.
    #[error("a region of kind {kind} with a cap that is {}generative", if *.kind == RegionKind::Generative { "not " } else { "" })]
    GenerativeCap {
        /// The kind.
        kind: RegionKind,
    },
    /// What is synthesized is never executed.
    #[error("a Generative region with permissions {permissions}")]
    GenerativeExecute {
        /// What was asked for.
        permissions: Permissions,
    },
    /// A range of pages is empty or reaches behind the cap's end.
    #[error("page range {first}..{end} is empty or leaves the cap of {page_count} pages")]
    PageRange {
        /// The first page.
        first: u32,
        /// The page behind the last one.
        end: u32,
        /// Pages of the cap.
        page_count: u32,
    },
    /// Two ranges name the same page.
    #[error("page {page} is in two ranges")]
    Overlap {
        /// The page's index.
        page: u32,
    },
    /// No cap can have the size.
    #[error(transparent)]
    Size(#[from] SlabError),
}

/// A region of memory. Its content is a cap; what is allowed holds for the whole region, or page by page.
#[derive(Debug, Clone)]
pub struct Region {
    kind: RegionKind,
    permissions: Permissions,
    flags: u16,
    /// What the allocator has in the region, as of the last settlement, if the region is the allocator's.
    budget: Option<FrameBudget>,
    /// Ascending and without overlap; `None` if all pages have the region's permissions.
    narrowed: Option<Arc<[PageRange]>>,
    cap: DataCap,
}

impl Region {
    /// A region whose pages all have the same permissions.
    ///
    /// # Errors
    /// If the kind is `Invalid`, or the permissions name both writing and execution; if either the kind or the cap is generative,
    /// and not both; if it is, and the permissions name execution.
    pub fn new(kind: RegionKind, permissions: Permissions, cap: DataCap) -> Result<Self, RegionError> {
        check_page_permissions(permissions)?;
        if kind == RegionKind::Invalid {
            return Err(RegionError::InvalidKind);
        }
        if (kind == RegionKind::Generative) != cap.synthesis().is_some() {
            return Err(RegionError::GenerativeCap { kind });
        }
        if kind == RegionKind::Generative && permissions.contains(Permissions::EXECUTE) {
            return Err(RegionError::GenerativeExecute { permissions });
        }
        Ok(Self { kind, permissions, flags: 0, budget: None, narrowed: None, cap })
    }

    /// A region whose pages have the permissions of the range they are in, and none outside of all ranges. The region's own
    /// permissions are the union: a ceiling, which may name both writing and execution although no page has both.
    ///
    /// # Errors
    /// If the kind is `Invalid`; if a range's permissions name both writing and execution; if a range is empty, leaves the
    /// cap or overlaps another one.
    pub fn with_page_ranges(
        kind: RegionKind,
        ranges: &[PageRange],
        cap: DataCap,
    ) -> Result<Self, RegionError> {
        let page_count = cap.page_count();
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable_by_key(|range| range.first);
        let mut covered_to = 0;
        for &PageRange { first, end, permissions } in &sorted {
            check_page_permissions(permissions)?;
            if first >= end || end > page_count {
                return Err(RegionError::PageRange { first, end, page_count });
            }
            if first < covered_to {
                return Err(RegionError::Overlap { page: first });
            }
            covered_to = end;
        }
        let ceiling = sorted.iter().fold(Permissions::NONE, |union, range| union | range.permissions);
        let region = Self::new(kind, Permissions::NONE, cap)?;
        if kind == RegionKind::Generative && ceiling.contains(Permissions::EXECUTE) {
            return Err(RegionError::GenerativeExecute { permissions: ceiling });
        }
        Ok(Self { permissions: ceiling, narrowed: Some(sorted.into()), ..region })
    }

    /// The region with other flags: bits 16 to 31 of its metadata.
    #[must_use]
    pub fn with_flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// The region as one of the allocator's, with this budget.
    #[must_use]
    pub fn with_budget(self, budget: FrameBudget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// What the allocator has in the region, as of the last settlement; `None` if the region is not the allocator's.
    pub fn budget(&self) -> Option<FrameBudget> {
        self.budget
    }

    pub(crate) fn set_budget(&mut self, budget: FrameBudget) {
        self.budget = Some(budget);
    }

    /// What the region is for.
    pub fn kind(&self) -> RegionKind {
        self.kind
    }

    /// The region's permissions; where pages differ, the union of theirs.
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The region's flags.
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// The ranges that narrow the permissions, ascending, or `None` if all pages have the region's.
    pub fn page_ranges(&self) -> Option<&[PageRange]> {
        self.narrowed.as_deref()
    }

    /// The region's content.
    pub fn cap(&self) -> &DataCap {
        &self.cap
    }

    /// Resizes the region's cap, as [`DataCap::resize`] does. Ranges of pages stay as they are: they are the program's.
    ///
    /// # Errors
    /// If the size is not that of a cap, or a range of pages would reach behind the end; nothing is changed then.
    pub fn resize(&mut self, size: u64) -> Result<(), RegionError> {
        let mut cap = self.cap.clone();
        cap.resize(size)?;
        let page_count = cap.page_count();
        match self.narrowed.as_deref().and_then(<[PageRange]>::last) {
            Some(&PageRange { first, end, .. }) if end > page_count => {
                Err(RegionError::PageRange { first, end, page_count })
            }
            _ => {
                self.cap = cap;
                Ok(())
            }
        }
    }

    pub(crate) fn cap_mut(&mut self) -> &mut DataCap {
        &mut self.cap
    }

    /// What is allowed on a page; nothing behind the end.
    pub fn page_permissions(&self, page: u32) -> Permissions {
        if page >= self.cap.page_count() {
            return Permissions::NONE;
        }
        match &self.narrowed {
            None => self.permissions,
            Some(ranges) => {
                let behind = ranges.partition_point(|range| range.first <= page);
                let range = ranges[..behind].last().filter(|range| page < range.end);
                range.map_or(Permissions::NONE, |range| range.permissions)
            }
        }
    }

    /// The first page from `first` on that does not allow `access`; it may lie behind the end. The cost is that of the ranges
    /// in between, not of the pages.
    pub(crate) fn first_denied(&self, first: u32, access: Access) -> u32 {
        let Some(ranges) = &self.narrowed else {
            return if self.permissions.allows(access) { self.cap.page_count().max(first) } else { first };
        };
        let mut page = first;
        let start = ranges.partition_point(|range| range.end <= first);
        for range in &ranges[start..] {
            if range.first > page || !range.permissions.allows(access) {
                break;
            }
            page = range.end;
        }
        page
    }

    /// The metadata chunk: kind, permissions << 8, flags << 16, and the bits of the [`FrameBudget`] if there is one.
    pub fn meta(&self) -> u64 {
        u64::from(self.kind.code())
            | u64::from(self.permissions.bits()) << 8
            | u64::from(self.flags) << 16
            | self.budget.map_or(0, FrameBudget::meta)
    }

    /// The region's leaf in the state tree: its metadata and the root of its cap.
    ///
    /// # Errors
    /// If the cap has pages that are not flushed.
    pub fn leaf(&self) -> Result<Hash, CapError> {
        Ok(region_leaf(self.meta(), &self.cap.root()?))
    }
}

fn check_page_permissions(permissions: Permissions) -> Result<(), RegionError> {
    if permissions.is_write_execute() { Err(RegionError::WriteExecute { permissions }) } else { Ok(()) }
}
