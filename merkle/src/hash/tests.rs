//! Every kernel that this processor has, against the portable one and against published vectors.

extern crate std;

use alloc::vec;
use alloc::vec::Vec;
use std::println;

use super::backend::{Backend, Kernel};
use super::{Hash, Pair, ZERO_HASH, hash_pair, hash_pairs, sha256, zero_hash};

/// Pairs that the kernels are compared on.
const COMPARED_PAIRS: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

/// The kernels that can run here, by name. Says which cannot.
fn kernels() -> Vec<(&'static str, Kernel)> {
    let mut kernels = Vec::new();
    for backend in Backend::ALL {
        match backend.kernel() {
            Some(kernel) => kernels.push((backend.name(), kernel)),
            None => println!("skipped: no {backend} here"),
        }
    }
    #[cfg(all(feature = "simd", target_arch = "x86_64"))]
    if let Some(Kernel::Avx512(kernel)) = Backend::Avx512.kernel() {
        kernels.push(("avx512 without sha-ni", Kernel::Avx512(kernel.without_sha_ni())));
    }
    kernels
}

/// Random pairs from a fixed seed: `splitmix64`.
fn random_pairs(count: usize) -> Vec<Pair> {
    let mut seed = 0x7472_6176_u64;
    let mut pairs = vec![[ZERO_HASH; 2]; count];
    for word in pairs.as_flattened_mut().as_flattened_mut().as_chunks_mut().0 {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        *word = (mixed ^ mixed >> 31).to_le_bytes();
    }
    pairs
}

fn parents(kernel: Kernel, pairs: &[Pair]) -> Vec<Hash> {
    let mut parents = vec![ZERO_HASH; pairs.len()];
    kernel.hash_pairs(pairs, &mut parents);
    parents
}

#[test]
fn kernels_agree_on_random_pairs() {
    let pairs = random_pairs(COMPARED_PAIRS);
    let mut expected = vec![ZERO_HASH; pairs.len()];
    sha256::hash_pairs(&pairs, &mut expected);
    for (name, kernel) in kernels() {
        assert!(parents(kernel, &pairs) == expected, "{name}");
    }
}

/// Every way in which a batch is cut into blocks, at every alignment of its first byte to 32.
#[test]
fn kernels_agree_on_every_length_and_leave_other_nodes_alone() {
    let pairs = random_pairs(72);
    let expected = parents(Kernel::Portable, &pairs);
    for (name, kernel) in kernels() {
        for length in 0..=70 {
            for first in 0..2 {
                let mut parents = vec![[0xee; 32]; 72];
                kernel.hash_pairs(&pairs[first..][..length], &mut parents[first..][..length]);
                assert_eq!(parents[first..][..length], expected[first..][..length], "{name}, {length} pairs");
                let others = parents[..first].iter().chain(&parents[first + length..]);
                assert!(others.clone().all(|other| *other == [0xee; 32]), "{name}, {length} pairs");
            }
        }
    }
}

/// A single set bit at each of the 512 places, in each lane: no bit is lost or moved to another message.
#[test]
fn kernels_agree_on_every_bit_of_every_lane() {
    for (name, kernel) in kernels() {
        for bit in 0..512 {
            let mut pairs = [[ZERO_HASH; 2]; 36];
            let lane = bit % 36;
            pairs[lane].as_flattened_mut()[bit / 8] = 1 << (bit % 8);
            let mut expected = [*zero_hash(1); 36];
            sha256::hash_pairs(&pairs[lane..=lane], &mut expected[lane..=lane]);
            assert_eq!(parents(kernel, &pairs), expected, "{name}, bit {bit}");
        }
    }
}

/// Messages of 512 bits from the byte-oriented vectors of NIST's Cryptographic Algorithm Validation Program
/// (`SHA256ShortMsg.rsp`, Len = 512), and the root of two zero chunks, which the consensus specifications give.
#[test]
fn kernels_give_published_digests() {
    let vectors = [
        (
            "5a86b737eaea8ee976a0a24da63e7ed7eefad18a101c1211e2b3650c5187c2a8\
             a650547208251f6d4237e661c7bf4c77f335390394c37fa1a9f9be836ac28509",
            "42e61e174fbb3897d6dd6cef3dd2802fe67b331953b06114a65c772859dfc1aa",
        ),
        (
            "0000000000000000000000000000000000000000000000000000000000000000\
             0000000000000000000000000000000000000000000000000000000000000000",
            "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
        ),
    ];
    for (message, digest) in vectors {
        let mut pair = [ZERO_HASH; 2];
        hex::decode_to_slice(message, pair.as_flattened_mut()).unwrap();
        for (name, kernel) in kernels() {
            for parent in parents(kernel, &[pair; 53]) {
                assert_eq!(hex::encode(parent), digest, "{name}");
            }
        }
    }
}

#[test]
fn kernels_give_the_zero_hashes() {
    for (name, kernel) in kernels() {
        for depth in 1..=64 {
            let below = *zero_hash(depth - 1);
            let parents = parents(kernel, &[[below, below]; 49]);
            assert!(parents.iter().all(|parent| parent == zero_hash(depth)), "{name}, depth {depth}");
        }
    }
}

#[test]
fn batches_equal_single_pairs() {
    let pairs = random_pairs(50);
    let mut batch = vec![ZERO_HASH; 50];
    hash_pairs(pairs.as_flattened(), &mut batch);
    let single: Vec<_> = pairs.iter().map(|[left, right]| hash_pair(left, right)).collect();
    assert_eq!(batch, single);
}

#[test]
#[should_panic(expected = "5 nodes for 2 parents")]
fn an_odd_number_of_nodes_is_refused() {
    hash_pairs(&[ZERO_HASH; 5], &mut [ZERO_HASH; 2]);
}

#[test]
#[should_panic(expected = "6 nodes for 2 parents")]
fn too_few_parents_are_refused() {
    hash_pairs(&[ZERO_HASH; 6], &mut [ZERO_HASH; 2]);
}
