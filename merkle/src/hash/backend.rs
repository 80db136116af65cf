//! The choice among the SHA-256 kernels: by what the processor has, by an environment variable, or by the program.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::sync::atomic::{AtomicU8, Ordering};

use thiserror::Error;

use super::simd::{Avx512, ShaNi};
use super::{Hash, Pair, sha256};

/// A way to compute SHA-256. All give the same results; they differ in speed and in what they need.
///
/// Unless [`Backend::select`] says otherwise, the environment variable `TRAVERTINE_SHA256` names the backend of the
/// process (`portable`, `sha-ni` or `avx512`). It is read once, at the first hash. If it is unset or empty, the fastest
/// backend that is available here is used. If it names none, or one that is not available, the portable one is used:
/// whoever sets it wants to keep kernels away. `Backend::from_environment` tells that something is wrong with it.
///
/// Without the cargo feature `simd` only [`Backend::Portable`] is available, and no environment variable is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The compression function of the `sha2` crate, which runs everywhere and makes its own use of the processor's
    /// SHA instructions, one pair after the other.
    Portable,
    /// The SHA extensions of x86-64, four pairs at once.
    ShaNi,
    /// AVX-512 (F and BW), sixteen or thirty-two pairs at once. What is left over goes to [`Backend::ShaNi`] where that is
    /// available, else to [`Backend::Portable`].
    Avx512,
}

/// A backend cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BackendError {
    /// The name is not that of a backend.
    #[error("no SHA-256 backend is called {name:?}: there are portable, sha-ni and avx512")]
    Unknown {
        /// What was given.
        name: String,
    },
    /// The processor lacks the instructions, or the crate was built without its feature `simd`.
    #[error("the SHA-256 backend {backend} is not available on this processor, or not in this build")]
    Unavailable {
        /// What was asked for.
        backend: Backend,
    },
}

impl Backend {
    /// Every backend, available here or not, from the slowest to the fastest.
    pub const ALL: [Self; 3] = [Self::Portable, Self::ShaNi, Self::Avx512];

    /// The name that [`Backend::from_str`] and the environment variable `TRAVERTINE_SHA256` take.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::ShaNi => "sha-ni",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this build on this processor can use it.
    pub fn is_available(self) -> bool {
        self.kernel().is_some()
    }

    /// The backend that the process uses now.
    pub fn current() -> Self {
        match SELECTED.load(Ordering::Relaxed) {
            PORTABLE => Self::Portable,
            SHA_NI => Self::ShaNi,
            AVX512 => Self::Avx512,
            _ => default_backend(),
        }
    }

    /// Makes the whole process use this backend from now on, whatever the environment says.
    ///
    /// # Errors
    /// [`BackendError::Unavailable`] if it is not available; nothing is changed then.
    pub fn select(self) -> Result<(), BackendError> {
        if !self.is_available() {
            return Err(BackendError::Unavailable { backend: self });
        }
        let code = match self {
            Self::Portable => PORTABLE,
            Self::ShaNi => SHA_NI,
            Self::Avx512 => AVX512,
        };
        SELECTED.store(code, Ordering::Relaxed);
        Ok(())
    }

    /// What the environment variable `TRAVERTINE_SHA256` asks for; `None` if it is unset or empty.
    ///
    /// # Errors
    /// [`BackendError`] if it asks for what does not exist or is not available.
    #[cfg(feature = "simd")]
    pub fn from_environment() -> Result<Option<Self>, BackendError> {
        let Some(name) = std::env::var_os("TRAVERTINE_SHA256").filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let backend: Self = name.to_string_lossy().parse()?;
        if backend.is_available() { Ok(Some(backend)) } else { Err(BackendError::Unavailable { backend }) }
    }

    /// The kernel, if this build on this processor can use it.
    pub(super) fn kernel(self) -> Option<Kernel> {
        match self {
            Self::Portable => Some(Kernel::Portable),
            Self::ShaNi => ShaNi::detect().map(Kernel::ShaNi),
            Self::Avx512 => Avx512::detect().map(Kernel::Avx512),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        let named = Self::ALL.into_iter().find(|backend| backend.name() == name);
        named.ok_or_else(|| BackendError::Unknown { name: name.into() })
    }
}

/// What [`Backend::select`] was called for last; 0 before that.
static SELECTED: AtomicU8 = AtomicU8::new(0);
const PORTABLE: u8 = 1;
const SHA_NI: u8 = 2;
const AVX512: u8 = 3;

/// The backend of a process that has not selected one.
#[cfg(feature = "simd")]
fn default_backend() -> Backend {
    static DEFAULT: std::sync::OnceLock<Backend> = std::sync::OnceLock::new();
    let fastest = || Backend::ALL.into_iter().rfind(|backend| backend.is_available());
    *DEFAULT.get_or_init(|| {
        Backend::from_environment().ok().and_then(|asked| asked.or_else(fastest)).unwrap_or(Backend::Portable)
    })
}

/// The backend of a process that has not selected one.
#[cfg(not(feature = "simd"))]
fn default_backend() -> Backend {
    Backend::Portable
}

/// The kernel that the process uses now.
pub(super) fn kernel() -> Kernel {
    Backend::current().kernel().unwrap_or(Kernel::Portable)
}

/// A backend that is known to be available.
#[derive(Clone, Copy)]
pub(super) enum Kernel {
    Portable,
    ShaNi(ShaNi),
    Avx512(Avx512),
}

impl Kernel {
    /// Makes `parents` the hashes of `pairs`, of which there are as many.
    pub(super) fn hash_pairs(self, pairs: &[Pair], parents: &mut [Hash]) {
        match self {
            Self::Portable => sha256::hash_pairs(pairs, parents),
            Self::ShaNi(kernel) => kernel.hash_pairs(pairs, parents),
            Self::Avx512(kernel) => kernel.hash_pairs(pairs, parents),
        }
    }
}
