//! Regions and addresses.

use travertine_memory::{Address, AddressError, Permissions, RegionKind};

#[test]
fn region_kinds_have_codes_and_default_permissions() {
    let expected = [
        (RegionKind::Invalid, Permissions::NONE, false),
        (RegionKind::VmControl, Permissions::READ, false),
        (RegionKind::Code, Permissions::READ_EXECUTE, true),
        (RegionKind::State, Permissions::READ_WRITE, true),
        (RegionKind::Heap, Permissions::READ_WRITE, true),
        (RegionKind::Stack, Permissions::READ_WRITE, false),
        (RegionKind::Shared, Permissions::READ_WRITE_SHARED, true),
        (RegionKind::Transient, Permissions::READ_WRITE, false),
        (RegionKind::Mmio, Permissions::NONE, true),
        (RegionKind::Generative, Permissions::READ, true),
    ];
    for (code, (kind, permissions, survives)) in (0_u8..).zip(expected) {
        assert_eq!(RegionKind::from_code(code), Some(kind));
        assert_eq!((kind.default_permissions(), kind.survives_settle()), (permissions, survives), "{kind}");
        assert!(!permissions.is_write_execute());
    }
    assert_eq!((RegionKind::ALL.len(), RegionKind::from_code(10)), (expected.len(), None));
}

#[test]
fn addresses_have_a_wire_form_of_14_bytes() {
    let address = Address::from_parts(2, 17, 64);
    let wire = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 17, 0, 64];
    assert_eq!(address.to_wire(), wire);
    assert_eq!(Address::from_wire(&wire), Ok(address));
    assert_eq!(Address::from_wire(&wire[1..]), Err(AddressError::WireLength { length: 13 }));
    for high in [0, 6, 8] {
        let mut oversized = wire;
        oversized[high] = 1;
        assert!(Address::from_wire(&oversized).is_err(), "X and Y are 8 and 16 bits wide, byte {high}");
    }
}

#[test]
fn addresses_have_a_text_form() {
    let address = Address::from_parts(2, 17, 64);
    assert_eq!(address.to_memory3d_text(), "[X:2,Y:17,Z:64]");
    for text in ["[X:2,Y:17,Z:64]", "2:17:0x40", "0x200110040"] {
        assert_eq!(text.parse(), Ok(address), "{text}");
    }
    for text in
        ["[X:256,Y:0,Z:0]", "[X:0,Y:65536,Z:0]", "[X:0,Y:0,Z:65536]", "[X:1,Y:2]", "[Y:1,X:2,Z:3]", ""]
    {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

#[test]
fn distance_is_manhattan_with_weights() {
    let (a, b) = (Address::from_parts(5, 7, 11), Address::from_parts(2, 17, 64));
    assert_eq!(a.distance(b), 3 * 100 + 10 * 10 + 53);
    assert_eq!((b.distance(a), a.distance(a)), (a.distance(b), 0));
    let (first, last) = (Address::ZERO, Address::from_parts(255, 65_535, 65_535));
    assert_eq!(first.distance(last), 255 * 100 + 65_535 * 10 + 65_535);
}
