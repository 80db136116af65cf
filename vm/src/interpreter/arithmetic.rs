//! The operations on register values that are more than one operator (RISC-V unprivileged specification, M and Zb*).

/// The low 32 bits, sign-extended: what every `w` instruction gives.
#[inline]
pub(crate) fn sign_extend_word(value: u64) -> u64 {
    i64::from(word(value).cast_signed()).cast_unsigned()
}

/// The low 32 bits, zero-extended.
#[inline]
pub(crate) fn zero_extend_word(value: u64) -> u64 {
    value & 0xffff_ffff
}

/// The low 32 bits.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the low half is what is meant")]
pub(crate) fn word(value: u64) -> u32 {
    value as u32
}

/// A shift amount: the low 6 bits.
#[inline]
pub(crate) fn shift(value: u64) -> u32 {
    word(value) & 63
}

/// A shift amount of a `w` instruction: the low 5 bits.
#[inline]
pub(crate) fn shift_word(value: u64) -> u32 {
    word(value) & 31
}

/// A `w` shift or rotation, whose 32-bit result is sign-extended.
#[inline]
pub(crate) fn on_word(a: u64, b: u64, operation: fn(u32, u32) -> u32) -> u64 {
    sign_extend_word(u64::from(operation(word(a), shift_word(b))))
}

/// `a >> amount`, filling with the sign.
#[inline]
pub(crate) fn arithmetic_shift(a: u64, amount: u32) -> u64 {
    (a.cast_signed() >> amount).cast_unsigned()
}

/// The high half of the product; each operand is signed or not.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the high half is shifted down first")]
pub(crate) fn multiply_high(a: i128, b: i128) -> u64 {
    (a.wrapping_mul(b).cast_unsigned() >> 64) as u64
}

#[inline]
pub(crate) fn signed(value: u64) -> i128 {
    i128::from(value.cast_signed())
}

#[inline]
pub(crate) fn unsigned(value: u64) -> i128 {
    i128::from(value)
}

/// Division rounds to zero; by zero it gives -1, and the smallest number by -1 gives itself.
pub(crate) fn div(a: u64, b: u64) -> u64 {
    if b == 0 { u64::MAX } else { a.cast_signed().wrapping_div(b.cast_signed()).cast_unsigned() }
}

/// Division by zero gives the largest number.
pub(crate) fn divu(a: u64, b: u64) -> u64 {
    a.checked_div(b).unwrap_or(u64::MAX)
}

/// The remainder has the dividend's sign; by zero it is the dividend.
pub(crate) fn rem(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { a.cast_signed().wrapping_rem(b.cast_signed()).cast_unsigned() }
}

/// The remainder by zero is the dividend.
pub(crate) fn remu(a: u64, b: u64) -> u64 {
    a.checked_rem(b).unwrap_or(a)
}

/// [`div`] of the low words. Sign-extended words overflow in 64 bits nowhere, so cutting the result gives the rule.
pub(crate) fn divw(a: u64, b: u64) -> u64 {
    sign_extend_word(div(sign_extend_word(a), sign_extend_word(b)))
}

/// [`divu`] of the low words.
pub(crate) fn divuw(a: u64, b: u64) -> u64 {
    sign_extend_word(divu(zero_extend_word(a), zero_extend_word(b)))
}

/// [`rem`] of the low words.
pub(crate) fn remw(a: u64, b: u64) -> u64 {
    sign_extend_word(rem(sign_extend_word(a), sign_extend_word(b)))
}

/// [`remu`] of the low words.
pub(crate) fn remuw(a: u64, b: u64) -> u64 {
    sign_extend_word(remu(zero_extend_word(a), zero_extend_word(b)))
}

/// Every byte that is not zero becomes 0xff.
pub(crate) fn or_combine_bytes(value: u64) -> u64 {
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The top bit of each byte that is not zero: adding carries into it, but never out of the byte.
    let tops = (((value & LOW_BITS) + LOW_BITS) | value) & !LOW_BITS;
    (tops >> 7) * 0xff
}

/// The low byte, sign-extended.
#[allow(clippy::cast_possible_truncation, reason = "the low byte is what is meant")]
pub(crate) fn sign_extend_byte(value: u64) -> u64 {
    i64::from((value as u8).cast_signed()).cast_unsigned()
}

/// The low 16 bits, sign-extended.
#[allow(clippy::cast_possible_truncation, reason = "the low half word is what is meant")]
pub(crate) fn sign_extend_half(value: u64) -> u64 {
    i64::from((value as u16).cast_signed()).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = 1 << 63;
    const MINUS_ONE: u64 = u64::MAX;

    #[test]
    fn division_follows_the_table_of_the_manual() {
        assert_eq!((div(7, 0), rem(7, 0), divu(7, 0), remu(7, 0)), (MINUS_ONE, 7, u64::MAX, 7));
        assert_eq!((div(MIN, MINUS_ONE), rem(MIN, MINUS_ONE)), (MIN, 0));
        let min_word = sign_extend_word(1 << 31);
        assert_eq!((divw(min_word, MINUS_ONE), remw(min_word, MINUS_ONE)), (min_word, 0));
        assert_eq!(
            (divw(7, 0), remw(min_word, 0), divuw(7, 0), remuw(1 << 31, 0)),
            (MINUS_ONE, min_word, MINUS_ONE, min_word)
        );
        assert_eq!((div(MINUS_ONE - 6, 2), rem(MINUS_ONE - 6, 2)), (MINUS_ONE - 2, MINUS_ONE));
    }

    #[test]
    fn high_products_know_their_signs() {
        assert_eq!(multiply_high(signed(MINUS_ONE), signed(MINUS_ONE)), 0);
        assert_eq!(multiply_high(unsigned(u64::MAX), unsigned(u64::MAX)), u64::MAX - 1);
        assert_eq!(multiply_high(signed(MINUS_ONE), unsigned(u64::MAX)), MINUS_ONE);
        assert_eq!(multiply_high(signed(MIN), signed(MIN)), 1 << 62);
    }
}
