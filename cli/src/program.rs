//! A program's file: the loaded program, and its symbols for people.

use travertine_vm::{Engine, MAX_ELF_BYTES, Program, Symbol, symbols};

use crate::arguments::Source;
use crate::error::InputError;
use crate::output::escaped;

/// A program and the file that it was read from.
#[derive(Debug)]
pub(crate) struct ProgramFile {
    elf: Vec<u8>,
    pub(crate) program: Program,
}

impl ProgramFile {
    /// Reads and validates a program.
    ///
    /// # Errors
    /// If it cannot be read, or is not a contract.
    pub(crate) fn read(source: &Source, engine: &Engine) -> Result<Self, InputError> {
        let elf = source.read(MAX_ELF_BYTES as u64)?;
        let program =
            engine.load(&elf).map_err(|error| InputError::Program { name: source.name(), error })?;
        Ok(Self { elf, program })
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.elf.len() as u64
    }

    /// The program's symbols. A program with a damaged symbol table runs all the same, so that is only a warning.
    pub(crate) fn symbols(&self) -> Symbols {
        let read = symbols(&self.elf).unwrap_or_else(|error| {
            log::warn!("{error}");
            Vec::new()
        });
        let shown = |symbol: Symbol| Symbol { name: escaped(symbol.name.as_bytes()), ..symbol };
        Symbols(read.into_iter().map(shown).collect())
    }
}

/// A program's symbols in order of address. Their names can be shown.
#[derive(Debug)]
pub(crate) struct Symbols(Vec<Symbol>);

impl Symbols {
    pub(crate) fn all(&self) -> &[Symbol] {
        &self.0
    }

    /// The symbol with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Symbol> {
        self.0.iter().find(|symbol| symbol.name == name)
    }

    /// The symbols at exactly this address.
    pub(crate) fn at(&self, address: u64) -> impl Iterator<Item = &Symbol> {
        let first = self.0.partition_point(|symbol| symbol.address < address);
        self.0[first..].iter().take_while(move |symbol| symbol.address == address)
    }

    /// The address of the first symbol behind `address`.
    pub(crate) fn next_address(&self, address: u64) -> Option<u64> {
        let next = self.0.partition_point(|symbol| symbol.address <= address);
        self.0.get(next).map(|symbol| symbol.address)
    }

    /// `name` or `name+0x12` of the function or object that holds `address`; symbols without a size hold what follows.
    pub(crate) fn describe(&self, address: u64) -> Option<String> {
        let behind = self.0.partition_point(|symbol| symbol.address <= address);
        let nearest = self.0[..behind].last()?.address;
        let holds = |symbol: &&Symbol| symbol.size == 0 || address - symbol.address < symbol.size;
        // A function's name says more than that of a label at the same place.
        let named = || self.at(nearest).filter(holds);
        let symbol = named().find(|symbol| symbol.is_function).or_else(|| named().next())?;
        match address - symbol.address {
            0 => Some(symbol.name.clone()),
            offset => Some(format!("{}+{offset:#x}", symbol.name)),
        }
    }
}
