//! `ecall`: what the machine answers itself, and the way to the embedder.
//!
//! Each range of memory that a host call reads or writes is checked and charged on its own, before anything happens.

use travertine_gas::{Charge, Operation};
use travertine_memory::{LoadPlan, StorePlan, Touches};
use travertine_merkle::Hash;

use super::{Run, Stop};
use crate::call::CallState;
use crate::code::Op;
use crate::cpu::abi;
use crate::host::{Host, HostCall, HostReply, MAX_HOST_BYTES, MemoryRange, numbers};
use crate::outcome::{Outcome, TrapCause};
use crate::receipt::MAX_TOPICS;

/// What `write` answers for a descriptor other than 1 and 2: Linux's `-EBADF`.
const BAD_DESCRIPTOR: u64 = (-9_i64).cast_unsigned();
/// A host call that moves nothing.
const PLAIN: Operation = Operation::HostCall { bytes: 0, gas: 0 };
/// Bytes of an event's topic.
const TOPIC_BYTES: u64 = 32;

impl<H: Host + ?Sized> Run<'_, H> {
    /// Checks and charges the whole call, then does it. Every host call ends the reservation of `lr`.
    pub(super) fn ecall(&mut self, op: Op) -> Result<(), Stop> {
        let cpu = &self.call.cpu;
        let arguments = [0, 1, 2, 3, 4, 5].map(|number| cpu.get(abi::A0 + number));
        let call = HostCall { number: cpu.get(abi::A7), arguments };
        match call.number {
            numbers::WRITE => self.write(op, &call),
            numbers::EXIT => {
                self.charge_call(op, &[], PLAIN)?;
                Err(Stop::Outcome(Outcome::Halted { exit: arguments[0] }))
            }
            numbers::RETURN => self.end_with_output(op, &call, Outcome::Returned),
            numbers::REVERT => self.end_with_output(op, &call, Outcome::Reverted),
            numbers::LOG => self.log(op, &call),
            numbers::EMBEDDER.. => self.embedder(op, &call),
            number => Err(self.host_error(op, number)),
        }
    }

    fn write(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let [descriptor, address, length, ..] = call.arguments;
        if descriptor != 1 && descriptor != 2 {
            self.charge_call(op, &[], PLAIN)?;
            self.answer(op, BAD_DESCRIPTOR);
            return Ok(());
        }
        let plan = self.plan_read(op, call, MemoryRange { address, length })?;
        let moved = Operation::HostCall { bytes: length, gas: 0 };
        self.charge_call(op, &[plan.touches()], moved)?;
        let bytes = self.read(plan);
        self.host.write(descriptor, &bytes);
        self.answer(op, length);
        Ok(())
    }

    fn end_with_output(&mut self, op: Op, call: &HostCall, outcome: Outcome) -> Result<(), Stop> {
        let [address, length, ..] = call.arguments;
        let plan = self.plan_read(op, call, MemoryRange { address, length })?;
        let moved = Operation::HostCall { bytes: length, gas: 0 };
        self.charge_call(op, &[plan.touches()], moved)?;
        self.call.output = self.read(plan);
        Err(Stop::Outcome(outcome))
    }

    /// `log(topics, count, pointer, length)`. The topics lie behind each other, 32 bytes each.
    fn log(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let [topics, count, address, length, ..] = call.arguments;
        let fits = usize::try_from(length).is_ok_and(|length| self.call.events.has_room(length));
        if count > MAX_TOPICS as u64 || !fits {
            return Err(self.host_error(op, call.number));
        }
        let topics = MemoryRange { address: topics, length: count * TOPIC_BYTES };
        let topics = self.plan_read(op, call, topics)?;
        let data = self.plan_read(op, call, MemoryRange { address, length })?;
        let event = Operation::Log { bytes: length, topics: count };
        self.charge_call(op, &[topics.touches(), data.touches()], event)?;
        let topics = self.read(topics);
        let topics: Vec<Hash> = topics.as_chunks().0.to_vec();
        let data = self.read(data);
        self.call.events.push(&topics, &data);
        self.answer(op, 0);
        Ok(())
    }

    fn embedder(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let Some(planned) = self.host.plan(call) else {
            return Err(self.host_error(op, call.number));
        };
        let reads = self.plan_read(op, call, planned.reads)?;
        let writes = self.plan_write(op, call, planned.writes)?;
        let bytes = planned.reads.length + planned.writes.length;
        let asked = Operation::HostCall { bytes, gas: planned.gas };
        self.charge_call(op, &[reads.touches(), writes.touches()], asked)?;
        let input = self.read(reads);
        let mut output = vec![0; byte_count(writes.length())];
        match self.host.call(call, &input, &mut output) {
            HostReply::Return(value) => {
                self.call.memory.write(writes, &output);
                self.answer(op, value);
                Ok(())
            }
            HostReply::Suspend => {
                self.call.cpu.clear_reservation();
                self.advance(op);
                self.call.state = CallState::Waiting { call: *call, writes: planned.writes, input };
                Err(Stop::Outcome(Outcome::HostCall(*call)))
            }
            HostReply::Fail => Err(self.host_error(op, call.number)),
        }
    }

    fn plan_read(&mut self, op: Op, call: &HostCall, range: MemoryRange) -> Result<LoadPlan, Stop> {
        if range.length > MAX_HOST_BYTES {
            return Err(self.host_error(op, call.number));
        }
        let plan = self.call.memory.plan_load(range.address, range.length);
        plan.map_err(|fault| self.access_fault(op, TrapCause::LoadFault, fault))
    }

    fn plan_write(&mut self, op: Op, call: &HostCall, range: MemoryRange) -> Result<StorePlan, Stop> {
        if range.length > MAX_HOST_BYTES {
            return Err(self.host_error(op, call.number));
        }
        let plan = self.call.memory.plan_store(range.address, range.length);
        plan.map_err(|fault| self.access_fault(op, TrapCause::StoreFault, fault))
    }

    fn read(&mut self, plan: LoadPlan) -> Vec<u8> {
        let mut bytes = vec![0; byte_count(plan.length())];
        self.call.memory.read(plan, &mut bytes);
        bytes
    }

    /// Charges an `ecall`: the instruction, the pages that each range touches, and the call itself.
    fn charge_call(&mut self, op: Op, ranges: &[Touches], call: Operation) -> Result<(), Stop> {
        let known = self.base_price(op).and(self.prices.schedule().cost(&call));
        let pages = |sum: Charge, &touches: &Touches| sum.and(self.touch_cost(touches));
        self.charge(ranges.iter().fold(known, pages))
    }

    /// Gives a host call's result and goes on behind it.
    fn answer(&mut self, op: Op, value: u64) {
        self.call.cpu.clear_reservation();
        self.call.cpu.set(abi::A0, value);
        self.advance(op);
    }

    /// A host call that cannot be done: the instruction's base cost is charged, then the contract traps.
    fn host_error(&mut self, op: Op, number: u64) -> Stop {
        match self.charge_base(op) {
            Ok(()) => self.trap(TrapCause::HostError { number }),
            Err(stop) => stop,
        }
    }
}

/// A length that was checked against [`MAX_HOST_BYTES`].
fn byte_count(length: u64) -> usize {
    usize::try_from(length.min(MAX_HOST_BYTES)).expect("a mebibyte fits")
}
