//! Interpolation search in the binary64 view of the order. Its result is fixed by the order of its operations; where the machine must
//! agree with others on the least index, [`lower_bound`](super::monotonic::lower_bound) is the exact one.

use thiserror::Error;

use super::monotonic::monotonic;

/// The target is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("NaN is no target of a search: it must be a number, best between 0 and 1")]
pub struct NanError;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Some index whose number is the target's, or next to it: of several that share a number not always the lowest.
    pub index: u64,
    /// Rounds that it took; three at most have been seen.
    pub rounds: u32,
}

/// Rounds after which the search ends where it is.
const ROUNDS_LIMIT: u32 = 64;

/// Finds an index whose [`monotonic`] number is `target`; targets up to 0 are at the first index, from 1 on at the last.
///
/// # Errors
/// [`NanError`] if the target is NaN.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rule says binary64, and truncation of what is 0 or more"
)]
pub fn search(target: f64, seed: u64) -> Result<Found, NanError> {
    if target.is_nan() {
        return Err(NanError);
    }
    let (mut low, mut high) = (0, u64::MAX);
    if target <= 0.0 || target >= 1.0 {
        return Ok(Found { index: if target <= 0.0 { low } else { high }, rounds: 0 });
    }
    let mut rounds = 0;
    while rounds < ROUNDS_LIMIT && low < high {
        rounds += 1;
        let (first, last) = (monotonic(low, seed), monotonic(high, seed));
        if target <= first {
            break;
        }
        if target >= last {
            return Ok(Found { index: high, rounds });
        }
        let scale = (target - first) / (last - first);
        let offset = (scale * (high - low) as f64) as u64;
        let pivot = low + offset.min(high - low);
        let value = monotonic(pivot, seed);
        if value < target {
            // Not the last index: its number is above the target.
            low = pivot + 1;
        } else if value > target {
            // Not the first one: its number is below the target.
            high = pivot - 1;
        } else {
            return Ok(Found { index: pivot, rounds });
        }
    }
    Ok(Found { index: low, rounds })
}
