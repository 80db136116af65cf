//! Which handler carries out which operations: one table of the straight opcodes, from which single handlers and fused
//! ones derive.

use travertine_opcodes::Opcode;

use super::handlers::{branch, straight, then_branch, then_call, then_jump, then_return};
use super::op::Handler;
use super::semantics::{
    Add, AddUw, Addw, And, Andn, Bclr, Below, Bext, Binv, Bset, Byte, Clz, Clzw, Cpop, Cpopw, Ctz, Ctzw,
    CzeroEqz, CzeroNez, Div, Divu, Divuw, Divw, Double, Equal, Half, Less, Max, Maxu, Min, Minu, Mul, Mulh,
    Mulhsu, Mulhu, Mulw, NotBelow, NotEqual, NotLess, Or, OrcB, Orn, Rem, Remu, Remuw, Remw, Rev8, Rol, Rolw,
    Ror, Rorw, SextB, SextH, Sh1add, Sh1addUw, Sh2add, Sh2addUw, Sh3add, Sh3addUw, SignedByte, SignedHalf,
    SignedWord, Sll, SllUw, Sllw, Slt, Sltu, Sra, Sraw, Srl, Srlw, Sub, Subw, Word, Xnor, Xor, ZextH,
};
use super::straight::{
    Constant, Forward, Load, NONE, Nothing, OnImmediate, OnOne, OnRegisters, One, RS1, RS2, Sequence, Store,
    Straight, Then,
};

/// Stands for an opcode in types.
pub(super) struct Of<const OPCODE: u16>;

/// What the straight opcode that can be fused does.
pub(super) trait Does {
    type What: Straight;
}

/// Declares the straight opcodes: those of `fused` are fused with each other and with what ends a block.
macro_rules! straight_opcodes {
    (fused { $($fused:ident $fused_type:ty,)* } single { $($single:ident $single_type:ty,)* }) => {
        /// The handler of a straight opcode alone; `None` for all others.
        pub(super) fn single(opcode: Opcode) -> Option<Handler> {
            Some(match opcode {
                $(Opcode::$fused => straight::<One<$fused_type>>,)*
                $(Opcode::$single => straight::<One<$single_type>>,)*
                // Branches and jumps have handlers of other shapes; all else, present and future, is the reference engine's.
                _ => return None,
            })
        }

        $(impl Does for Of<{ Opcode::$fused as u16 }> {
            type What = $fused_type;
        })*

        const FUSED: [Opcode; [$(Opcode::$fused),*].len()] = [$(Opcode::$fused),*];

        static PAIRS: [[[Handler; 3]; FUSED.len()]; FUSED.len()] = [$(pairs::<$fused_type>()),*];

        /// The pairs that begin with `A`.
        const fn pairs<A: Straight>() -> [[Handler; 3]; FUSED.len()] {
            [$([
                straight::<Then<One<A>, $fused_type, NONE>>,
                straight::<Then<One<A>, $fused_type, RS1>>,
                straight::<Then<One<A>, $fused_type, RS2>>,
            ]),*]
        }

        static ENDS: [Ends; FUSED.len()] = [$(Ends::of::<One<$fused_type>>()),*];
    };
}

straight_opcodes! {
    fused {
        Lui Constant,
        Auipc Constant,
        Addi OnImmediate<Add>,
        Add OnRegisters<Add>,
        Sub OnRegisters<Sub>,
        And OnRegisters<And>,
        Andi OnImmediate<And>,
        Or OnRegisters<Or>,
        Ori OnImmediate<Or>,
        Xor OnRegisters<Xor>,
        Xori OnImmediate<Xor>,
        Sll OnRegisters<Sll>,
        Slli OnImmediate<Sll>,
        Srl OnRegisters<Srl>,
        Srli OnImmediate<Srl>,
        Srai OnImmediate<Sra>,
        Slt OnRegisters<Slt>,
        Sltu OnRegisters<Sltu>,
        Sltiu OnImmediate<Sltu>,
        Addw OnRegisters<Addw>,
        Addiw OnImmediate<Addw>,
        Subw OnRegisters<Subw>,
        Slliw OnImmediate<Sllw>,
        Srliw OnImmediate<Srlw>,
        Sraiw OnImmediate<Sraw>,
        Mul OnRegisters<Mul>,
        Mulhu OnRegisters<Mulhu>,
        AddUw OnRegisters<AddUw>,
        Sh1add OnRegisters<Sh1add>,
        Sh2add OnRegisters<Sh2add>,
        Sh3add OnRegisters<Sh3add>,
        SlliUw OnImmediate<SllUw>,
        Andn OnRegisters<Andn>,
        Rori OnImmediate<Ror>,
        Roriw OnImmediate<Rorw>,
        ZextH OnOne<ZextH>,
        Lw Load<SignedWord>,
        Lwu Load<Word>,
        Ld Load<Double>,
        Lbu Load<Byte>,
        Lh Load<SignedHalf>,
        Lhu Load<Half>,
        Sb Store<Byte>,
        Sh Store<Half>,
        Sw Store<Word>,
        Sd Store<Double>,
    }
    single {
        Lb Load<SignedByte>,
        Slti OnImmediate<Slt>,
        Sra OnRegisters<Sra>,
        Sllw OnRegisters<Sllw>,
        Srlw OnRegisters<Srlw>,
        Sraw OnRegisters<Sraw>,
        Fence Nothing,
        FenceI Nothing,
        Mulh OnRegisters<Mulh>,
        Mulhsu OnRegisters<Mulhsu>,
        Mulw OnRegisters<Mulw>,
        Div OnRegisters<Div>,
        Divu OnRegisters<Divu>,
        Rem OnRegisters<Rem>,
        Remu OnRegisters<Remu>,
        Divw OnRegisters<Divw>,
        Divuw OnRegisters<Divuw>,
        Remw OnRegisters<Remw>,
        Remuw OnRegisters<Remuw>,
        Sh1addUw OnRegisters<Sh1addUw>,
        Sh2addUw OnRegisters<Sh2addUw>,
        Sh3addUw OnRegisters<Sh3addUw>,
        Orn OnRegisters<Orn>,
        Xnor OnRegisters<Xnor>,
        Clz OnOne<Clz>,
        Ctz OnOne<Ctz>,
        Cpop OnOne<Cpop>,
        Clzw OnOne<Clzw>,
        Ctzw OnOne<Ctzw>,
        Cpopw OnOne<Cpopw>,
        Max OnRegisters<Max>,
        Maxu OnRegisters<Maxu>,
        Min OnRegisters<Min>,
        Minu OnRegisters<Minu>,
        SextB OnOne<SextB>,
        SextH OnOne<SextH>,
        Rol OnRegisters<Rol>,
        Ror OnRegisters<Ror>,
        Rolw OnRegisters<Rolw>,
        Rorw OnRegisters<Rorw>,
        OrcB OnOne<OrcB>,
        Rev8 OnOne<Rev8>,
        Bclr OnRegisters<Bclr>,
        Bclri OnImmediate<Bclr>,
        Bext OnRegisters<Bext>,
        Bexti OnImmediate<Bext>,
        Binv OnRegisters<Binv>,
        Binvi OnImmediate<Binv>,
        Bset OnRegisters<Bset>,
        Bseti OnImmediate<Bset>,
        CzeroEqz OnRegisters<CzeroEqz>,
        CzeroNez OnRegisters<CzeroNez>,
    }
}

/// The handlers of a sequence together with what ends a block.
struct Ends {
    branches: [[Handler; 3]; BRANCHES.len()],
    jump: Handler,
    call: Handler,
    jump_register: Handler,
}

/// Declares the branches.
macro_rules! branch_opcodes {
    ($($opcode:ident $condition:ty,)*) => {
        const BRANCHES: [Opcode; [$(Opcode::$opcode),*].len()] = [$(Opcode::$opcode),*];

        /// The handler of a branch alone; `None` for all other opcodes.
        pub(super) fn branch_handler(opcode: Opcode) -> Option<Handler> {
            const HANDLERS: [Handler; BRANCHES.len()] = [$(branch::<$condition>),*];
            Some(HANDLERS[place(&BRANCHES, opcode)?])
        }

        impl Ends {
            const fn of<S: Sequence>() -> Self {
                Self {
                    branches: [$([
                        then_branch::<S, $condition, NONE>,
                        then_branch::<S, $condition, RS1>,
                        then_branch::<S, $condition, RS2>,
                    ]),*],
                    jump: then_jump::<S>,
                    call: then_call::<S>,
                    jump_register: then_return::<S, NONE>,
                }
            }
        }
    };
}

branch_opcodes! {
    Beq Equal,
    Bne NotEqual,
    Blt Less,
    Bge NotLess,
    Bltu Below,
    Bgeu NotBelow,
}

/// Declares the opcodes and branches of which three in a row have one handler: the ends of most loops.
macro_rules! loop_opcodes {
    (straight { $($opcode:ident $type:ty,)* } branches { $($branch:ident $condition:ty,)* }) => {
        const IN_LOOPS: [Opcode; [$(Opcode::$opcode),*].len()] = [$(Opcode::$opcode),*];
        const LOOP_BRANCHES: [Opcode; [$(Opcode::$branch),*].len()] = [$(Opcode::$branch),*];

        /// By the first and second opcode, whether the second gets the first's result, the branch, and whether that gets the
        /// second's; both as their `rs1`.
        static LOOPS: [[[LoopEnds; 2]; IN_LOOPS.len()]; IN_LOOPS.len()] = [$(loops::<$type>()),*];

        type LoopEnds = [[Handler; 2]; LOOP_BRANCHES.len()];

        const fn loops<A: Straight>() -> [[LoopEnds; 2]; IN_LOOPS.len()] {
            [$([
                loop_ends::<Then<One<A>, $type, NONE>>(),
                loop_ends::<Then<One<A>, $type, RS1>>(),
            ]),*]
        }

        const fn loop_ends<S: Sequence>() -> LoopEnds {
            [$([then_branch::<S, $condition, NONE>, then_branch::<S, $condition, RS1>]),*]
        }
    };
}

loop_opcodes! {
    straight {
        Addi OnImmediate<Add>,
        Add OnRegisters<Add>,
        Sub OnRegisters<Sub>,
        Srli OnImmediate<Srl>,
        Lbu Load<Byte>,
        Lhu Load<Half>,
        Sb Store<Byte>,
        Sw Store<Word>,
        Sd Store<Double>,
    }
    branches {
        Beq Equal,
        Bne NotEqual,
        Bltu Below,
    }
}

/// The handler of two straight operations and a branch, if there is one. What is not forwarded is read again.
pub(super) fn loop_end(opcodes: [Opcode; 3], forwards: [Forward; 2]) -> Option<Handler> {
    let [first, second, branch] = opcodes;
    let [to_second, to_branch] = forwards.map(|forward| usize::from(forward == Forward::Rs1));
    let ends = &LOOPS[place(&IN_LOOPS, first)?][place(&IN_LOOPS, second)?][to_second];
    Some(ends[place(&LOOP_BRANCHES, branch)?][to_branch])
}

/// Declares the opcodes of which two before a `jalr` have one handler with it: jumps through tables, as switches make them.
macro_rules! switch_opcodes {
    (first { $($first:ident $first_type:ty,)* } second $second:tt) => {
        const SWITCH_FIRST: [Opcode; [$(Opcode::$first),*].len()] = [$(Opcode::$first),*];
        static SWITCHES: [[[Handler; 2]; SWITCH_SECOND.len()]; SWITCH_FIRST.len()] =
            [$(switches::<$first_type>()),*];
        switch_opcodes! { second $second }
    };
    (second { $($second:ident $second_type:ty,)* }) => {
        const SWITCH_SECOND: [Opcode; [$(Opcode::$second),*].len()] = [$(Opcode::$second),*];

        const fn switches<A: Straight>() -> [[Handler; 2]; SWITCH_SECOND.len()] {
            [$([
                then_return::<Then<One<A>, $second_type, NONE>, RS1>,
                then_return::<Then<One<A>, $second_type, RS1>, RS1>,
            ]),*]
        }
    };
}

switch_opcodes! {
    first {
        Add OnRegisters<Add>,
        Sh2add OnRegisters<Sh2add>,
        Sh3add OnRegisters<Sh3add>,
        Lw Load<SignedWord>,
    }
    second {
        Add OnRegisters<Add>,
        Lw Load<SignedWord>,
        Ld Load<Double>,
    }
}

/// The handler of two straight operations and a `jalr` that does not link and gets the second's result, if there is one.
pub(super) fn switch(opcodes: [Opcode; 2], forwards: [Forward; 2]) -> Option<Handler> {
    let ([first, second], [forward, to_jump]) = (opcodes, forwards);
    if to_jump != Forward::Rs1 {
        return None;
    }
    let handlers = &SWITCHES[place(&SWITCH_FIRST, first)?][place(&SWITCH_SECOND, second)?];
    Some(handlers[usize::from(forward == Forward::Rs1)])
}

/// The handler of nothing at all.
pub(super) const NOTHING: Handler = straight::<One<Nothing>>;

/// The handler of two straight operations, if there is one.
pub(super) fn pair(first: Opcode, second: Opcode, forward: Forward) -> Option<Handler> {
    Some(PAIRS[place(&FUSED, first)?][place(&FUSED, second)?][forward as usize])
}

/// The handler of a straight operation and a branch, if there is one.
pub(super) fn with_branch(first: Opcode, branch: Opcode, forward: Forward) -> Option<Handler> {
    Some(ENDS[place(&FUSED, first)?].branches[place(&BRANCHES, branch)?][forward as usize])
}

/// The handler of a straight operation and a jump that does not link, if there is one.
pub(super) fn with_jump(first: Opcode) -> Option<Handler> {
    Some(ENDS[place(&FUSED, first)?].jump)
}

/// The handler of a straight operation and a jump that links, if there is one.
pub(super) fn with_call(first: Opcode) -> Option<Handler> {
    Some(ENDS[place(&FUSED, first)?].call)
}

/// The handler of a straight operation and a `jalr` that does not link, if there is one.
pub(super) fn with_jump_register(first: Opcode) -> Option<Handler> {
    Some(ENDS[place(&FUSED, first)?].jump_register)
}

fn place(opcodes: &[Opcode], opcode: Opcode) -> Option<usize> {
    opcodes.iter().position(|&one| one == opcode)
}
