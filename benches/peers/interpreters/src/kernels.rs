//! The kernels of `benches/kernels`: their files, their checksums, and their native code.

use peers_harness::Error;

/// The column of native code.
pub(crate) const NATIVE: &str = "native";

/// A kernel in all its forms.
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) rv64: &'static [u8],
    pub(crate) wasm: &'static [u8],
    /// Linked for `polkavm-linker`.
    pub(crate) polkavm: &'static [u8],
    native: unsafe extern "C" fn() -> u64,
}

macro_rules! kernels {
    ($($name:ident $native:ident,)*) => {
        #[allow(unsafe_code, reason = "native code is what the others are compared with")]
        unsafe extern "C" {
            $(fn $native() -> u64;)*
        }

        /// All kernels, in the order of the table.
        pub(crate) const ALL: &[Kernel] = &[$(Kernel {
            name: stringify!($name),
            rv64: include_bytes!(concat!("../../../kernels/rv64/", stringify!($name), ".elf")),
            wasm: include_bytes!(concat!("../../../kernels/wasm/", stringify!($name), ".wasm")),
            polkavm: include_bytes!(concat!("../../../kernels/polkavm/", stringify!($name), ".elf")),
            native: $native,
        }),*];
    };
}

kernels! {
    alu kernel_alu,
    sieve kernel_sieve,
    qsort kernel_qsort,
    sha256 kernel_sha256,
    keccak kernel_keccak,
    chase kernel_chase,
    matmul kernel_matmul,
    mulmod kernel_mulmod,
    fib kernel_fib,
    bytecode kernel_bytecode,
}

impl Kernel {
    /// What native code computes, now.
    #[allow(unsafe_code, reason = "native code is what the others are compared with")]
    pub(crate) fn run_native(&self) -> u64 {
        // SAFETY: a kernel takes nothing, touches its own memory alone, and runs on one thread here.
        unsafe { (self.native)() }
    }

    /// What stands for it in the file of checksums.
    pub(crate) fn checksum(&self) -> Result<u64, Error> {
        let lines = include_str!("../../../kernels/checksums").lines();
        let line = lines.filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == self.name);
        let (_, checksum) = line.ok_or_else(|| format!("{} has no checksum", self.name))?;
        Ok(u64::from_str_radix(checksum, 16)?)
    }

    /// The kernel of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self, Error> {
        Ok(ALL
            .iter()
            .find(|kernel| kernel.name == name)
            .ok_or_else(|| format!("no kernel is named {name}"))?)
    }
}
