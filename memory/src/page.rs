//! A page of 4,096 bytes: shared, hashed at most once; the slot it stands in; and where missing pages come from.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock, OnceLock};

use travertine_merkle::{Hash, ZERO_HASH, layout, page_leaf, written_page_leaf};
use travertine_vrns::{Mode, Synthesis};

use crate::page_hash::GroupRoots;

/// Bytes of a page, as an index. (The layout's constant is a `u64`; 4,096 fits any index.)
pub(crate) const PAGE_BYTES: usize = 4096;
const _: () = assert!(PAGE_BYTES as u64 == layout::PAGE_BYTES);

/// The bytes of one page, aligned so that no cache line is shared with another.
#[repr(align(64))]
#[derive(Clone, PartialEq, Eq)]
pub struct PageBytes([u8; PAGE_BYTES]);

const _: () = assert!(size_of::<PageBytes>() == PAGE_BYTES);

impl PageBytes {
    /// A page of zeros.
    pub fn zeroed() -> Box<Self> {
        Box::new(Self([0; PAGE_BYTES]))
    }

    /// A page that begins with `content` and is zero behind it.
    ///
    /// # Panics
    /// If `content` is longer than a page.
    pub fn starting_with(content: &[u8]) -> Box<Self> {
        let mut page = Self::zeroed();
        page[..content.len()].copy_from_slice(content);
        page
    }

    /// Whether every byte is zero.
    pub fn is_zero(&self) -> bool {
        travertine_merkle::page_is_zero(self)
    }
}

impl Deref for PageBytes {
    type Target = [u8; PAGE_BYTES];

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for PageBytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for PageBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.0.iter().filter(|&&byte| byte != 0).count();
        write!(formatter, "PageBytes({used} bytes are not zero)")
    }
}

/// An immutable page, shared by reference count. Its leaf in the state tree is computed at most once, whoever holds it.
#[derive(Clone)]
pub struct Page(Arc<SharedPage>);

struct SharedPage {
    // Boxed: behind an `Arc`'s counters the alignment would cost a second page.
    bytes: Box<PageBytes>,
    leaf: OnceLock<Hash>,
    /// Nodes inside of the page, of a page that has replaced another one and may so be replaced soon.
    groups: OnceLock<Box<GroupRoots>>,
}

/// Its leaf is known from the beginning: pages that replace others are hashed as pages that are not zero.
static ZERO_PAGE: LazyLock<Page> = LazyLock::new(|| {
    let page = Page::new(PageBytes::zeroed());
    page.set_leaf(ZERO_HASH);
    page
});

impl Page {
    /// A page with these bytes.
    pub fn new(bytes: Box<PageBytes>) -> Self {
        Self(Arc::new(SharedPage { bytes, leaf: OnceLock::new(), groups: OnceLock::new() }))
    }

    /// The page of zeros; all callers share one.
    pub fn zero() -> Self {
        ZERO_PAGE.clone()
    }

    /// The page whose bytes all have this value; all callers share one. Its leaf is known.
    pub(crate) fn filled(value: u8) -> Self {
        static PAGES: [OnceLock<Page>; 256] = [const { OnceLock::new() }; 256];
        if value == 0 {
            return Self::zero();
        }
        let page = PAGES[usize::from(value)].get_or_init(|| {
            let mut bytes = PageBytes::zeroed();
            bytes.fill(value);
            let page = Self::new(bytes);
            page.leaf();
            page
        });
        page.clone()
    }

    /// The page with this number of a generative region, which nobody has written.
    pub(crate) fn synthesized(synthesis: Synthesis, number: u32) -> Self {
        match synthesis.mode {
            Mode::Zeros => Self::zero(),
            Mode::Vrns => Self::new(PageBytes::starting_with(&synthesis.page(number.into()))),
        }
    }

    /// The page's bytes.
    #[inline]
    pub fn bytes(&self) -> &PageBytes {
        &self.0.bytes
    }

    /// The page's bytes: a copy, unless nobody else holds the page.
    pub(crate) fn into_bytes(self) -> Box<PageBytes> {
        Arc::try_unwrap(self.0).map_or_else(|page| page.bytes.clone(), |page| page.bytes)
    }

    /// The page's leaf in the state tree: zero if all its bytes are zero, else the root of its 128 chunks.
    pub fn leaf(&self) -> Hash {
        *self.0.leaf.get_or_init(|| page_leaf(self.bytes()))
    }

    /// What tells the page from all others in storage, if it is held more than once.
    pub(crate) fn place(&self) -> Option<*const u8> {
        (Arc::strong_count(&self.0) > 1).then(|| self.bytes().as_ptr())
    }

    #[cfg(test)]
    pub(crate) const RECORD_BYTES: usize = size_of::<SharedPage>();

    /// Whether the leaf has been computed.
    pub(crate) fn is_hashed(&self) -> bool {
        self.0.leaf.get().is_some()
    }

    /// Keeps the leaf that has been computed for this page. (If another thread was faster, it is there already.)
    pub(crate) fn set_leaf(&self, leaf: Hash) {
        self.0.leaf.get_or_init(|| leaf);
    }

    pub(crate) fn group_roots(&self) -> Option<&GroupRoots> {
        self.0.groups.get().map(|groups| &**groups)
    }

    pub(crate) fn set_group_roots(&self, groups: &GroupRoots) {
        self.0.groups.get_or_init(|| Box::new(*groups));
    }

    /// Whether both are one page in storage, not only in content.
    pub fn is_same_frame(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Pages are equal if their bytes are.
impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_frame(other) || self.bytes() == other.bytes()
    }
}

impl Eq for Page {}

impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(formatter)
    }
}

/// What stands at a page's place in a slab or an overlay.
#[derive(Debug, Clone)]
pub enum PageSlot {
    /// Nothing is stored: the zero page, or in a generative cap a page that nobody has written.
    Empty,
    /// A page in storage.
    Loaded(Page),
    /// A page that is known by its leaf only. It is loaded from a [`PageSource`] when touched, and never read as zero.
    Missing(Hash),
}

impl PageSlot {
    /// What tells the page's content: its leaf in the state tree, unless the cap is generative.
    pub fn leaf(&self) -> Hash {
        match self {
            Self::Empty => ZERO_HASH,
            Self::Loaded(page) => page.leaf(),
            Self::Missing(leaf) => *leaf,
        }
    }

    /// The one form of this content: the zero page is always [`PageSlot::Empty`], however it was named.
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Loaded(page) if page.bytes().is_zero() => Self::Empty,
            Self::Missing(ZERO_HASH) => Self::Empty,
            slot => slot,
        }
    }

    /// The one form of a written page in a cap of this form.
    pub(crate) fn written(self, form: LeafForm) -> Self {
        match (self.canonical(), form) {
            (Self::Empty, LeafForm::Marked) => Self::Loaded(Page::zero()),
            (slot, _) => slot,
        }
    }
}

/// How a stored page's leaf follows from its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafForm {
    /// It is the root of the page's content, and zero pages are not stored.
    Plain,
    /// A mark stands beside that root, so that a page of zeros that was written differs from one that nobody has written.
    Marked,
}

impl LeafForm {
    /// The leaf of a page whose content has this root.
    pub(crate) fn leaf(self, content: &Hash) -> Hash {
        match self {
            Self::Plain => *content,
            Self::Marked => written_page_leaf(content),
        }
    }
}

impl From<Page> for PageSlot {
    fn from(page: Page) -> Self {
        Self::Loaded(page).canonical()
    }
}

/// Where the content of missing pages comes from: a store on disk, a peer, a witness. It need not be trusted.
pub trait PageSource: fmt::Debug + Send + Sync {
    /// The page with this leaf, or `None` if the source does not have it. What it returns is checked against `leaf`; a
    /// source that keeps its pages and gives the same one again saves hashing it again.
    fn page(&self, leaf: &Hash) -> Option<Page>;
}
