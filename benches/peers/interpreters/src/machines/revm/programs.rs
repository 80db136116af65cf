//! Three kernels in EVM bytecode, and the small assembler that they are written with.

use opcode::{
    ADD, AND, DUP1, GT, JUMP, JUMPDEST, JUMPI, LT, MSTORE, MUL, MULMOD, OR, POP, PUSH1, PUSH2, RETURN, SHL,
    SHR, SUB, SWAP1, XOR,
};
use revm_interpreter::bytecode::opcode;

const MASK: u64 = u64::MAX;

/// The bytecode of a kernel, if there is one. It returns one word.
pub(super) fn program(kernel: &str) -> Option<Vec<u8>> {
    match kernel {
        "alu" => Some(alu()),
        "mulmod" => Some(mulmod()),
        "fib" => Some(fib()),
        _ => None,
    }
}

/// Writes bytecode and knows how many words lie on the stack, the lowest of which are variables.
#[derive(Default)]
struct Assembler {
    code: Vec<u8>,
    depth: u8,
}

/// A variable: how many words lie below it.
#[derive(Clone, Copy)]
struct Variable(u8);

impl Assembler {
    /// An instruction that takes `inputs` words and gives `outputs`.
    fn op(&mut self, opcode: u8, inputs: u8, outputs: u8) -> &mut Self {
        self.code.push(opcode);
        self.depth = self.depth - inputs + outputs;
        self
    }

    /// An operation on the two topmost words: the topmost is its first operand.
    fn binary(&mut self, opcode: u8) -> &mut Self {
        self.op(opcode, 2, 1)
    }

    fn push(&mut self, value: u64) -> &mut Self {
        self.push_bytes(&value.to_be_bytes())
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
        let bytes = &bytes[zeros..];
        self.op(PUSH1 + u8::try_from(bytes.len() - 1).expect("a word has 32 bytes"), 0, 1);
        self.code.extend_from_slice(bytes);
        self
    }

    fn variable(&mut self, value: u64) -> Variable {
        self.push(value);
        Variable(self.depth - 1)
    }

    fn get(&mut self, variable: Variable) -> &mut Self {
        let above = self.depth - 1 - variable.0;
        self.op(DUP1 + above, 0, 1)
    }

    /// Takes the topmost word.
    fn set(&mut self, variable: Variable) -> &mut Self {
        let above = self.depth - 2 - variable.0;
        self.op(SWAP1 + above, 0, 0).op(POP, 1, 0)
    }

    /// Masks the topmost word to 64 bits.
    fn mask(&mut self) -> &mut Self {
        self.push(MASK).binary(AND)
    }

    /// A place to jump to.
    fn label(&mut self) -> u16 {
        let place = u16::try_from(self.code.len()).expect("programs are short");
        self.op(JUMPDEST, 0, 0);
        place
    }

    /// Pushes a place; the returned position is for [`Assembler::resolve`].
    fn push_place(&mut self, place: u16) -> usize {
        self.op(PUSH2, 0, 1);
        self.code.extend_from_slice(&place.to_be_bytes());
        self.code.len() - 2
    }

    /// Makes what was pushed at `position` the place of a label that stands here.
    fn resolve(&mut self, position: usize) -> u16 {
        let place = self.label();
        self.code[position..position + 2].copy_from_slice(&place.to_be_bytes());
        place
    }

    /// Repeats `body` while `i` counts up to `count`.
    fn count_to(&mut self, i: Variable, count: u64, body: impl FnOnce(&mut Self)) {
        let start = self.label();
        body(self);
        self.get(i).push(1).binary(ADD).set(i);
        self.push(count).get(i).binary(LT);
        self.push_place(start);
        self.op(JUMPI, 2, 0);
    }

    /// Ends with the topmost word.
    fn finish(mut self) -> Vec<u8> {
        self.push(0).op(MSTORE, 2, 0).push(32).push(0).op(RETURN, 2, 0);
        self.code
    }
}

#[allow(clippy::many_single_char_names, reason = "the names in the C source")]
fn alu() -> Vec<u8> {
    let mut code = Assembler::default();
    let [a, b, c, d, i] = [1, 2, 3, 4, 0].map(|value| code.variable(value));
    code.count_to(i, 4_000_000, |code| {
        code.get(i).get(b).binary(XOR).get(a).binary(ADD).mask().set(a);
        code.get(b).push(57).binary(SHR).get(b).push(7).binary(SHL).mask().binary(OR).set(b);
        code.get(d).push(3).binary(SHR).get(a).binary(ADD).mask().get(c).binary(XOR).set(c);
        code.get(c).get(a).binary(AND).get(d).push(5).binary(MUL).binary(ADD).mask().set(d);
        code.get(i).get(c).binary(OR).get(b).binary(SUB).mask().set(b);
    });
    code.get(a).get(b).binary(XOR).get(c).binary(XOR).get(d).binary(XOR);
    code.finish()
}

fn mulmod() -> Vec<u8> {
    let mut state = 11;
    let (mut first, mut second) = ([0; 32], [0; 32]);
    for limb in (0..4).map(|limb| 24 - 8 * limb) {
        first[limb..limb + 8].copy_from_slice(&next_random(&mut state).to_be_bytes());
        second[limb..limb + 8].copy_from_slice(&next_random(&mut state).to_be_bytes());
    }
    // 2^256 - 2^32 - 977
    let mut prime = [0xff; 32];
    prime[24..].copy_from_slice(&(u64::MAX << 32 | 0xffff_ffff).wrapping_sub(0x1_0000_03d0).to_be_bytes());

    let mut code = Assembler::default();
    let [p, a, b] = [prime, first, second].map(|word| {
        code.push_bytes(&word);
        Variable(code.depth - 1)
    });
    let i = code.variable(0);
    code.count_to(i, 250_000, |code| {
        code.get(p).get(b).get(a).op(MULMOD, 3, 1);
        code.get(a).set(b).set(a);
    });
    code.get(a).mask();
    for shift in [64, 128, 192] {
        code.get(a).push(shift).binary(SHR).mask().binary(XOR);
    }
    code.finish()
}

/// The next of a row of random numbers, as in `kernel.h`.
fn next_random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// A function takes its return address and an argument from the stack, and leaves a result there.
fn fib() -> Vec<u8> {
    let mut code = Assembler::default();
    let end = code.push_place(0);
    code.push(30);
    let function = code.label();
    // return address, n
    let n = Variable(code.depth - 1);
    code.get(n).push(2).binary(GT);
    let small = code.push_place(0);
    code.op(JUMPI, 2, 0);
    for less in [1, 2] {
        let behind = code.push_place(0);
        code.push(less).get(n).binary(SUB);
        code.push_place(function);
        code.op(JUMP, 1, 0);
        // The callee has replaced the return address and its argument by the result.
        code.depth -= 1;
        code.resolve(behind);
    }
    code.binary(ADD).set(n);
    // return address, result
    code.resolve(small);
    code.op(SWAP1, 0, 0).op(JUMP, 1, 0);
    code.resolve(end);
    code.finish()
}
