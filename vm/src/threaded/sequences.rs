//! Longer sequences with a handler of their own: what compilers make of functions' ends, arrays, switches, multi-word
//! arithmetic and hashing, found by looking at which handlers hot loops call.

use std::sync::LazyLock;

use travertine_opcodes::Opcode;

use super::block::{Draft, Kind};
use super::handlers::{straight, then_branch, then_return};
use super::op::Handler;
use super::select::{Does, Of};
use super::semantics::{Below, Equal, NotEqual};
use super::straight::{NONE, One, RS1, RS2, Then};

/// A sequence, and what carries it out.
struct Row {
    opcodes: &'static [Opcode],
    /// By which operand each operation behind the first takes the result before it. With [`NONE`] it reads all operands from
    /// the registers, which is always right.
    forwards: &'static [u8],
    handler: Handler,
}

/// The type of a sequence.
macro_rules! sequence {
    ($first:ident $($rest:tt)*) => { sequence!([One<sequence!(@ $first)>] $($rest)*) };
    ([$type:ty]) => { $type };
    ([$type:ty] $opcode:ident $forward:ident $($rest:tt)*) => {
        sequence!([Then<$type, sequence!(@ $opcode), $forward>] $($rest)*)
    };
    (@ $opcode:ident) => { <Of<{ Opcode::$opcode as u16 }> as Does>::What };
}

/// Declares rows: straight operations, and behind some of them a branch or a `jalr` that does not link.
macro_rules! sequences {
    (
        straight { $([$first:ident $(, $opcode:ident $forward:ident)*])* }
        branch { $([$b_first:ident $(, $b_opcode:ident $b_forward:ident)*] $branch:ident $condition:ident $to_branch:ident;)* }
        jump_register { $([$j_first:ident $(, $j_opcode:ident $j_forward:ident)*])* }
    ) => {
        static ROWS: &[Row] = &[
            $(Row {
                opcodes: &[Opcode::$first $(, Opcode::$opcode)*],
                forwards: &[$($forward),*],
                handler: straight::<sequence!($first $($opcode $forward)*)>,
            },)*
            $(Row {
                opcodes: &[Opcode::$b_first $(, Opcode::$b_opcode)*, Opcode::$branch],
                forwards: &[$($b_forward,)* $to_branch],
                handler: then_branch::<
                    sequence!($b_first $($b_opcode $b_forward)*), $condition, $to_branch,
                >,
            },)*
            $(Row {
                opcodes: &[Opcode::$j_first $(, Opcode::$j_opcode)*, Opcode::Jalr],
                forwards: &[$($j_forward,)* NONE],
                handler: then_return::<sequence!($j_first $($j_opcode $j_forward)*), NONE>,
            },)*
        ];
    };
}

sequences! {
    straight {
        // Registers saved, restored, moved.
        [Addi, Sd NONE, Sd NONE]
        [Addi, Sd NONE, Sd NONE, Sd NONE]
        [Sd, Sd NONE, Sd NONE]
        [Sd, Sd NONE, Sd NONE, Sd NONE]
        [Ld, Ld NONE, Ld NONE]
        [Ld, Ld NONE, Ld NONE, Ld NONE]
        [Addi, Addi NONE, Addi NONE]
        [Addi, Addi NONE, Addi NONE, Addi NONE]
        // Elements of arrays.
        [Sh3add, Ld RS1, Slli RS1, Srli RS1]
        [Sh3add, Addi NONE, Sh3add NONE, Ld RS1]
        [Sh1add, Lh RS1, Sh3add RS1, Ld RS1]
        [Addi, Sh3add NONE, Addi NONE, Sd NONE]
        [Addi, Sh3add RS1, Ld RS1]
        [Sh1add, Sh3add NONE, Lh NONE, Ld NONE]
        [Addi, Sh1add NONE, Sh3add NONE, Lh NONE, Ld NONE, Addi NONE, Sh3add NONE, Sd NONE]
        [Sh3add, Addi NONE, Sh3add NONE, Ld NONE]
        [Sh2add, Lw RS1, Lw NONE]
        [Lw, Lw NONE, Lw NONE, Lw NONE]
        [Ld, Ld NONE, Addi NONE]
        [Ld, Add NONE, Sd RS2]
        [Ld, Sub NONE, Sd RS2]
        [Ld, Mul NONE, Sd RS2]
        [Add, Lbu RS1, Xor NONE]
        [Sltu, Addi RS1, And RS1]
        // Words of bytes.
        [Lbu, Lbu NONE, Lbu NONE, Lbu NONE]
        [Slli, Slli NONE, Or RS2]
        [Slli, Or RS1, Slli NONE]
        [Slli, Or RS1, Or RS2]
        [Lbu, Slli NONE, Or RS2]
        // Multi-word arithmetic: sums with carries, products with both halves.
        [Add, Sltu RS1, Add RS1]
        [Add, Sltu RS1, Add RS2]
        [Mul, Add NONE, Sltu RS1, Add RS1]
        [Mul, Add NONE, Sltu RS1, Add RS2]
        [Mulhu, Add NONE, Sltu RS1, Add RS1]
        [Mulhu, Add NONE, Sltu RS1, Add RS2]
        [Mulhu, Mul NONE, Add RS1]
        [Mul, Mulhu NONE, Add NONE]
        [Mulhu, Mul NONE, Mulhu NONE]
        // Hashing and random numbers.
        [Roriw, Roriw NONE, Xor RS2]
        [Roriw, Roriw NONE, And NONE]
        [Roriw, Add NONE, Xor NONE]
        [Xor, Roriw NONE, Xor RS2]
        [Xor, Srliw NONE, Xor RS2]
        [Xor, And NONE, And NONE]
        [Add, Add RS1, Add RS1]
        [Add, Lw NONE, Addi NONE]
        [Srli, Xor RS2, Slli RS1, Xor RS2]
        [Rori, Rori NONE, Rori NONE]
        [Rori, Ld NONE, Rori RS1]
        [Ld, Rori RS1, Rori NONE]
        [Rori, Xor RS1, Rori NONE]
        [Xor, Rori NONE, Xor RS1]
        [Xor, Xor NONE, Xor NONE]
        [Xor, Ld NONE, Xor RS2]
        [Ld, Xor NONE, Xor RS1]
        [Ld, Xor RS2, Ld NONE]
        [Xor, Sd RS2, Xor NONE]
        [Andn, Xor RS1, Andn NONE]
        [Andn, Xor RS2, Andn NONE]
        [Xor, Andn NONE, Xor RS1]
        [Xor, Andn NONE, Xor RS2]
        [Andn, Xor RS1, Sd RS2]
        [Xor, Add NONE, Srli NONE]
        [Sh2add, Add NONE, Xor RS2]
    }
    branch {
        // Loops.
        [Mul, Add RS2, Addi NONE] Bne NotEqual NONE;
        [Add, Add NONE, Srli RS1, Sb NONE] Beq Equal NONE;
        [Or, Addiw NONE, Sd NONE] Bne NotEqual NONE;
        [Or, Addi NONE, Sub NONE] Bne NotEqual NONE;
        [Sd, Addi NONE, Addi NONE] Bne NotEqual NONE;
        [Sw, Addi NONE, Addi NONE] Bne NotEqual NONE;
        [Lbu, Sb RS2, Addi NONE, Addi NONE] Bne NotEqual NONE;
        [Lw, Addi NONE, Addi NONE] Bltu Below NONE;
        [Addi, Sb NONE, Addi NONE] Bne NotEqual NONE;
        [Addi, Mul NONE] Beq Equal NONE;
        // Fetching and decoding of an interpreter.
        [Addi, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Addi, Add NONE, Lbu RS1, Addi NONE] Bltu Below NONE;
        [Add, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Add, Add RS2, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Addi, Add RS2, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Sd, Add NONE, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Sh1add, Lh RS1, Add RS2, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Ld, Add NONE, Sd RS2, Add NONE, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Ld, Mul NONE, Sd RS2, Add NONE, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Ld, Slt NONE, Sd RS2, Add NONE, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Addi, Sh3add NONE, Addi NONE, Sd NONE, Add NONE, Add RS2, Sh1add NONE, Lhu RS1, Addi NONE] Bltu Below NONE;
        [Addi, Sh3add RS1, Ld RS1] Beq Equal RS1;
    }
    jump_register {
        [Ld, Addi NONE]
        [Ld, Ld NONE, Addi NONE]
        [Ld, Ld NONE, Ld NONE, Addi NONE]
    }
}

/// The handlers of sequences that `drafts` begin with, and how many operations each carries out.
pub(super) fn of(drafts: &[Draft]) -> impl DoubleEndedIterator<Item = (Handler, usize)> {
    let first = drafts.first().and_then(Draft::fusible);
    let rows = first.map_or(&[][..], |first| &BY_FIRST[first as usize]);
    rows.iter().filter(|row| row.begins(drafts)).map(|row| (row.handler, row.opcodes.len()))
}

/// The rows by their first opcode: decoding asks for each instruction.
static BY_FIRST: LazyLock<Vec<Vec<&Row>>> = LazyLock::new(|| {
    let rows = |&first: &Opcode| ROWS.iter().filter(|row| row.opcodes[0] == first).collect();
    Opcode::ALL.iter().map(rows).collect()
});

impl Row {
    fn begins(&self, drafts: &[Draft]) -> bool {
        let Some(drafts) = drafts.get(..self.opcodes.len()) else { return false };
        let has_opcodes = drafts.iter().zip(self.opcodes).all(|(draft, &opcode)| match draft.kind {
            Kind::Straight => draft.fusible() == Some(opcode),
            Kind::Branch => draft.instruction.opcode == opcode,
            Kind::JumpRegister => draft.instruction.opcode == opcode && draft.instruction.rd == 0,
            Kind::Jump | Kind::Slow | Kind::Link => false,
        });
        let neighbours = drafts.iter().zip(&drafts[1..]);
        has_opcodes
            && neighbours
                .zip(self.forwards)
                .all(|((before, draft), &forward)| forward == NONE || draft.forward(before) as u8 == forward)
    }
}

#[cfg(test)]
mod tests {
    use travertine_memory::Permissions;
    use travertine_opcodes::{GasClass, Instruction, encode};

    use super::super::straight::Forward;
    use super::*;
    use crate::{Call, Engine, EngineConfig, EngineKind, Image, NoHost, Outcome, Program, RunLimit, Segment};

    const CODE: u64 = 0x1_f000_0000;
    const DATA: u64 = 0x4_0000;
    const DATA_BYTES: usize = 4096;
    /// Registers: a pointer into the data, an index, two values, the first result, the count of rounds.
    const POINTER: u8 = 8;
    const INDEX: u8 = 9;
    const VALUES: [u8; 2] = [6, 7];
    const FIRST_RESULT: u8 = 20;
    const ROUNDS: u8 = 5;

    fn instruction(opcode: Opcode, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Instruction {
        Instruction { opcode, rd, rs1, rs2, imm }
    }

    fn accesses_memory(opcode: Opcode) -> bool {
        matches!(opcode.gas_class(), GasClass::Load | GasClass::Store)
    }

    fn is_scaled(opcode: Option<&Opcode>) -> bool {
        matches!(opcode, Some(Opcode::Sh1add | Opcode::Sh2add | Opcode::Sh3add))
    }

    /// The row's instructions, each with a result of its own, which the next one takes as the row says.
    fn instructions(row: &Row) -> Vec<Instruction> {
        let mut instructions = Vec::new();
        for (place, &opcode) in row.opcodes.iter().enumerate() {
            let layout = opcode.row().format.layout();
            let has = |field: travertine_opcodes::RegisterField, number: u8| {
                let (least, greatest) = field.limits();
                number.clamp(least, greatest)
            };
            let (mut rs1, mut rs2) = match opcode {
                Opcode::Jalr => (1, 0),
                _ if is_scaled(Some(&opcode)) => (INDEX, POINTER),
                Opcode::Addi if is_scaled(row.opcodes[place + 1..].first()) => (INDEX, 0),
                Opcode::Add | Opcode::Addi => (POINTER, INDEX),
                _ if accesses_memory(opcode) => (POINTER, VALUES[0]),
                _ => (VALUES[0], VALUES[1]),
            };
            let forward = place.checked_sub(1).map_or(NONE, |before| row.forwards[before]);
            let result = FIRST_RESULT + u8::try_from(place).unwrap();
            match forward {
                RS1 => rs1 = result - 1,
                RS2 => rs2 = result - 1,
                _ => {}
            }
            let imm = match opcode.gas_class() {
                // Over the instruction behind it; that is a nop.
                GasClass::Branch => 8,
                _ if opcode == Opcode::Jalr => 0,
                _ => layout.immediate.limits().1.min(8),
            };
            instructions.push(instruction(
                opcode,
                has(layout.rd, result),
                has(layout.rs1, rs1),
                has(layout.rs2, rs2),
                imm,
            ));
        }
        if let Some(last) = instructions.last_mut().filter(|last| last.opcode == Opcode::Jalr) {
            last.rd = 0;
        }
        instructions
    }

    /// A program that does this a few times: the first round touches the pages.
    fn program(sequence: &[Instruction]) -> Program {
        let length = i32::try_from(4 * sequence.len()).unwrap();
        let mut code = vec![
            instruction(Opcode::Lui, POINTER, 0, 0, i32::try_from(DATA).unwrap()),
            instruction(Opcode::Addi, INDEX, 0, 0, 24),
            instruction(Opcode::Ld, VALUES[0], POINTER, 0, 40),
            instruction(Opcode::Ld, VALUES[1], POINTER, 0, 80),
            instruction(Opcode::Addi, ROUNDS, 0, 0, 4),
            // Where the sequence ends, for a `jalr` through this register.
            instruction(Opcode::Auipc, 1, 0, 0, 0),
            instruction(Opcode::Addi, 1, 1, 0, length + 16),
            instruction(Opcode::Fence, 0, 0, 0, 0),
        ];
        // A fence is not fused.
        let start = code.len() - 1;
        code.extend(sequence);
        code.extend([instruction(Opcode::Addi, 0, 0, 0, 0), instruction(Opcode::Fence, 0, 0, 0, 0)]);
        code.push(instruction(Opcode::Add, VALUES[1], VALUES[1], FIRST_RESULT, 0));
        code.push(instruction(Opcode::Addi, ROUNDS, ROUNDS, 0, -1));
        let back = i32::try_from(4 * (code.len() - start)).unwrap();
        code.push(instruction(Opcode::Bne, 0, ROUNDS, 0, -back));
        code.push(instruction(Opcode::Addi, 17, 0, 0, 93));
        code.push(instruction(Opcode::Ecall, 0, 0, 0, 0));
        let words = code.iter().flat_map(|&one| encode(one).unwrap().to_le_bytes()).collect();
        // Half words are below 256: eight times one of them is an offset here.
        let bytes =
            (0..DATA_BYTES).map(|place| if place % 2 == 0 { (place * 41 + 7).to_le_bytes()[0] } else { 0 });
        let bytes = bytes.collect();
        let segment = |address, data, permissions| Segment { address, memory_size: 4096, data, permissions };
        let segments = vec![
            segment(CODE, words, Permissions::READ_EXECUTE),
            segment(DATA, bytes, Permissions::READ_WRITE),
        ];
        Program::new(Image::new(CODE, segments).unwrap())
    }

    #[test]
    fn each_row_does_what_the_reference_engine_does() {
        for row in ROWS {
            let sequence = instructions(row);
            let drafts: Vec<Draft> = sequence.iter().map(|&one| Draft::of_instruction(0, one)).collect();
            assert!(row.begins(&drafts), "{:?} {:?}", row.opcodes, sequence);
            let program = program(&sequence);
            let ends = [EngineKind::Reference, EngineKind::Threaded].map(|kind| {
                let engine =
                    Engine::with_config(Engine::default().schedule().clone(), EngineConfig { engine: kind });
                let mut machine = engine.unwrap().instantiate(&program);
                machine.begin(&Call::new([], 1 << 20)).unwrap();
                let outcome = machine.run(&mut NoHost, RunLimit::NONE).unwrap();
                assert!(matches!(outcome, Outcome::Halted { .. }), "{:?}: {outcome:?}", row.opcodes);
                let mut data = vec![0; DATA_BYTES];
                machine.peek(DATA, &mut data).unwrap();
                (machine.cpu().cloned(), machine.meter().cloned(), data)
            });
            assert!(ends[0] == ends[1], "{:?}: {:?}, {:?}", row.opcodes, ends[0].0, ends[1].0);
        }
    }

    #[test]
    fn what_is_not_forwarded_is_read_again() {
        // A row without forwarding takes a result all the same.
        let row = ROWS.iter().find(|row| row.opcodes == [Opcode::Xor; 3]).unwrap();
        assert!(row.forwards.iter().all(|&forward| forward == NONE));
        let dependent = [(20, 6, 7), (20, 20, 7), (21, 7, 20)];
        let sequence = dependent.map(|(rd, rs1, rs2)| instruction(Opcode::Xor, rd, rs1, rs2, 0));
        let drafts = sequence.map(|one| Draft::of_instruction(0, one));
        assert_eq!(drafts[1].forward(&drafts[0]), Forward::Rs1);
        assert!(row.begins(&drafts));
    }
}
