//! Calls into the embedder's range.

use travertine_gas::Schedule;
use travertine_opcodes::Opcode;
use travertine_vm::{
    Call, Host, HostCall, HostPlan, HostReply, Machine, MachineError, MemoryRange, NoHost, Outcome, RunLimit,
    TrapCause,
};

use crate::assembler::*;

/// Call 0x8000 reverses the bytes from `a0` on, `a1` of them, to where they were, and answers 7.
#[derive(Default)]
struct Reverser {
    suspends: bool,
    calls: u32,
}

const PRICE: u64 = 1234;

impl Host for Reverser {
    fn plan(&self, call: &HostCall) -> Option<HostPlan> {
        let [address, length, ..] = call.arguments;
        let range = MemoryRange { address, length };
        (call.number == 0x8000).then_some(HostPlan { gas: PRICE, reads: range, writes: range })
    }

    fn call(&mut self, _: &HostCall, input: &[u8], output: &mut [u8]) -> HostReply {
        self.calls += 1;
        if self.suspends {
            return HostReply::Suspend;
        }
        output.copy_from_slice(input);
        output.reverse();
        HostReply::Return(7)
    }
}

/// Stores `1` at the data, reverses 8 bytes, exits with 0 if the answer was 7 and the byte has moved.
fn reversing() -> Machine {
    machine(&[
        data_address(T0),
        li(T1, 1),
        s(Opcode::Sb, T0, T1, 0),
        i(Opcode::Addi, A0, T0, 0),
        li(A1, 8),
        ecall(0x8000),
        i(Opcode::Addi, A0, A0, -7),
        i(Opcode::Lbu, T2, T0, 7),
        i(Opcode::Xori, T2, T2, 1),
        r(Opcode::Or, A0, A0, T2),
        ecall(93),
    ])
}

#[test]
fn a_host_reads_and_fills_what_it_planned() {
    let mut host = Reverser::default();
    let settlement = reversing().call(&Call::new([], 100_000), &mut host).unwrap();
    assert_eq!(settlement.outcome, Outcome::Halted { exit: 0 });
    let schedule = Schedule::default();
    let bytes = (16 * schedule.host_byte_64ths).div_ceil(64);
    assert_eq!(settlement.receipt.bill.host, 2 * schedule.host_call + bytes + PRICE);
}

#[test]
fn an_answer_that_comes_later_gives_the_same_receipt() {
    let call = Call::new([], 100_000);
    let at_once = reversing().call(&call, &mut Reverser::default()).unwrap();

    let mut machine = reversing();
    let mut host = Reverser { suspends: true, calls: 0 };
    machine.begin(&call).unwrap();
    let outcome = machine.run(&mut host, RunLimit::NONE).unwrap();
    let Outcome::HostCall(question) = outcome else { panic!("{outcome}") };
    let (asked, input) = machine.question().unwrap();
    assert_eq!((asked, input), (question, &[1, 0, 0, 0, 0, 0, 0, 0][..]));
    assert_eq!(machine.run(&mut host, RunLimit::NONE), Err(MachineError::WaitsForAnswer(question)));
    assert_eq!(machine.finish(), Err(MachineError::WaitsForAnswer(question)));
    assert_eq!(machine.answer(7, &[0; 7]), Err(MachineError::AnswerLength { given: 7, planned: 8 }));
    machine.answer(7, &[0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
    assert_eq!(machine.answer(7, &[0; 8]), Err(MachineError::NoQuestion));
    machine.run(&mut host, RunLimit::NONE).unwrap();
    assert_eq!(machine.finish().unwrap(), at_once);
    assert_eq!(host.calls, 1);
}

#[test]
fn a_host_is_not_called_before_everything_is_paid() {
    // It pays for the first store, and not for the host call.
    let call = Call::new([], Schedule::default().page_first_write + 1_000);
    let mut host = Reverser::default();
    let settlement = reversing().call(&call, &mut host).unwrap();
    assert!(matches!(settlement.outcome, Outcome::OutOfGas { .. }), "{}", settlement.outcome);
    assert_eq!(host.calls, 0);
}

#[test]
fn calls_that_cannot_be_done_trap() {
    let trap = |program: &[Vec<u8>]| match machine(program)
        .call(&Call::new([], 100_000), &mut Reverser::default())
    {
        Ok(settlement) => settlement.outcome,
        Err(error) => panic!("{error}"),
    };
    let cause = |outcome| match outcome {
        Outcome::Trapped(trap) => trap.cause,
        other => panic!("{other}"),
    };
    assert_eq!(cause(trap(&[ecall(0x9000)])), TrapCause::HostError { number: 0x9000 });
    assert_eq!(cause(trap(&[ecall(1)])), TrapCause::HostError { number: 1 });
    // The ranges are the contract's to get wrong: null, and too long.
    assert!(matches!(cause(trap(&[li(A0, 0), li(A1, 8), ecall(0x8000)])), TrapCause::LoadFault(_)));
    let too_long = [data_address(A0), li(A1, -1), ecall(0x8000)];
    assert_eq!(cause(trap(&too_long)), TrapCause::HostError { number: 0x8000 });
}

#[test]
fn a_host_that_offers_nothing_refuses_everything() {
    let mut host = NoHost;
    let call = HostCall { number: 0x8000, arguments: [0; 6] };
    assert_eq!(host.plan(&call), None);
    assert_eq!(host.call(&call, &[], &mut []), HostReply::Fail);
}
