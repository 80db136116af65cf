//! The macro that turns the rows of `table.rs` into enums and constant tables. It holds no knowledge of its own.

/// Declares [`Opcode`](crate::Opcode), [`Compressed`](crate::Compressed) and their tables; `table.rs` explains the rows.
macro_rules! instruction_table {
    (
        base {$(
            #[doc = $prose:literal]
            $variant:ident $mnemonic:literal $(| $alias:literal)? $extension:ident
            $mask:literal $bits:literal $format:ident [$($operand:ident),*] $gas:ident;
        )*}
        compressed {$(
            #[doc = $c_prose:literal]
            $c_variant:ident $c_mnemonic:literal $c_mask:literal $c_bits:literal
            $c_format:ident [$($c_operand:ident),*]
            $(except [$($except_mask:literal $except_bits:literal),*])? => $expansion:ident
            $(hint [$($hint_mask:literal $hint_bits:literal $hint_prose:literal),*])?;
        )*}
        reserved {$(
            #[doc = $r_prose:literal]
            $extent:ident $r_mask:literal $r_bits:literal;
        )*}
    ) => {
        /// An operation: every 32-bit instruction. Compressed instructions expand to these.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = concat!("`", $mnemonic, "`:", $prose)] $variant,)*
        }

        impl Opcode {
            /// Every opcode, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        /// The row of every [`Opcode`], at the index of its discriminant.
        pub static TABLE: [Row; Opcode::ALL.len()] = [$(Row {
            opcode: Opcode::$variant,
            mnemonic: $mnemonic,
            aliases: &[$($alias)?],
            extension: Extension::$extension,
            pattern: Pattern { mask: $mask, bits: $bits },
            format: Format::$format,
            operands: &[$(Operand::$operand),*],
            gas_class: GasClass::$gas,
            prose: $prose.trim_ascii(),
        }),*];

        /// The form of a compressed (16-bit) instruction.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Compressed {
            $(#[doc = concat!("`", $c_mnemonic, "`:", $c_prose)] $c_variant,)*
        }

        impl Compressed {
            /// Every compressed form, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$c_variant),*];
        }

        /// The row of every [`Compressed`] form, at the index of its discriminant.
        pub static COMPRESSED_TABLE: [CompressedRow; Compressed::ALL.len()] = [$(CompressedRow {
            form: Compressed::$c_variant,
            mnemonic: $c_mnemonic,
            pattern: Pattern { mask: $c_mask, bits: $c_bits },
            except: &[$($(Pattern { mask: $except_mask, bits: $except_bits }),*)?],
            format: Format::$c_format,
            operands: &[$(Operand::$c_operand),*],
            expansion: Opcode::$expansion,
            hints: &[$($(Hint {
                pattern: Pattern { mask: $hint_mask, bits: $hint_bits },
                prose: $hint_prose,
            }),*)?],
            prose: $c_prose.trim_ascii(),
        }),*];

        /// Every reserved encoding. A word is illegal exactly if no row claims it, and then one of these names it.
        pub static RESERVED: &[Reserved] = &[$(Reserved {
            pattern: Pattern { mask: $r_mask, bits: $r_bits },
            extent: crate::declare::extent!($extent),
            prose: $r_prose.trim_ascii(),
        }),*];
    };
}

/// The [`Extent`](crate::row::Extent) that a row of `reserved` begins with.
macro_rules! extent {
    (all) => {
        crate::row::Extent::All
    };
    (rest) => {
        crate::row::Extent::Rest
    };
}

pub(crate) use {extent, instruction_table};
