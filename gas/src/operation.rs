//! What can be charged: every operation with its operands, and its form as text.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use travertine_opcodes::{GasClass, Instruction, TABLE};

/// Declares the operations once: the enum, their forms, and reading and writing them as text derive from it.
macro_rules! operations {
    (
        instructions {$(
            #[doc = $doc:literal]
            $class:ident $name:literal $({$(#[doc = $operand_doc:literal] $operand:ident: $type:ty,)*})?;
        )*}
        effects {$(
            #[doc = $e_doc:literal]
            $effect:ident $e_name:literal {$(#[doc = $e_operand_doc:literal] $e_operand:ident: $e_type:ty,)*};
        )*}
    ) => {
        /// A thing that is charged, with the operands that its cost depends on.
        ///
        /// There is one for each [`GasClass`], of the same name: all instructions of the class. The last ones are what
        /// instructions do beyond themselves, and are charged on top.
        ///
        /// As text it is a name and operands, `copy 4096` or `allocate 65536 kind=heap planes_after=1`: operands
        /// with a name, or in order; those that are left out are 0.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = $doc] $class $({$(#[doc = $operand_doc] $operand: $type,)*})?,)*
            $(#[doc = $e_doc] $effect {$(#[doc = $e_operand_doc] $e_operand: $e_type,)*},)*
        }

        impl Operation {
            /// Name and operands of every operation.
            pub const FORMS: &'static [OperationForm] = &[
                $(OperationForm {
                    name: $name,
                    about: $doc,
                    operands: &[$($((stringify!($operand), $operand_doc)),*)?],
                },)*
                $(OperationForm {
                    name: $e_name,
                    about: $e_doc,
                    operands: &[$((stringify!($e_operand), $e_operand_doc)),*],
                },)*
            ];

            /// An instruction of this class whose operands are all 0.
            pub fn of_class(class: GasClass) -> Self {
                match class {
                    $(GasClass::$class => Self::$class $({$($operand: <$type>::default()),*})?,)*
                }
            }

            /// The name of the operation.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$class {..} => $name,)*
                    $(Self::$effect {..} => $e_name,)*
                }
            }

            /// Names and values of its operands, in order.
            pub fn operands(&self) -> Vec<(&'static str, String)> {
                match self {
                    $(Self::$class $({$($operand),*})? => vec![$($((stringify!($operand), $operand.to_string())),*)?],)*
                    $(Self::$effect {$($e_operand),*} => vec![$((stringify!($e_operand), $e_operand.to_string())),*],)*
                }
            }

            fn parse(name: &str, operands: &mut Operands) -> Result<Self, OperationError> {
                Ok(match name {
                    $($name => Self::$class $({$($operand: operands.take(stringify!($operand))?),*})?,)*
                    $($e_name => Self::$effect {$($e_operand: operands.take(stringify!($e_operand))?),*},)*
                    _ => return Err(OperationError::Unknown(name.to_owned())),
                })
            }
        }
    };
}

operations! {
    instructions {
        /// `nop`.
        Nop "nop";
        /// `mv`.
        Mv "mv";
        /// An integer operation on registers.
        Arithmetic "arithmetic";
        /// A count of the bits that are set, or `orc.b`.
        BitCount "bit_count";
        /// A multiplication.
        Multiply "multiply";
        /// A division or remainder.
        Divide "divide";
        /// A load.
        Load "load" {
            /// Bytes that are loaded.
            bytes: u64,
        };
        /// A store.
        Store "store" {
            /// Bytes that are stored.
            bytes: u64,
        };
        /// A conditional branch, taken or not.
        Branch "branch";
        /// An unconditional jump to an offset.
        Jump "jump";
        /// An unconditional jump to a register's value.
        JumpRegister "jump_register";
        /// An atomic memory operation.
        Atomic "atomic";
        /// A fence.
        Fence "fence";
        /// `ecall` and `ebreak` themselves.
        System "system";
        /// An allocation.
        Allocate "allocate" {
            /// Bytes that are asked for; with 0 it is one that was refused.
            bytes: u64,
            /// The kind of region they lie in.
            kind: PlaneKind,
            /// Planes of all regions of this kind together, before.
            planes_before: u64,
            /// Planes of all regions of this kind together, after.
            planes_after: u64,
            /// Planes that the frames are promoted over, beyond the first.
            extra_planes: u64,
            /// Regions that were asked beyond the first.
            further_regions: u64,
        };
        /// The release of an allocation.
        Free "free" {
            /// Whole pages that become empty.
            pages: u64,
            /// Those among them that are resident: stored when the call began, moved there, or touched by the call.
            resident_pages: u64,
        };
        /// The size of an allocation.
        Size "size";
        /// A property of what lies at an address.
        Query "query";
        /// The address of a handle.
        Resolve "resolve";
        /// An allocation that grows or shrinks.
        Resize "resize" {
            /// Bytes that are asked for beyond those it had; 0 if it shrinks.
            added_bytes: u64,
            /// Bytes that are copied to a new place.
            copied_bytes: u64,
            /// Whole pages that move to a new address, without a copy, or become empty.
            moved_pages: u64,
            /// Those among them that are resident: stored when the call began, moved there, or touched by the call.
            resident_pages: u64,
            /// 1 if whole pages move, else 0.
            remaps: u64,
            /// The kind of region it lies in.
            kind: PlaneKind,
            /// Planes of all regions of this kind together, before.
            planes_before: u64,
            /// Planes of all regions of this kind together, after.
            planes_after: u64,
            /// Planes that the new frames are promoted over, beyond the first.
            extra_planes: u64,
        };
        /// A copy.
        Copy "copy" {
            /// Bytes that are copied one by one.
            bytes: u64,
            /// 1 if source and destination begin in different regions, else 0.
            region_changes: u64,
            /// 1 if they begin in different planes of one region, else 0.
            plane_changes: u64,
            /// Whole pages that are shared instead, until they are stored to.
            pages: u64,
        };
        /// Bytes set to one value.
        Fill "fill" {
            /// Bytes that are set one by one.
            bytes: u64,
            /// Whole pages that share one instead, until they are stored to.
            pages: u64,
        };
        /// Entries read to one place.
        Gather "gather" {
            /// Bytes of all entries together.
            bytes: u64,
            /// Number of entries.
            entries: u64,
            /// Entries that begin in another region than the destination.
            region_changes: u64,
            /// Entries that begin in its region, but in another plane.
            plane_changes: u64,
            /// Pages that each entry has bytes in, for all entries together.
            pages: u64,
        };
        /// Bytes of one place spread over entries.
        Scatter "scatter" {
            /// Bytes of all entries together.
            bytes: u64,
            /// Number of entries.
            entries: u64,
            /// Entries that begin in another region than the source.
            region_changes: u64,
            /// Entries that begin in its region, but in another plane.
            plane_changes: u64,
            /// Pages that each entry has bytes in, for all entries together.
            pages: u64,
        };
        /// Pages shared copy-on-write.
        Share "share" {
            /// Pages that are shared.
            pages: u64,
            /// 1 if source and destination begin in different regions, else 0.
            region_changes: u64,
            /// 1 if they begin in different planes of one region, else 0.
            plane_changes: u64,
        };
        /// A region that is compacted, as a whole or in part.
        Compact "compact" {
            /// Frames that are moved.
            moved_frames: u64,
            /// Planes that are looked at.
            scanned_planes: u64,
            /// Runs of frames in all records that are written anew.
            written_runs: u64,
        };
        /// The gas that is left.
        ReadGas "read_gas";
        /// The refund counter.
        ReadRefund "read_refund";
        /// The root of a region.
        ReadRoot "read_root";
        /// The end of the call.
        Halt "halt";
    }
    effects {
        /// Pages that the call touches for the first time.
        Touch "touch" {
            /// Pages that are loaded from, and were not touched before.
            first_reads: u64,
            /// Pages that are stored to, and were not stored to before; and that are placed from pages that were.
            first_writes: u64,
            /// Pages among these that are of generative memory and that nobody has written.
            synthesized: u64,
            /// Pages that are stored to and have been placed, or shared, since they were stored to.
            copies: u64,
            /// Pages that a bulk operation places from such that were not stored to, and that were not written before.
            first_placed: u64,
        };
        /// Pages that loads, stores and atomics touch again, but that are not in their places, beyond the instructions.
        Recall "recall" {
            /// Those that were there when fewer than 1,024 others had not yet come to theirs.
            near: u64,
            /// All others.
            far: u64,
        };
        /// Loads, stores, atomics and roots whose bytes lie in two pages, beyond their instructions.
        Crossing "crossing" {
            /// How many.
            accesses: u64,
        };
        /// An access through the second view of the substrate's segment, whose bytes are found one by one.
        View "view" {
            /// Bytes that are loaded or stored there.
            bytes: u64,
        };
        /// A host call other than `log`, beyond its `ecall`.
        HostCall "host_call" {
            /// Bytes that it reads and writes.
            bytes: u64,
            /// What the embedder asks, in gas.
            gas: u64,
        };
        /// An event, beyond the `ecall`.
        Log "log" {
            /// Bytes of its data.
            bytes: u64,
            /// Its topics.
            topics: u64,
        };
    }
}

/// Name and operands of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationForm {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Names of its operands, and what they are.
    pub operands: &'static [(&'static str, &'static str)],
}

/// The kinds of regions whose planes are counted and priced apart. Those of generative memory cost what the heap's do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum PlaneKind {
    /// Persistent allocations.
    #[default]
    Heap,
    /// Pages that caller and callee exchange.
    Shared,
    /// Allocations that vanish when the call ends.
    Transient,
    /// The program's persistent variables.
    State,
    /// Generative memory that was allocated.
    Generative,
}

impl PlaneKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Heap, Self::Shared, Self::Transient, Self::State, Self::Generative];

    const fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Shared => "shared",
            Self::Transient => "transient",
            Self::State => "state",
            Self::Generative => "generative",
        }
    }
}

impl fmt::Display for PlaneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no number, or no kind of region.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("heap, shared, transient, state and generative are the kinds")]
pub struct PlaneKindError;

impl FromStr for PlaneKind {
    type Err = PlaneKindError;

    fn from_str(text: &str) -> Result<Self, PlaneKindError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(PlaneKindError)
    }
}

/// Why text is not an operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperationError {
    /// Nothing was given.
    #[error("no operation is named")]
    Empty,
    /// There is no operation or instruction of this name.
    #[error("`{0}` is no operation and no instruction")]
    Unknown(String),
    /// It has no operand of this name, or not so many.
    #[error("`{name}` has no operand `{operand}`")]
    NoSuchOperand {
        /// The operation.
        name: String,
        /// The operand, or its value if it has no name.
        operand: String,
    },
    /// The operand's value is not one.
    #[error("the operand `{operand}` cannot be `{value}`: {reason}")]
    Value {
        /// The operand.
        operand: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Operation {
    /// The instruction itself, its dynamic operands being 0. What it costs if it is refused says [`Schedule::base`].
    ///
    /// [`Schedule::base`]: crate::Schedule::base
    pub fn of(instruction: Instruction) -> Self {
        let bytes = instruction.opcode.access_bytes();
        match instruction.gas_class() {
            GasClass::Load => Self::Load { bytes },
            GasClass::Store => Self::Store { bytes },
            class => Self::of_class(class),
        }
    }
}

/// The name, and those of its operands that are not 0.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let all_zero = PlaneKind::default().to_string();
        let given = |(_, value): &(_, String)| *value != "0" && *value != all_zero;
        self.operands().into_iter().filter(given).try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// A name of [`Operation::FORMS`] and its operands, or an instruction's mnemonic or alias; loads and stores by their
/// mnemonic have the width that it says.
impl FromStr for Operation {
    type Err = OperationError;

    fn from_str(text: &str) -> Result<Self, OperationError> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or(OperationError::Empty)?;
        let mut operands = Operands::new(words);
        let operation = match Self::parse(name, &mut operands) {
            Err(OperationError::Unknown(_)) => Self::of_mnemonic(name, &mut operands)?,
            operation => operation?,
        };
        operands.finish(name)?;
        Ok(operation)
    }
}

impl Operation {
    fn of_mnemonic(name: &str, operands: &mut Operands) -> Result<Self, OperationError> {
        let row = TABLE.iter().find(|row| row.mnemonic == name || row.aliases.contains(&name));
        let opcode = row.ok_or_else(|| OperationError::Unknown(name.to_owned()))?.opcode;
        let bytes = opcode.access_bytes();
        match opcode.gas_class() {
            GasClass::Load => Ok(Self::Load { bytes }),
            GasClass::Store => Ok(Self::Store { bytes }),
            class => Self::parse(Self::of_class(class).name(), operands),
        }
    }
}

/// Operands as they were written, of which some have a name.
struct Operands(Vec<(Option<String>, String)>);

impl Operands {
    fn new<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let split = |word: &str| match word.split_once('=') {
            Some((name, value)) => (Some(name.to_owned()), value.to_owned()),
            None => (None, word.to_owned()),
        };
        Self(words.map(split).collect())
    }

    /// The operand of this name, else the first without a name, else 0.
    fn take<T: Operand>(&mut self, operand: &'static str) -> Result<T, OperationError> {
        let named = self.0.iter().position(|(name, _)| name.as_deref() == Some(operand));
        let Some(index) = named.or_else(|| self.0.iter().position(|(name, _)| name.is_none())) else {
            return Ok(T::default());
        };
        let (_, value) = self.0.remove(index);
        T::read(&value).map_err(|reason| OperationError::Value { operand, value, reason })
    }

    /// Whatever is left was not an operand.
    fn finish(mut self, name: &str) -> Result<(), OperationError> {
        self.0.pop().map_or(Ok(()), |(operand, value)| {
            Err(OperationError::NoSuchOperand { name: name.to_owned(), operand: operand.unwrap_or(value) })
        })
    }
}

/// What operands are: numbers, and kinds of regions.
trait Operand: Default {
    /// The operand with this text, or what is wrong with it.
    fn read(text: &str) -> Result<Self, String>;
}

impl Operand for u64 {
    fn read(text: &str) -> Result<Self, String> {
        let plain = text.replace('_', "");
        let number = match plain.strip_prefix("0x") {
            Some(digits) => Self::from_str_radix(digits, 16),
            None => plain.parse(),
        };
        number.map_err(|error| error.to_string())
    }
}

impl Operand for PlaneKind {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: PlaneKindError| error.to_string())
    }
}
