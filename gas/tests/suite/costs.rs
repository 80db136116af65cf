//! What operations cost under every named schedule.

use proptest::prelude::*;
use travertine_gas::{Charge, Operation, PlaneKind, Schedule};
use travertine_opcodes::{GasClass, Instruction, Opcode, TABLE};

fn total(schedule: &Schedule, text: &str) -> u64 {
    let operation: Operation = text.parse().expect("it is an operation");
    schedule.cost(&operation).total().expect("it is below 2^64")
}

/// The figures that `Memory3D` documents.
#[test]
fn memory3d_costs_what_it_documents() {
    let schedule = Schedule::memory3d();
    for (operation, gas) in [
        ("store 256", 527),
        ("load 256", 522),
        ("allocate 256", 276),
        ("load 1", 12),
        ("load 8", 26),
        ("lb", 12),
        ("ld", 26),
        ("store 1", 17),
        ("store 8", 31),
        ("sd", 31),
        ("allocate 1", 21),
        ("allocate 65536", 65556),
        ("allocate 65536 extra_planes=3", 65856),
        ("malloc3d 256", 276),
        ("free", 5),
        ("mfree3d", 5),
        ("copy 0", 25),
        ("copy 256", 537),
        ("mcopy3d 256", 537),
        ("copy 256 region_changes=1", 637),
        ("copy 256 pages=3", 537 + 3 * 2 * 4096),
        ("size", 5),
        ("msize3d", 5),
        ("query", 8),
        ("mquery3d", 8),
        ("compact", 50),
        ("compact 1", 2098),
        ("compact 2", 4146),
        ("arithmetic", 3),
        ("add", 3),
        ("sub", 3),
        ("mv", 2),
        ("nop", 1),
        ("halt", 1),
        ("halt3d", 1),
        ("read_gas", 1),
        ("mgas3d", 1),
    ] {
        assert_eq!(total(&schedule, operation), gas, "{operation}");
    }
    assert_eq!(total(&schedule, "touch 5 7 0 9 11"), 0, "it has no first touches");
}

/// Each operand costs its own price, and the sum is rounded up once.
#[test]
fn operands_cost_their_prices() {
    let schedule = Schedule {
        copy_byte_64ths: 3,
        heap_plane: 100,
        heap_plane_square_1024ths: 2048,
        ..Schedule::default()
    };
    schedule.validate().expect("it is valid");
    let copied = |bytes| total(&schedule, &format!("copy {bytes}")) - schedule.copy;
    assert_eq!([0, 1, 21, 22, 64].map(copied), [0, 1, 1, 2, 3]);
    let grown = |before, after| schedule.growth(PlaneKind::Heap, before, after);
    assert_eq!([grown(0, 1), grown(1, 3), grown(3, 3), grown(3, 1)], [102, 216, 0, 0]);
    assert_eq!(grown(0, 65_536), 6_553_600 + 2 * (1 << 32));
}

fn instruction(opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Instruction {
    Instruction { opcode, rd, rs1, rs2, imm }
}

#[test]
fn nop_and_mv_have_their_own_prices() {
    let class = |opcode, rd, rs1, rs2, imm| instruction(opcode, rd, rs1, rs2, imm).gas_class();
    assert_eq!(class(Opcode::Addi, 0, 0, 0, 0), GasClass::Nop);
    assert_eq!(class(Opcode::Addi, 5, 6, 0, 0), GasClass::Mv);
    assert_eq!(class(Opcode::Addi, 0, 6, 0, 0), GasClass::Mv);
    assert_eq!(class(Opcode::Add, 5, 0, 6, 0), GasClass::Mv);
    for (opcode, rd, rs1, rs2, imm) in [
        (Opcode::Addi, 5, 0, 0, 0),
        (Opcode::Addi, 0, 0, 0, 1),
        (Opcode::Addi, 5, 6, 0, 1),
        (Opcode::Add, 5, 0, 0, 0),
        (Opcode::Add, 5, 6, 0, 0),
        (Opcode::Addiw, 5, 6, 0, 0),
    ] {
        assert_eq!(
            class(opcode, rd, rs1, rs2, imm),
            GasClass::Arithmetic,
            "{opcode:?} {rd} {rs1} {rs2} {imm}"
        );
    }
}

/// No operation is free, and nothing that is executed costs less than its base price, which is all that it costs if nothing comes
/// of it: of the allocator's instructions a record or a search has a part of its own.
#[test]
fn no_instruction_is_free() {
    for named in Schedule::NAMED {
        let schedule = (named.schedule)();
        schedule.validate().expect("a named schedule is valid");
        for row in &TABLE {
            let instruction = instruction(row.opcode, 1, 2, 3, 4);
            let cost = schedule.cost(&Operation::of(instruction));
            assert!(cost.instructions >= 1, "{}: {}", named.name, row.mnemonic);
            assert_eq!(schedule.base(instruction), cost.instructions);
            let rest = match row.gas_class {
                GasClass::Free => schedule.free_record,
                GasClass::Resize => schedule.resize_record,
                GasClass::Compact => schedule.compact_search,
                _ => 0,
            };
            assert_eq!(
                cost,
                Charge { instructions: cost.instructions, allocation: rest, ..Charge::default() }
            );
            assert_eq!(schedule.cost(&row.mnemonic.parse().expect("a mnemonic")), cost, "{}", row.mnemonic);
        }
    }
}

/// Every operation with random operands of any size.
pub(crate) fn operations() -> impl Strategy<Value = Operation> {
    let number = || prop_oneof![0_u64..100, any::<u64>(), any::<u32>().prop_map(u64::from)];
    let numbers = prop::collection::vec(number(), 8);
    (0..Operation::FORMS.len(), numbers, 0..PlaneKind::ALL.len()).prop_map(|(form, numbers, kind)| {
        let form = &Operation::FORMS[form];
        let value = |(name, number): (&str, u64)| match name {
            "kind" => format!(" kind={}", PlaneKind::ALL[kind]),
            name => format!(" {name}={number}"),
        };
        let operands: String =
            form.operands.iter().map(|operand| operand.0).zip(numbers).map(value).collect();
        format!("{}{operands}", form.name).parse().expect("a form with operands is an operation")
    })
}

proptest! {
    /// The base price does not depend on the dynamic operands, and more of anything never costs less.
    #[test]
    fn more_never_costs_less(operation in operations(), which in any::<prop::sample::Index>(), more in 0_u64..10_000) {
        let operands = operation.operands();
        prop_assume!(!operands.is_empty());
        let chosen = which.index(operands.len());
        let (name, value) = &operands[chosen];
        prop_assume!(*name != "kind" && *name != "planes_before");
        let raised = value.parse::<u64>().expect("a number").saturating_add(more);
        let rest = operands.iter().filter(|operand| operand.0 != *name).map(|(name, value)| format!(" {name}={value}"));
        let larger: Operation =
            format!("{} {name}={raised}{}", operation.name(), rest.collect::<String>()).parse().expect("an operation");
        for named in Schedule::NAMED {
            let schedule = (named.schedule)();
            let (less, more) = (schedule.cost(&operation), schedule.cost(&larger));
            prop_assert!(more.instructions >= less.instructions && more.memory >= less.memory);
            prop_assert!(more.allocation >= less.allocation && more.host >= less.host);
        }
    }

    /// In steps or at once, growth costs the same.
    #[test]
    fn growth_does_not_depend_on_the_way(steps in prop::collection::vec(0_u64..5_000, 1..8), start in 0_u64..60_000) {
        for named in Schedule::NAMED {
            let schedule = (named.schedule)();
            for kind in PlaneKind::ALL {
                let mut planes = start;
                let mut sum = 0;
                for step in &steps {
                    sum += schedule.growth(kind, planes, planes + step);
                    planes += step;
                }
                prop_assert_eq!(sum, schedule.growth(kind, start, planes));
            }
        }
    }
}
