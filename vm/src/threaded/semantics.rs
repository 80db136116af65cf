//! What operations on register values compute, and which branches are taken. Each is said once, whether its second operand is a
//! register or an immediate. The reference engine says it again, on its own: each is the other's test.

use crate::interpreter::arithmetic::{
    arithmetic_shift, div, divu, divuw, divw, multiply_high, on_word, or_combine_bytes, rem, remu, remuw,
    remw, shift, shift_word, sign_extend_byte, sign_extend_half, sign_extend_word, signed, unsigned, word,
    zero_extend_word,
};

/// An operation on two values.
pub(super) trait Binary {
    fn eval(a: u64, b: u64) -> u64;
}

/// An operation on one value.
pub(super) trait Unary {
    fn eval(a: u64) -> u64;
}

/// When a branch is taken.
pub(super) trait Condition {
    fn holds(a: u64, b: u64) -> bool;
}

/// How many bytes a load reads, and how it extends them; or how many a store writes.
pub(super) trait Width {
    fn load(pages: &travertine_memory::FastPages<'_>, address: u64) -> Option<u64>;
    fn store(pages: &mut travertine_memory::FastPages<'_>, address: u64, value: u64) -> bool;
}

macro_rules! binary {
    ($($name:ident($a:ident, $b:ident) = $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Binary for $name {
            #[inline]
            fn eval($a: u64, $b: u64) -> u64 { $value }
        }
    )*};
}

macro_rules! unary {
    ($($name:ident($a:ident) = $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Unary for $name {
            #[inline]
            fn eval($a: u64) -> u64 { $value }
        }
    )*};
}

macro_rules! conditions {
    ($($name:ident($a:ident, $b:ident) = $value:expr;)*) => {$(
        pub(super) struct $name;
        impl Condition for $name {
            #[inline]
            fn holds($a: u64, $b: u64) -> bool { $value }
        }
    )*};
}

macro_rules! widths {
    ($($name:ident: $integer:ty, $count:literal, $value:ident => $extended:expr;)*) => {$(
        pub(super) struct $name;
        impl Width for $name {
            #[inline]
            fn load(pages: &travertine_memory::FastPages<'_>, address: u64) -> Option<u64> {
                let $value = <$integer>::from_le_bytes(pages.load::<$count>(address)?);
                Some($extended)
            }
            #[inline]
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "the low bytes are meant")]
            fn store(pages: &mut travertine_memory::FastPages<'_>, address: u64, value: u64) -> bool {
                pages.store::<$count>(address, (value as $integer).to_le_bytes())
            }
        }
    )*};
}

binary! {
    Add(a, b) = a.wrapping_add(b);
    Sub(a, b) = a.wrapping_sub(b);
    And(a, b) = a & b;
    Or(a, b) = a | b;
    Xor(a, b) = a ^ b;
    Sll(a, b) = a << shift(b);
    Srl(a, b) = a >> shift(b);
    Sra(a, b) = arithmetic_shift(a, shift(b));
    Slt(a, b) = u64::from(a.cast_signed() < b.cast_signed());
    Sltu(a, b) = u64::from(a < b);
    Addw(a, b) = sign_extend_word(a.wrapping_add(b));
    Subw(a, b) = sign_extend_word(a.wrapping_sub(b));
    Sllw(a, b) = on_word(a, b, |a, b| a << b);
    Srlw(a, b) = on_word(a, b, |a, b| a >> b);
    Sraw(a, b) = arithmetic_shift(sign_extend_word(a), shift_word(b));
    Mul(a, b) = a.wrapping_mul(b);
    Mulh(a, b) = multiply_high(signed(a), signed(b));
    Mulhsu(a, b) = multiply_high(signed(a), unsigned(b));
    Mulhu(a, b) = multiply_high(unsigned(a), unsigned(b));
    Mulw(a, b) = sign_extend_word(a.wrapping_mul(b));
    Div(a, b) = div(a, b);
    Divu(a, b) = divu(a, b);
    Rem(a, b) = rem(a, b);
    Remu(a, b) = remu(a, b);
    Divw(a, b) = divw(a, b);
    Divuw(a, b) = divuw(a, b);
    Remw(a, b) = remw(a, b);
    Remuw(a, b) = remuw(a, b);
    AddUw(a, b) = zero_extend_word(a).wrapping_add(b);
    Sh1add(a, b) = (a << 1).wrapping_add(b);
    Sh2add(a, b) = (a << 2).wrapping_add(b);
    Sh3add(a, b) = (a << 3).wrapping_add(b);
    Sh1addUw(a, b) = (zero_extend_word(a) << 1).wrapping_add(b);
    Sh2addUw(a, b) = (zero_extend_word(a) << 2).wrapping_add(b);
    Sh3addUw(a, b) = (zero_extend_word(a) << 3).wrapping_add(b);
    SllUw(a, b) = zero_extend_word(a) << shift(b);
    Andn(a, b) = a & !b;
    Orn(a, b) = a | !b;
    Xnor(a, b) = !(a ^ b);
    Max(a, b) = a.cast_signed().max(b.cast_signed()).cast_unsigned();
    Maxu(a, b) = a.max(b);
    Min(a, b) = a.cast_signed().min(b.cast_signed()).cast_unsigned();
    Minu(a, b) = a.min(b);
    Rol(a, b) = a.rotate_left(shift(b));
    Ror(a, b) = a.rotate_right(shift(b));
    Rolw(a, b) = on_word(a, b, u32::rotate_left);
    Rorw(a, b) = on_word(a, b, u32::rotate_right);
    Bclr(a, b) = a & !(1 << shift(b));
    Bext(a, b) = (a >> shift(b)) & 1;
    Binv(a, b) = a ^ (1 << shift(b));
    Bset(a, b) = a | (1 << shift(b));
    CzeroEqz(a, b) = if b == 0 { 0 } else { a };
    CzeroNez(a, b) = if b == 0 { a } else { 0 };
}

unary! {
    Clz(a) = u64::from(a.leading_zeros());
    Ctz(a) = u64::from(a.trailing_zeros());
    Cpop(a) = u64::from(a.count_ones());
    Clzw(a) = u64::from(word(a).leading_zeros());
    Ctzw(a) = u64::from(word(a).trailing_zeros());
    Cpopw(a) = u64::from(word(a).count_ones());
    SextB(a) = sign_extend_byte(a);
    SextH(a) = sign_extend_half(a);
    ZextH(a) = a & 0xffff;
    OrcB(a) = or_combine_bytes(a);
    Rev8(a) = a.swap_bytes();
}

conditions! {
    Equal(a, b) = a == b;
    NotEqual(a, b) = a != b;
    Less(a, b) = a.cast_signed() < b.cast_signed();
    NotLess(a, b) = a.cast_signed() >= b.cast_signed();
    Below(a, b) = a < b;
    NotBelow(a, b) = a >= b;
}

widths! {
    SignedByte: i8, 1, value => i64::from(value).cast_unsigned();
    SignedHalf: i16, 2, value => i64::from(value).cast_unsigned();
    SignedWord: i32, 4, value => i64::from(value).cast_unsigned();
    Byte: u8, 1, value => u64::from(value);
    Half: u16, 2, value => u64::from(value);
    Word: u32, 4, value => u64::from(value);
    Double: u64, 8, value => value;
}
