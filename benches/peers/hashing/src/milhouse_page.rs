//! Pages as `milhouse` keeps them: leaves of its tree, shared by reference count, hashed by `tree_hash` and at most once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use milhouse::Vector;
use ssz::{Decode, DecodeError, Encode};
use tree_hash::{Hash256, PackedEncoding, TreeHash, TreeHashType, merkle_root};

use crate::content::{PAGE_BYTES, PageBytes};

/// A region of `N` pages. Of the maps that hold pending updates this one suits single and scattered pages.
pub(crate) type Region<N> = Vector<Page, N, BTreeMap<usize, Page>>;

#[derive(Clone)]
pub(crate) struct Page(Arc<Frame>);

struct Frame {
    bytes: PageBytes,
    root: OnceLock<Hash256>,
}

impl Page {
    pub(crate) fn new(bytes: &PageBytes) -> Self {
        Self(Arc::new(Frame { bytes: *bytes, root: OnceLock::new() }))
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.bytes == other.0.bytes
    }
}

impl TreeHash for Page {
    fn tree_hash_type() -> TreeHashType {
        TreeHashType::Vector
    }

    fn tree_hash_packed_encoding(&self) -> PackedEncoding {
        unreachable!("pages are not packed")
    }

    fn tree_hash_packing_factor() -> usize {
        unreachable!("pages are not packed")
    }

    /// The root of the page's chunks, but zero for a page of zeros, as in the state tree of this project.
    fn tree_hash_root(&self) -> Hash256 {
        *self.0.root.get_or_init(|| {
            let is_zero = travertine_merkle::page_is_zero(&self.0.bytes);
            if is_zero { Hash256::ZERO } else { merkle_root(&self.0.bytes, 0) }
        })
    }
}

impl Encode for Page {
    fn is_ssz_fixed_len() -> bool {
        true
    }

    fn ssz_fixed_len() -> usize {
        PAGE_BYTES
    }

    fn ssz_bytes_len(&self) -> usize {
        PAGE_BYTES
    }

    fn ssz_append(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.0.bytes);
    }
}

impl Decode for Page {
    fn is_ssz_fixed_len() -> bool {
        true
    }

    fn ssz_fixed_len() -> usize {
        PAGE_BYTES
    }

    fn from_ssz_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wrong = |_| DecodeError::InvalidByteLength { len: bytes.len(), expected: PAGE_BYTES };
        Ok(Self::new(bytes.try_into().map_err(wrong)?))
    }
}
