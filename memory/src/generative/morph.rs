//! A morph: what a context makes of the numbers of its source.

use thiserror::Error;

use super::cell::canonical;

/// What is done to a number `x`; the variant's number is its mode in formats and calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MorphMode {
    /// 0: `x`, bit by bit.
    Identity,
    /// 1: `x·a + b`, rounded after each of the two operations.
    Linear,
    /// 2: `x + b`.
    Add,
    /// 3: `x·a`.
    Multiply,
}

impl TryFrom<u32> for MorphMode {
    type Error = MorphError;

    fn try_from(mode: u32) -> Result<Self, MorphError> {
        Ok(match mode {
            0 => Self::Identity,
            1 => Self::Linear,
            2 => Self::Add,
            3 => Self::Multiply,
            _ => return Err(MorphError::Mode(mode)),
        })
    }
}

/// Why something is no morph.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum MorphError {
    /// There is no such mode.
    #[error("there is no morph mode {0}: modes are 0 to 3")]
    Mode(u32),
    /// A parameter is infinite or NaN.
    #[error("{0} is no parameter of a morph: parameters are finite")]
    Parameter(f64),
}

/// A mode and its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Morph {
    mode: MorphMode,
    factor: f64,
    summand: f64,
}

impl Morph {
    /// A morph with the factor `a` and the summand `b`, which are checked and kept even if the mode does not use them.
    ///
    /// # Errors
    /// [`MorphError::Parameter`] if one is not finite.
    pub fn new(mode: MorphMode, factor: f64, summand: f64) -> Result<Self, MorphError> {
        if let Some(wrong) = [factor, summand].into_iter().find(|parameter| !parameter.is_finite()) {
            return Err(MorphError::Parameter(wrong));
        }
        Ok(Self { mode, factor, summand })
    }

    /// Whether bits go through unchanged.
    pub(super) fn is_identity(&self) -> bool {
        self.mode == MorphMode::Identity
    }

    /// The result for the source's number. Too large ones become infinite; a NaN has always the same bits.
    pub fn apply(&self, x: f64) -> f64 {
        // Never fused: each operator rounds.
        canonical(match self.mode {
            MorphMode::Identity => x,
            MorphMode::Linear => x * self.factor + self.summand,
            MorphMode::Add => x + self.summand,
            MorphMode::Multiply => x * self.factor,
        })
    }
}
