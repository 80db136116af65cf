//! Operations as text.

use proptest::prelude::*;
use travertine_gas::{Operation, OperationError, PlaneKind};
use travertine_opcodes::GasClass;

use crate::costs::operations;

fn parse(text: &str) -> Result<Operation, OperationError> {
    text.parse()
}

#[test]
fn operands_have_a_name_or_stand_in_order() {
    let copy = Operation::Copy { bytes: 4096, region_changes: 1, plane_changes: 0, pages: 0 };
    for text in [
        "copy 4096 1",
        "copy bytes=4096 region_changes=1",
        "copy region_changes=1 0x1_000",
        " m3.copy 4_096  1 ",
    ] {
        assert_eq!(parse(text), Ok(copy), "{text}");
    }
    let grown = Operation::Allocate {
        bytes: 7,
        kind: PlaneKind::State,
        planes_before: 1,
        planes_after: 2,
        extra_planes: 0,
        further_regions: 0,
    };
    assert_eq!(parse("allocate 7 state 1 2"), Ok(grown));
    assert_eq!(grown.to_string(), "allocate bytes=7 kind=state planes_before=1 planes_after=2");
}

#[test]
fn mnemonics_and_aliases_are_their_class() {
    for (text, operation) in [
        ("nop", Operation::Nop),
        ("lhu", Operation::Load { bytes: 2 }),
        ("sd", Operation::Store { bytes: 8 }),
        ("amoadd.w", Operation::Atomic),
        ("jalr", Operation::JumpRegister),
        ("m3.defrag 3", Operation::Compact { moved_frames: 3, scanned_planes: 0, written_runs: 0 }),
        ("mdefrag3d", Operation::Compact { moved_frames: 0, scanned_planes: 0, written_runs: 0 }),
    ] {
        assert_eq!(parse(text), Ok(operation), "{text}");
    }
}

#[test]
fn what_is_no_operation_is_named() {
    let no_operand = |name: &str, operand: &str| {
        Err(OperationError::NoSuchOperand { name: name.to_owned(), operand: operand.to_owned() })
    };
    assert_eq!(parse("  "), Err(OperationError::Empty));
    assert_eq!(parse("teleport 3"), Err(OperationError::Unknown("teleport".to_owned())));
    assert_eq!(parse("copy 1 2 3 4 5"), no_operand("copy", "5"));
    assert_eq!(parse("copy frames=4"), no_operand("copy", "frames"));
    assert_eq!(parse("copy 1 bytes=2 bytes=3"), no_operand("copy", "bytes"));
    assert_eq!(parse("ld 8"), no_operand("ld", "8"));
    for (text, operand, value) in [
        ("copy -1", "bytes", "-1"),
        ("touch first_writes=1.5", "first_writes", "1.5"),
        ("allocate 1 kind=code", "kind", "code"),
    ] {
        let refused = parse(text);
        let is_named = matches!(&refused, Err(OperationError::Value { operand: o, value: v, .. }) if *o == operand && v == value);
        assert!(is_named, "{text}: {refused:?}");
    }
}

/// The forms are those of the classes, in order, and then the effects.
#[test]
fn every_class_has_a_form() {
    let classes = GasClass::ALL.iter().map(|&class| Operation::of_class(class).name());
    let names: Vec<&str> =
        classes.chain(["touch", "recall", "crossing", "view", "host_call", "log"]).collect();
    assert_eq!(Operation::FORMS.iter().map(|form| form.name).collect::<Vec<_>>(), names);
}

proptest! {
    #[test]
    fn text_round_trips(operation in operations()) {
        prop_assert_eq!(parse(&operation.to_string()), Ok(operation));
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", name in "[a-z_]{1,9}( [a-z_]{0,9}=?[0-9a-fx]{0,5}){0,3}") {
        let _ = parse(&text);
        let _ = parse(&name);
    }
}
