//! Between our types and those of the SSZ library.

use ssz_rs::prelude::*;
use travertine_merkle::Hash;

/// The hash tree root of a container that is within its limits.
pub(crate) fn root<T: Merkleized>(container: &mut T) -> Hash {
    let root = container.hash_tree_root().expect("a container within its limits has a root");
    Hash::try_from(root.as_ref()).expect("a root has 32 bytes")
}

/// A list of no more elements than its limit, which was checked when they were collected.
pub(crate) fn list<T: SimpleSerialize, const N: usize>(elements: Vec<T>) -> List<T, N> {
    List::try_from(elements).map_err(|(_, error)| error).expect("the limit was checked before")
}

/// A hash as an SSZ vector.
pub(crate) fn vector32(hash: &Hash) -> Vector<u8, 32> {
    Vector::try_from(hash.to_vec()).map_err(|(_, error)| error).expect("a hash has 32 bytes")
}

/// An SSZ vector as a hash.
pub(crate) fn bytes32(vector: &Vector<u8, 32>) -> Hash {
    Hash::try_from(vector.as_ref() as &[u8]).expect("the vector has 32 bytes")
}
