//! SHA-256 of several pairs in interleaved streams of the x86 SHA extensions.
//!
//! The round instruction takes longer than the time after which the next may start: several streams fill the gap.
#![allow(clippy::many_single_char_names, reason = "the words of the state are called a to h in FIPS 180-4")]

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi32, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::super::sha256::INITIAL_STATE;
use super::super::{Hash, Pair};
use super::constants::{PADDING_ROUND_WORDS, ROUND_CONSTANTS};

/// The words A, B, E, F of a state, from the highest lane to the lowest, and C, D, G, H.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// The parents of `STREAMS` pairs.
#[target_feature(enable = "sha,sse4.1")]
pub(super) fn hash_block<const STREAMS: usize>(pairs: &[Pair; STREAMS], parents: &mut [Hash; STREAMS]) {
    let [a, b, c, d, e, f, g, h] = INITIAL_STATE;
    let initial = State { abef: set_words(a, b, e, f), cdgh: set_words(c, d, g, h) };
    let mut states = [initial; STREAMS];
    let mut messages = [[_mm_setzero_si128(); 4]; STREAMS];
    for (message, pair) in messages.iter_mut().zip(pairs) {
        *message = load_message(pair);
    }
    compress(&mut states, &mut messages);
    for state in &mut states {
        *state = add(*state, initial);
    }
    let before = states;
    for words in PADDING_ROUND_WORDS.as_chunks().0 {
        four_rounds(&mut states, [load_words(words); STREAMS]);
    }
    for ((parent, state), before) in parents.iter_mut().zip(states).zip(before) {
        store_digest(add(state, before), parent);
    }
}

/// The 64 rounds over a block of each stream. `messages` are overwritten by their schedules.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn compress<const STREAMS: usize>(states: &mut [State; STREAMS], messages: &mut [[__m128i; 4]; STREAMS]) {
    for (sixteen, constants) in ROUND_CONSTANTS.as_chunks::<16>().0.iter().enumerate() {
        let constants = constants.as_chunks().0;
        for four in 0..4 {
            let mut words = [load_words(&constants[four]); STREAMS];
            for (words, message) in words.iter_mut().zip(&mut *messages) {
                *words = _mm_add_epi32(*words, message[four]);
            }
            four_rounds(states, words);
            if sixteen < 3 {
                for message in &mut *messages {
                    message[four] = next_words(message, four);
                }
            }
        }
    }
}

/// The four words of the schedule that take the place of `message[four]`, the oldest.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn next_words(message: &[__m128i; 4], four: usize) -> __m128i {
    let [first, second, third, fourth] =
        [message[four], message[(four + 1) % 4], message[(four + 2) % 4], message[(four + 3) % 4]];
    let partial = _mm_add_epi32(_mm_sha256msg1_epu32(first, second), _mm_alignr_epi8::<4>(fourth, third));
    _mm_sha256msg2_epu32(partial, fourth)
}

/// Four rounds of each stream, of which `words` are `K + W`.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four_rounds<const STREAMS: usize>(states: &mut [State; STREAMS], words: [__m128i; STREAMS]) {
    // After two rounds the former A, B, E, F are the C, D, G, H.
    for (state, words) in states.iter_mut().zip(words) {
        state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, words);
    }
    for (state, words) in states.iter_mut().zip(words) {
        state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32::<0b11_10>(words));
    }
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn set_words(highest: u32, high: u32, low: u32, lowest: u32) -> __m128i {
    _mm_set_epi32(highest.cast_signed(), high.cast_signed(), low.cast_signed(), lowest.cast_signed())
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn add(left: State, right: State) -> State {
    State { abef: _mm_add_epi32(left.abef, right.abef), cdgh: _mm_add_epi32(left.cdgh, right.cdgh) }
}

/// Turns big-endian words into native ones, and back.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn swap_bytes(words: __m128i) -> __m128i {
    _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: 16 bytes may be read, and the instruction needs no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn load_message(pair: &Pair) -> [__m128i; 4] {
    let mut message = [_mm_setzero_si128(); 4];
    for (words, bytes) in message.iter_mut().zip(pair.as_flattened().as_chunks::<16>().0) {
        // SAFETY: 16 bytes may be read, and the instruction needs no alignment.
        *words = swap_bytes(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
    }
    message
}

#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn store_digest(state: State, parent: &mut Hash) {
    let feba = _mm_shuffle_epi32::<0b00_01_10_11>(state.abef);
    let dchg = _mm_shuffle_epi32::<0b10_11_00_01>(state.cdgh);
    let halves = [_mm_blend_epi16::<0b1111_0000>(feba, dchg), _mm_alignr_epi8::<8>(dchg, feba)];
    for (bytes, half) in parent.as_chunks_mut::<16>().0.iter_mut().zip(halves) {
        // SAFETY: 16 bytes may be written, and the instruction needs no alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), swap_bytes(half)) };
    }
}
