//! SHA-256 of sixteen pairs in the lanes of AVX-512 registers, or of thirty-two in two interleaved streams.
//!
//! A round is a chain of dependent instructions: a second stream fills the gaps that the first leaves.
#![allow(clippy::many_single_char_names, reason = "the words of the state are called a to h in FIPS 180-4")]

use core::arch::x86_64::{
    __m256i, __m512i, _mm256_storeu_si256, _mm512_add_epi32, _mm512_castsi512_si256,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_permutex2var_epi64, _mm512_ror_epi32,
    _mm512_set_epi64, _mm512_set1_epi32, _mm512_set4_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::super::sha256::INITIAL_STATE;
use super::super::{Hash, Pair};
use super::constants::{PADDING_ROUND_WORDS, ROUND_CONSTANTS};

/// Pairs that one stream hashes side by side.
pub(super) const LANES: usize = 16;

/// A word of each of sixteen messages, for each stream.
type Words<const STREAMS: usize> = [__m512i; STREAMS];
type State<const STREAMS: usize> = [Words<STREAMS>; 8];

/// Truth tables of the three-input functions, for `_mm512_ternarylogic_epi32`.
const XOR: i32 = 0b1001_0110;
const CHOOSE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

/// The parents of `STREAMS` times sixteen pairs.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn hash_block<const STREAMS: usize>(
    pairs: &[[Pair; LANES]; STREAMS],
    parents: &mut [[Hash; LANES]; STREAMS],
) {
    let initial: State<STREAMS> = broadcast_each(&INITIAL_STATE);
    let mut message = [[_mm512_setzero_si512(); STREAMS]; 16];
    for stream in 0..STREAMS {
        let words = load_transposed(&pairs[stream]);
        for t in 0..16 {
            message[t][stream] = words[t];
        }
    }
    let mut state = compress(initial, &mut message);
    for (word, before) in state.iter_mut().zip(&initial) {
        *word = add(*word, *before);
    }
    let before = state;
    for words in PADDING_ROUND_WORDS.as_chunks().0 {
        state = eight_rounds(state, broadcast_each(words));
    }
    for (word, before) in state.iter_mut().zip(&before) {
        *word = add(*word, *before);
    }
    for stream in 0..STREAMS {
        let mut words = [_mm512_setzero_si512(); 8];
        for (word, streams) in words.iter_mut().zip(&state) {
            *word = swap_bytes(streams[stream]);
        }
        store_transposed(&words, &mut parents[stream]);
    }
}

/// The 64 rounds over one block, of which `message` is overwritten by its schedule.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn compress<const STREAMS: usize>(
    mut state: State<STREAMS>,
    message: &mut [Words<STREAMS>; 16],
) -> State<STREAMS> {
    for (sixteen, constants) in ROUND_CONSTANTS.as_chunks::<16>().0.iter().enumerate() {
        for half in 0..2 {
            let mut words = [[_mm512_setzero_si512(); STREAMS]; 8];
            for (i, word) in words.iter_mut().enumerate() {
                let t = 8 * half + i;
                if sixteen > 0 {
                    message[t] = next_word(message, t);
                }
                *word = add(message[t], [broadcast(constants[t]); STREAMS]);
            }
            state = eight_rounds(state, words);
        }
    }
    state
}

/// `W[t] = sigma1(W[t - 2]) + W[t - 7] + sigma0(W[t - 15]) + W[t - 16]`, where the indices are modulo 16.
#[inline]
#[target_feature(enable = "avx512f")]
fn next_word<const STREAMS: usize>(message: &[Words<STREAMS>; 16], t: usize) -> Words<STREAMS> {
    let mut next = message[t];
    for stream in 0..STREAMS {
        let early = message[(t + 1) % 16][stream];
        let late = message[(t + 14) % 16][stream];
        let sigma0 =
            xor(_mm512_ror_epi32::<7>(early), _mm512_ror_epi32::<18>(early), _mm512_srli_epi32::<3>(early));
        let sigma1 =
            xor(_mm512_ror_epi32::<17>(late), _mm512_ror_epi32::<19>(late), _mm512_srli_epi32::<10>(late));
        let sum = _mm512_add_epi32(_mm512_add_epi32(next[stream], message[(t + 9) % 16][stream]), sigma0);
        next[stream] = _mm512_add_epi32(sum, sigma1);
    }
    next
}

/// Eight rounds, after which every word is in its place again. `words` are `K + W` of the rounds.
#[inline]
#[target_feature(enable = "avx512f")]
fn eight_rounds<const STREAMS: usize>(state: State<STREAMS>, words: [Words<STREAMS>; 8]) -> State<STREAMS> {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    (d, h) = round([a, b, c, d, e, f, g, h], words[0]);
    (c, g) = round([h, a, b, c, d, e, f, g], words[1]);
    (b, f) = round([g, h, a, b, c, d, e, f], words[2]);
    (a, e) = round([f, g, h, a, b, c, d, e], words[3]);
    (h, d) = round([e, f, g, h, a, b, c, d], words[4]);
    (g, c) = round([d, e, f, g, h, a, b, c], words[5]);
    (f, b) = round([c, d, e, f, g, h, a, b], words[6]);
    (e, a) = round([b, c, d, e, f, g, h, a], words[7]);
    [a, b, c, d, e, f, g, h]
}

/// One round (FIPS 180-4, section 6.2.2): the new values of the words in the places of `d` and `h`.
#[inline]
#[target_feature(enable = "avx512f")]
fn round<const STREAMS: usize>(
    [a, b, c, mut d, e, f, g, mut h]: State<STREAMS>,
    words: Words<STREAMS>,
) -> (Words<STREAMS>, Words<STREAMS>) {
    for s in 0..STREAMS {
        let sum1 =
            xor(_mm512_ror_epi32::<6>(e[s]), _mm512_ror_epi32::<11>(e[s]), _mm512_ror_epi32::<25>(e[s]));
        let sum0 =
            xor(_mm512_ror_epi32::<2>(a[s]), _mm512_ror_epi32::<13>(a[s]), _mm512_ror_epi32::<22>(a[s]));
        let choice = _mm512_ternarylogic_epi32::<CHOOSE>(e[s], f[s], g[s]);
        let majority = _mm512_ternarylogic_epi32::<MAJORITY>(a[s], b[s], c[s]);
        let early = _mm512_add_epi32(h[s], words[s]);
        let first = _mm512_add_epi32(_mm512_add_epi32(early, choice), sum1);
        d[s] = _mm512_add_epi32(d[s], first);
        h[s] = _mm512_add_epi32(_mm512_add_epi32(first, majority), sum0);
    }
    (d, h)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<XOR>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add<const STREAMS: usize>(mut x: Words<STREAMS>, y: Words<STREAMS>) -> Words<STREAMS> {
    for stream in 0..STREAMS {
        x[stream] = _mm512_add_epi32(x[stream], y[stream]);
    }
    x
}

/// Eight words, each in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast_each<const STREAMS: usize>(words: &[u32; 8]) -> [Words<STREAMS>; 8] {
    let mut vectors = [[_mm512_setzero_si512(); STREAMS]; 8];
    for (vector, word) in vectors.iter_mut().zip(words) {
        *vector = [broadcast(*word); STREAMS];
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

/// Turns big-endian words into native ones, and back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap_bytes(words: __m512i) -> __m512i {
    let reversed = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    _mm512_shuffle_epi8(words, reversed)
}

/// The sixteen words of sixteen messages: word `t` of message `m` is lane `m` of vector `t`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_transposed(pairs: &[Pair; LANES]) -> [__m512i; 16] {
    let mut words = [_mm512_setzero_si512(); 16];
    for four in 0..4 {
        let mut rows = [_mm512_setzero_si512(); 4];
        for (row, pair) in rows.iter_mut().zip(&pairs[4 * four..]) {
            *row = swap_bytes(load(pair));
        }
        // Column c of the quarter q of these four messages: their words 4q + c.
        words[4 * four..][..4].copy_from_slice(&transpose_quarters(rows));
    }
    for column in 0..4 {
        let rows = [words[column], words[4 + column], words[8 + column], words[12 + column]];
        let even = [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(rows[0], rows[1]),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(rows[2], rows[3]),
        ];
        let odd = [
            _mm512_shuffle_i32x4::<0b11_01_11_01>(rows[0], rows[1]),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(rows[2], rows[3]),
        ];
        words[column] = _mm512_shuffle_i32x4::<0b10_00_10_00>(even[0], even[1]);
        words[4 + column] = _mm512_shuffle_i32x4::<0b10_00_10_00>(odd[0], odd[1]);
        words[8 + column] = _mm512_shuffle_i32x4::<0b11_01_11_01>(even[0], even[1]);
        words[12 + column] = _mm512_shuffle_i32x4::<0b11_01_11_01>(odd[0], odd[1]);
    }
    words
}

/// Writes the eight words of sixteen digests: word `t` of digest `m` is lane `m` of vector `t`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_transposed(digests: &[__m512i; 8], parents: &mut [Hash; LANES]) {
    let [a, b, c, d, e, f, g, h] = *digests;
    // Quarter q of vector c: the first, and the last, four words of digest 4q + c.
    let first = transpose_quarters([a, b, c, d]);
    let last = transpose_quarters([e, f, g, h]);
    let low = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
    let high = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
    for column in 0..4 {
        let quarters = _mm512_permutex2var_epi64(first[column], low, last[column]);
        store(_mm512_castsi512_si256(quarters), &mut parents[column]);
        store(_mm512_extracti64x4_epi64::<1>(quarters), &mut parents[4 + column]);
        let quarters = _mm512_permutex2var_epi64(first[column], high, last[column]);
        store(_mm512_castsi512_si256(quarters), &mut parents[8 + column]);
        store(_mm512_extracti64x4_epi64::<1>(quarters), &mut parents[12 + column]);
    }
}

/// Transposes the four-by-four words in each quarter of `rows`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_quarters(rows: [__m512i; 4]) -> [__m512i; 4] {
    let low = [_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpacklo_epi32(rows[2], rows[3])];
    let high = [_mm512_unpackhi_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[2], rows[3])];
    [
        _mm512_unpacklo_epi64(low[0], low[1]),
        _mm512_unpackhi_epi64(low[0], low[1]),
        _mm512_unpacklo_epi64(high[0], high[1]),
        _mm512_unpackhi_epi64(high[0], high[1]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(pair: &Pair) -> __m512i {
    // SAFETY: a pair is 64 bytes that may be read, and the instruction needs no alignment.
    unsafe { _mm512_loadu_si512(pair.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(digest: __m256i, parent: &mut Hash) {
    // SAFETY: a hash is 32 bytes that may be written, and the instruction needs no alignment.
    unsafe { _mm256_storeu_si256(parent.as_mut_ptr().cast(), digest) }
}
