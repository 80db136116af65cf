//! Every two straight instructions one behind the other, alone, before a branch and before jumps, with every way in which
//! the first one's result is an operand of the second: on both engines, of which one fuses them.

use travertine_opcodes::{GasClass, Instruction, Opcode, encode};
use travertine_tests::Random;
use travertine_tests::elf::{self, Segment, flags};
use travertine_tests::lockstep::{check, engine};
use travertine_vm::EngineKind;

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x4_0000;
/// A register with an address in the data, two with random values, and the results of the two instructions.
const POINTER: u8 = 8;
const VALUES: [u8; 2] = [6, 7];
const RESULTS: [u8; 2] = [5, 28];
/// A register with an address in the code.
const LINK: u8 = 31;

/// What the ends of loops and switches are made of.
const IN_LOOPS_AND_SWITCHES: [Opcode; 13] = {
    use Opcode::{Add, Addi, Lbu, Ld, Lhu, Lw, Sb, Sd, Sh2add, Sh3add, Srli, Sub, Sw};
    [Add, Addi, Sub, Srli, Lbu, Lhu, Lw, Ld, Sb, Sw, Sd, Sh2add, Sh3add]
};

/// The instruction with these operands, as far as it has them and they fit.
fn fit(opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Instruction {
    let layout = opcode.row().format.layout();
    let (least, greatest, step) = layout.immediate.limits();
    let register = |field: travertine_opcodes::RegisterField, number: u8| {
        let (least, greatest) = field.limits();
        number.clamp(least, greatest)
    };
    Instruction {
        opcode,
        rd: register(layout.rd, rd),
        rs1: register(layout.rs1, rs1),
        rs2: register(layout.rs2, rs2),
        imm: (imm.clamp(least, greatest) + step - 1) / step * step,
    }
}

fn of_classes(classes: &[GasClass]) -> Vec<Opcode> {
    Opcode::ALL.iter().copied().filter(|opcode| classes.contains(&opcode.gas_class())).collect()
}

fn straight() -> Vec<Opcode> {
    use GasClass::{Arithmetic, BitCount, Divide, Fence, Load, Multiply, Store};
    of_classes(&[Arithmetic, BitCount, Multiply, Divide, Fence, Load, Store])
}

fn accesses_memory(opcode: Opcode) -> bool {
    matches!(opcode.gas_class(), GasClass::Load | GasClass::Store)
}

/// Straight instructions that get their operands from each other, and what ends their block.
struct Group {
    first: Instruction,
    second: Instruction,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Nothing,
    Branch(Opcode),
    Jump,
    JumpRegister,
}

impl Group {
    /// The group in which the first result is `rs1` of the second instruction, or `rs2`, or both.
    fn new(first: Opcode, second: Opcode, to_rs1: bool, to_rs2: bool, end: End) -> Option<Self> {
        let [result, other_result] = RESULTS;
        // Only a sum makes an address.
        if to_rs1 && accesses_memory(second) && first != Opcode::Addi {
            return None;
        }
        let base =
            if accesses_memory(first) || to_rs1 && accesses_memory(second) { POINTER } else { VALUES[0] };
        let rs1 = match (to_rs1, accesses_memory(second)) {
            (true, _) => result,
            (false, true) => POINTER,
            (false, false) => VALUES[0],
        };
        Some(Self {
            first: fit(first, result, base, VALUES[1], 8),
            second: fit(second, other_result, rs1, if to_rs2 { result } else { VALUES[1] }, 5),
            end,
        })
    }

    /// Between fences, which are not fused, so that what is fused is the group.
    fn write(&self, code: &mut Vec<Instruction>, to_branch: bool) {
        let fence = fit(Opcode::Fence, 0, 0, 0, 0);
        if let End::JumpRegister = self.end {
            code.extend([fit(Opcode::Auipc, LINK, 0, 0, 0), fence]);
        }
        code.extend([self.first, self.second]);
        match self.end {
            End::Nothing => {}
            End::Branch(branch) => {
                let rs1 = if to_branch { self.second.rd } else { VALUES[0] };
                code.push(fit(branch, 0, rs1, VALUES[1], 8));
                code.push(fit(Opcode::Addi, 30, 30, 0, 1));
            }
            End::Jump => code.push(fit(Opcode::Jal, 0, 0, 0, 4)),
            End::JumpRegister => code.push(fit(Opcode::Jalr, 0, LINK, 0, 20)),
        }
        // The results count for all that follows.
        code.extend([fence, fit(Opcode::Xor, VALUES[0], VALUES[0], RESULTS[1], 0), fence]);
        code.extend([fit(Opcode::Add, VALUES[1], VALUES[1], RESULTS[0], 0), fence]);
    }
}

/// The program of these groups. Its values come from the call's input.
fn program(groups: &[(Group, bool)]) -> Vec<u8> {
    let [a, b] = VALUES;
    let mut code = vec![
        fit(Opcode::Lui, POINTER, 0, 0, i32::try_from(DATA).unwrap()),
        fit(Opcode::Ld, a, 11, 0, 0),
        fit(Opcode::Rori, b, a, 0, 13),
    ];
    for (group, to_branch) in groups {
        group.write(&mut code, *to_branch);
    }
    for (place, register) in [5, 6, 7, 28, 30].into_iter().enumerate() {
        code.push(fit(Opcode::Sd, 0, POINTER, register, 64 + 8 * i32::try_from(place).unwrap()));
    }
    code.extend([
        fit(Opcode::Addi, 10, 0, 0, 0),
        fit(Opcode::Addi, 17, 0, 0, 93),
        fit(Opcode::Ecall, 0, 0, 0, 0),
    ]);
    let words = code.iter().flat_map(|&instruction| encode(instruction).unwrap().to_le_bytes());
    let data = (0..4096_u32).map(|place| (place * 41).to_le_bytes()[0]).collect();
    elf::write(
        CODE,
        &[
            Segment::new(CODE, flags::READ | flags::EXECUTE, words.collect()),
            Segment::new(DATA, flags::READ | flags::WRITE, data),
        ],
    )
}

#[test]
fn engines_agree_on_all_that_is_fused() {
    let engines = (engine(EngineKind::Reference), engine(EngineKind::Threaded));
    let straight = straight();
    let mut ends = vec![End::Nothing, End::Jump, End::JumpRegister];
    ends.extend(of_classes(&[GasClass::Branch]).into_iter().map(End::Branch));
    let mut count = 0;
    for &first in &straight {
        let mut groups = Vec::new();
        for (number, &second) in straight.iter().enumerate() {
            for way in 0..4 {
                // Pairs with nothing behind them, and in turn with each end: all of those for the next opcodes.
                for end in [ends[0], ends[(number + way) % ends.len()]] {
                    groups.extend(
                        Group::new(first, second, way & 1 != 0, way & 2 != 0, end)
                            .map(|group| (group, way > 1)),
                    );
                }
            }
        }
        // With every end.
        for second in IN_LOOPS_AND_SWITCHES {
            for way in 0..8 {
                for &end in &ends {
                    let group = Group::new(first, second, way & 1 != 0, way & 2 != 0, end);
                    groups.extend(group.map(|group| (group, way & 4 != 0)));
                }
            }
        }
        count += groups.len();
        let loaded = engines.0.load(&program(&groups)).unwrap();
        for seed in 0..3 {
            let run = check(&loaded, &engines, &mut Random::new(seed));
            assert!(run.is_ok(), "{}, seed {seed}: {run:?}", first.mnemonic());
        }
    }
    println!("{count} groups");
}
