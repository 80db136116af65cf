//! Bytes in and out of words that others may write at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::RangeError;

const WORD: usize = size_of::<u64>();

/// Checks that a range lies within `limit` bytes: its first byte.
fn check(offset: u64, length: usize, limit: u64) -> Result<usize, RangeError> {
    let length = length as u64;
    let is_within = offset.checked_add(length).is_some_and(|end| end <= limit);
    let start = usize::try_from(offset).ok().filter(|_| is_within);
    start.ok_or(RangeError { offset, length, limit })
}

/// The parts of `length` bytes from `start` on that lie in different words: word, first byte in it, length.
fn parts(start: usize, length: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let end = start + length;
    let mut at = start;
    std::iter::from_fn(move || {
        let part = (at / WORD, at % WORD, (WORD - at % WORD).min(end - at));
        at += part.2;
        (part.2 > 0).then_some(part)
    })
}

/// Copies bytes out of the first `limit` bytes of the words.
pub(crate) fn read(words: &[AtomicU64], limit: u64, offset: u64, out: &mut [u8]) -> Result<(), RangeError> {
    let start = check(offset, out.len(), limit)?;
    let mut rest = out;
    for (word, first, length) in parts(start, rest.len()) {
        let (part, others) = rest.split_at_mut(length);
        let bytes = words[word].load(Ordering::Relaxed).to_ne_bytes();
        match <&mut [u8; WORD]>::try_from(&mut *part) {
            Ok(whole) => *whole = bytes,
            Err(_) => part.copy_from_slice(&bytes[first..first + length]),
        }
        rest = others;
    }
    Ok(())
}

/// Copies bytes into the first `limit` bytes of the words. Words that are written in part are read before, so another writer
/// of their other part may be undone: the caller owns the words.
pub(crate) fn write(words: &[AtomicU64], limit: u64, offset: u64, bytes: &[u8]) -> Result<(), RangeError> {
    let start = check(offset, bytes.len(), limit)?;
    let mut rest = bytes;
    for (word, first, length) in parts(start, bytes.len()) {
        let (part, others) = rest.split_at(length);
        let whole = <[u8; WORD]>::try_from(part).unwrap_or_else(|_| {
            let mut whole = words[word].load(Ordering::Relaxed).to_ne_bytes();
            whole[first..first + length].copy_from_slice(part);
            whole
        });
        words[word].store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation, reason = "small sizes")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The words and a plain array.
        #[test]
        fn bytes_come_out_as_they_went_in(
            steps in prop::collection::vec((0_u64..70, prop::collection::vec(any::<u8>(), 0..40)), 1..20),
        ) {
            let words: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
            let (mut twin, limit) = ([0; 61], 61);
            for (offset, bytes) in steps {
                let end = offset + bytes.len() as u64;
                let written = write(&words, limit, offset, &bytes);
                if end > limit {
                    let error = RangeError { offset, length: bytes.len() as u64, limit };
                    prop_assert_eq!(written, Err(error));
                    prop_assert_eq!(read(&words, limit, offset, &mut bytes.clone()), Err(error));
                    continue;
                }
                twin[offset as usize..end as usize].copy_from_slice(&bytes);
                let mut out = vec![0; 61 - offset as usize];
                read(&words, limit, offset, &mut out).unwrap();
                prop_assert_eq!(&out, &twin[offset as usize..]);
            }
            prop_assert!(read(&words, limit, u64::MAX, &mut [0; 2]).is_err());
        }
    }
}
