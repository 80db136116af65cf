//! Bytes of Generative regions that nobody has written: they are no part of a proof, the verifier computes them.

use crate::leaf::Generator;
use crate::proof::ClaimError;

/// Fills `bytes` with the content of `region` from the byte `offset` on.
#[cfg(feature = "generative")]
pub(crate) fn synthesize(
    region: u8,
    generator: Generator,
    offset: u64,
    bytes: &mut [u8],
) -> Result<(), ClaimError> {
    use travertine_vrns::{Mode, Synthesis};

    let Generator { seed, mode } = generator;
    let mode = Mode::from_code(mode).ok_or(ClaimError::Mode { region, mode })?;
    Synthesis { seed, mode }.read(offset, bytes);
    Ok(())
}

/// Without the feature `generative` nothing is known of such bytes.
#[cfg(not(feature = "generative"))]
pub(crate) fn synthesize(
    region: u8,
    _generator: Generator,
    _offset: u64,
    _bytes: &mut [u8],
) -> Result<(), ClaimError> {
    Err(ClaimError::Unwritten { region })
}
