//! Three-dimensional addresses (region X, plane Y, offset Z): packed into 40 bits, and in every external form.

use std::fmt;
use std::str::FromStr;

use travertine_merkle::layout;

const REGION_BITS: u32 = 8;
const PLANE_BITS: u32 = 16;
const OFFSET_BITS: u32 = 16;
const LINEAR_BITS: u32 = PLANE_BITS + OFFSET_BITS;
const ADDRESS_BITS: u32 = REGION_BITS + LINEAR_BITS;
/// Bits of an offset within a page.
pub(crate) const PAGE_OFFSET_BITS: u32 = 12;

const _: () = {
    assert!(ADDRESS_BITS == 40);
    assert!(1 << REGION_BITS == layout::REGIONS);
    assert!(1 << OFFSET_BITS == layout::PLANE_BYTES);
    assert!(1 << LINEAR_BITS == layout::REGION_BYTES);
    assert!(1 << PAGE_OFFSET_BITS == layout::PAGE_BYTES);
};

/// Weights of the Manhattan distance, after `Memory3D`.
const REGION_WEIGHT: u64 = 100;
const PLANE_WEIGHT: u64 = 10;
const OFFSET_WEIGHT: u64 = 1;

/// Bytes of `Memory3D`'s wire form: X as `u64`, Y as `u32`, Z as `u16`, all big endian.
const WIRE_BYTES: usize = 14;

/// A byte's place in memory, packed into the low 40 bits: region 39-32, plane 31-16, offset 15-0.
///
/// The order is that of region, then plane, then offset. Within a region the packed form is linear: the byte after the
/// last of a plane is the first of the next one.
///
/// ```
/// use travertine_memory::Address;
///
/// let address: Address = "2:17:0x40".parse()?;
/// assert_eq!(address, "0x200110040".parse()?);
/// assert_eq!(address, "[X:2,Y:17,Z:64]".parse()?);
/// assert_eq!((address.region(), address.plane(), address.offset(), address.page()), (2, 17, 0x40, 17 * 16));
/// # Ok::<(), travertine_memory::AddressError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(u64);

/// A coordinate of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// X, 0 to 255.
    Region,
    /// Y, 0 to 65,535.
    Plane,
    /// Z, 0 to 65,535.
    Offset,
}

impl Component {
    /// The largest value.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Region => (1 << REGION_BITS) - 1,
            Self::Plane => (1 << PLANE_BITS) - 1,
            Self::Offset => (1 << OFFSET_BITS) - 1,
        }
    }

    fn check(self, value: u64) -> Result<u64, AddressError> {
        if value <= self.limit() {
            Ok(value)
        } else {
            Err(AddressError::OutOfRange { component: self, value })
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Region => "region (X)",
            Self::Plane => "plane (Y)",
            Self::Offset => "offset (Z)",
        })
    }
}

/// Why something is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A packed address has a bit set above bit 39.
    #[error("address {value:#x} is wider than {ADDRESS_BITS} bits")]
    TooWide {
        /// The packed address.
        value: u64,
    },
    /// A coordinate is above its limit.
    #[error("{component} {value} is above {}", component.limit())]
    OutOfRange {
        /// Which coordinate.
        component: Component,
        /// Its value.
        value: u64,
    },
    /// A number is missing, has a character that is not a digit, or is above 2^64 - 1.
    #[error("{component} is not a decimal or 0x-hexadecimal number of at most 64 bits")]
    Number {
        /// Which coordinate.
        component: Component,
    },
    /// The text has none of the forms.
    #[error("an address is written 2:17:0x40, 0x200110040 or [X:2,Y:17,Z:64]")]
    Form,
    /// The wire form has another length.
    #[error("an address on the wire has {WIRE_BYTES} bytes, not {length}")]
    WireLength {
        /// The length in bytes.
        length: usize,
    },
}

impl Address {
    /// The lowest address.
    pub const ZERO: Self = Self(0);

    /// The address with this packed form.
    ///
    /// # Errors
    /// If a bit above bit 39 is set.
    pub const fn new(packed: u64) -> Result<Self, AddressError> {
        if packed >> ADDRESS_BITS == 0 {
            Ok(Self(packed))
        } else {
            Err(AddressError::TooWide { value: packed })
        }
    }

    /// The address of an offset in a plane of a region.
    pub const fn from_parts(region: u8, plane: u16, offset: u16) -> Self {
        Self((region as u64) << LINEAR_BITS | (plane as u64) << OFFSET_BITS | offset as u64)
    }

    /// The address of a byte in a region, counted from the region's start.
    pub const fn from_linear(region: u8, linear: u32) -> Self {
        Self((region as u64) << LINEAR_BITS | linear as u64)
    }

    /// The address of coordinates that come from outside.
    ///
    /// # Errors
    /// Names the first coordinate that is above its limit.
    pub fn from_coordinates(x: u64, y: u64, z: u64) -> Result<Self, AddressError> {
        let region = Component::Region.check(x)?;
        let plane = Component::Plane.check(y)?;
        let offset = Component::Offset.check(z)?;
        Ok(Self(region << LINEAR_BITS | plane << OFFSET_BITS | offset))
    }

    /// The packed form.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// The region, X.
    #[allow(clippy::cast_possible_truncation, reason = "the shift leaves the 8 bits of the region")]
    pub const fn region(self) -> u8 {
        (self.0 >> LINEAR_BITS) as u8
    }

    /// The plane in the region, Y.
    #[allow(clippy::cast_possible_truncation, reason = "cuts out the 16 bits of the plane")]
    pub const fn plane(self) -> u16 {
        (self.0 >> OFFSET_BITS) as u16
    }

    /// The offset in the plane, Z, in bytes.
    #[allow(clippy::cast_possible_truncation, reason = "cuts out the 16 bits of the offset")]
    pub const fn offset(self) -> u16 {
        self.0 as u16
    }

    /// The offset in the region, in bytes.
    #[allow(clippy::cast_possible_truncation, reason = "cuts out the 32 bits of plane and offset")]
    pub const fn linear(self) -> u32 {
        self.0 as u32
    }

    /// The page's index in the region: 20 bits.
    pub const fn page(self) -> u32 {
        self.linear() >> PAGE_OFFSET_BITS
    }

    /// The address `bytes` further on in the same plane.
    ///
    /// # Errors
    /// If that lies behind the end of the plane. (`Memory3D` wraps to the plane's start; nothing wraps here.)
    pub fn offset_by(self, bytes: u16) -> Result<Self, AddressError> {
        let offset = Component::Offset.check(u64::from(self.offset()) + u64::from(bytes))?;
        Ok(Self(self.0 & !Component::Offset.limit() | offset))
    }

    /// The start of the next plane in the same region.
    ///
    /// # Errors
    /// If this is the region's last plane.
    pub fn next_plane(self) -> Result<Self, AddressError> {
        Self::from_coordinates(self.region().into(), u64::from(self.plane()) + 1, 0)
    }

    /// `Memory3D`'s weighted Manhattan distance: 100 for each region, 10 for each plane, 1 for each byte of offset.
    pub fn distance(self, other: Self) -> u64 {
        u64::from(self.region().abs_diff(other.region())) * REGION_WEIGHT
            + u64::from(self.plane().abs_diff(other.plane())) * PLANE_WEIGHT
            + u64::from(self.offset().abs_diff(other.offset())) * OFFSET_WEIGHT
    }

    /// `Memory3D`'s text, `[X:2,Y:17,Z:64]`.
    pub fn to_memory3d_text(self) -> String {
        format!("[X:{},Y:{},Z:{}]", self.region(), self.plane(), self.offset())
    }

    /// `Memory3D`'s wire form: X as `u64`, Y as `u32`, Z as `u16`, big endian.
    pub fn to_wire(self) -> [u8; WIRE_BYTES] {
        let mut wire = [0; WIRE_BYTES];
        wire[..8].copy_from_slice(&u64::from(self.region()).to_be_bytes());
        wire[8..12].copy_from_slice(&u32::from(self.plane()).to_be_bytes());
        wire[12..].copy_from_slice(&self.offset().to_be_bytes());
        wire
    }

    /// Reads `Memory3D`'s wire form.
    ///
    /// # Errors
    /// If the length is not 14 bytes, X is above 255 or Y is above 65,535.
    pub fn from_wire(wire: &[u8]) -> Result<Self, AddressError> {
        let wire: &[u8; WIRE_BYTES] =
            wire.try_into().map_err(|_| AddressError::WireLength { length: wire.len() })?;
        let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        Self::from_coordinates(big_endian(&wire[..8]), big_endian(&wire[8..12]), big_endian(&wire[12..]))
    }

    fn parse_packed(text: &str) -> Result<Self, AddressError> {
        let value = text.strip_prefix("0x").and_then(|digits| parse_digits(digits, 16));
        Self::new(value.ok_or(AddressError::Form)?)
    }

    fn parse_memory3d(text: &str) -> Result<Self, AddressError> {
        let mut parts = text.split(',');
        let mut value = |component, name: &str| {
            let digits = parts.next().and_then(|part| part.strip_prefix(name)).ok_or(AddressError::Form)?;
            parse_digits(digits, 10).ok_or(AddressError::Number { component })
        };
        let x = value(Component::Region, "X:")?;
        let y = value(Component::Plane, "Y:")?;
        let z = value(Component::Offset, "Z:")?;
        if parts.next().is_some() {
            return Err(AddressError::Form);
        }
        Self::from_coordinates(x, y, z)
    }

    fn parse_coordinates(text: &str) -> Result<Self, AddressError> {
        let mut parts = text.split(':');
        let mut value = |component| {
            let number = parts.next().ok_or(AddressError::Form)?;
            let value = match number.strip_prefix("0x") {
                Some(digits) => parse_digits(digits, 16),
                None => parse_digits(number, 10),
            };
            value.ok_or(AddressError::Number { component })
        };
        let (x, y, z) = (value(Component::Region)?, value(Component::Plane)?, value(Component::Offset)?);
        if parts.next().is_some() {
            return Err(AddressError::Form);
        }
        Self::from_coordinates(x, y, z)
    }
}

/// Digits and nothing else: the standard parser would take a sign.
fn parse_digits(digits: &str, radix: u32) -> Option<u64> {
    let only_digits = digits.chars().all(|digit| digit.is_digit(radix));
    only_digits.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// Any of the three texts: `2:17:0x40` (each number decimal or 0x-hexadecimal), `0x200110040`, `[X:2,Y:17,Z:64]`.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Self::parse_memory3d(inner)
        } else if text.contains(':') {
            Self::parse_coordinates(text)
        } else {
            Self::parse_packed(text)
        }
    }
}

/// `region:plane:offset`, the offset in hexadecimal.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{:#x}", self.region(), self.plane(), self.offset())
    }
}

/// The packed form; `{:#x}` gives it its `0x`.
impl fmt::LowerHex for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, formatter)
    }
}

impl From<Address> for u64 {
    fn from(address: Address) -> Self {
        address.packed()
    }
}

impl TryFrom<u64> for Address {
    type Error = AddressError;

    fn try_from(packed: u64) -> Result<Self, AddressError> {
        Self::new(packed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_example_in_all_forms() {
        let address = Address::from_parts(2, 17, 0x40);
        assert_eq!(address.packed(), 0x2_0011_0040);
        assert_eq!(address.to_string(), "2:17:0x40");
        assert_eq!(format!("{address:#x}"), "0x200110040");
        assert_eq!(address.to_memory3d_text(), "[X:2,Y:17,Z:64]");
        assert_eq!(address.to_wire(), [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 17, 0, 0x40]);
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        let error = |text: &str| text.parse::<Address>().unwrap_err();
        let out_of_range = |component, value| AddressError::OutOfRange { component, value };
        assert_eq!(error("256:0:0"), out_of_range(Component::Region, 256));
        assert_eq!(error("0:65536:0"), out_of_range(Component::Plane, 65_536));
        assert_eq!(error("0:0:0x10000"), out_of_range(Component::Offset, 65_536));
        assert_eq!(error("[X:0,Y:65536,Z:0]"), out_of_range(Component::Plane, 65_536));
        assert_eq!(error("0x10000000000"), AddressError::TooWide { value: 1 << 40 });
        assert_eq!(error("1:-2:3"), AddressError::Number { component: Component::Plane });
        assert_eq!(error("1:2:"), AddressError::Number { component: Component::Offset });
        assert_eq!(error("+1:2:3"), AddressError::Number { component: Component::Region });
        assert_eq!(error("99999999999999999999:0:0"), AddressError::Number { component: Component::Region });
        for text in [
            "",
            "0x",
            "12",
            "200110040",
            "1:2",
            "1:2:3:4",
            "[X:1,Y:2]",
            "[X:1,Y:2,Z:3,W:4]",
            "[1,2,3]",
            "0x1 ",
        ] {
            assert_eq!(error(text), AddressError::Form, "{text:?}");
        }
        assert_eq!(Address::from_wire(&[0; 13]), Err(AddressError::WireLength { length: 13 }));
        assert_eq!(Address::from_wire(&[0xFF; 14]), Err(out_of_range(Component::Region, u64::MAX)));
        assert_eq!(error("256:0:0").to_string(), "region (X) 256 is above 255");
    }

    #[test]
    fn steps_do_not_leave_plane_or_region() {
        let last = Address::from_parts(3, 7, 0xFFFF);
        assert_eq!(Address::from_parts(3, 7, 0xFFF0).offset_by(15), Ok(last));
        assert_eq!(
            last.offset_by(1),
            Err(AddressError::OutOfRange { component: Component::Offset, value: 65_536 })
        );
        assert_eq!(last.next_plane(), Ok(Address::from_parts(3, 8, 0)));
        assert_eq!(last.packed() + 1, Address::from_parts(3, 8, 0).packed());
        assert!(Address::from_parts(3, 0xFFFF, 0).next_plane().is_err());
        assert_eq!(Address::from_parts(1, 5, 9).distance(Address::from_parts(3, 4, 10)), 211);
    }

    proptest! {
        #[test]
        fn every_form_reads_back(region: u8, plane: u16, offset: u16) {
            let address = Address::from_parts(region, plane, offset);
            prop_assert_eq!((address.region(), address.plane(), address.offset()), (region, plane, offset));
            prop_assert_eq!(address.page(), u32::from(plane) * 16 + u32::from(offset) / 4096);
            prop_assert_eq!(Address::from_linear(region, address.linear()), address);
            prop_assert_eq!(Address::new(address.packed()), Ok(address));
            let decimal = format!("{region}:{plane}:{offset}");
            for text in [address.to_string(), format!("{address:#x}"), address.to_memory3d_text(), decimal] {
                prop_assert_eq!(text.parse(), Ok(address));
            }
            prop_assert_eq!(Address::from_wire(&address.to_wire()), Ok(address));
        }

        #[test]
        fn addresses_order_as_their_coordinates(a: (u8, u16, u16), b: (u8, u16, u16)) {
            let address = |(x, y, z)| Address::from_parts(x, y, z);
            prop_assert_eq!(address(a).cmp(&address(b)), a.cmp(&b));
            prop_assert_eq!(address(a).distance(address(b)), address(b).distance(address(a)));
        }

        #[test]
        fn wide_numbers_are_refused(packed: u64) {
            prop_assert_eq!(Address::new(packed).is_ok(), packed < 1 << 40);
        }

        /// Whatever parses also has that meaning when printed; nothing panics.
        #[test]
        fn hostile_text_is_refused_or_stable(text in "(\\PC{0,40}|[\\[\\]XYZ:,0-9a-fx+ -]{0,30})") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn hostile_wire_is_refused_or_the_same(wire in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..20)) {
            if let Ok(address) = Address::from_wire(&wire) {
                prop_assert_eq!(&address.to_wire()[..], &wire[..]);
            }
        }
    }
}
