//! `ecall`: what the machine answers itself, and the way to the embedder.
//!
//! Each range of memory that a host call reads or writes is checked and charged on its own, before anything happens.

use travertine_gas::Charge;
use travertine_memory::{LoadPlan, StorePlan};
use travertine_merkle::Hash;
use travertine_opcodes::Opcode;

use super::{Run, Stop};
use crate::call::CallState;
use crate::code::Op;
use crate::cpu::abi;
use crate::host::{Host, HostCall, HostReply, MAX_HOST_BYTES, MemoryRange, numbers};
use crate::outcome::{Outcome, TrapCause};
use crate::receipt::MAX_TOPICS;

/// What `write` answers for a descriptor other than 1 and 2: Linux's `-EBADF`.
const BAD_DESCRIPTOR: u64 = (-9_i64).cast_unsigned();
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
                self.charge_call(0, 0, 0)?;
                Err(Stop::Outcome(Outcome::Halted { exit: arguments[0] }))
            }
            numbers::RETURN => self.end_with_output(&call, Outcome::Returned),
            numbers::REVERT => self.end_with_output(&call, Outcome::Reverted),
            numbers::LOG => self.log(op, &call),
            numbers::EMBEDDER.. => self.embedder(op, &call),
            number => Err(self.host_error(number)),
        }
    }

    fn write(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let [descriptor, address, length, ..] = call.arguments;
        if descriptor != 1 && descriptor != 2 {
            self.charge_call(0, 0, 0)?;
            self.answer(op, BAD_DESCRIPTOR);
            return Ok(());
        }
        let plan = self.plan_read(call, MemoryRange { address, length })?;
        self.charge_call(self.prices.touches(plan.touches()), length, 0)?;
        let bytes = self.read(plan);
        self.host.write(descriptor, &bytes);
        self.answer(op, length);
        Ok(())
    }

    fn end_with_output(&mut self, call: &HostCall, outcome: Outcome) -> Result<(), Stop> {
        let [address, length, ..] = call.arguments;
        let plan = self.plan_read(call, MemoryRange { address, length })?;
        self.charge_call(self.prices.touches(plan.touches()), length, 0)?;
        self.call.output = self.read(plan);
        Err(Stop::Outcome(outcome))
    }

    /// `log(topics, count, pointer, length)`. The topics lie behind each other, 32 bytes each.
    fn log(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let [topics, count, address, length, ..] = call.arguments;
        let fits = usize::try_from(length).is_ok_and(|length| self.call.events.has_room(length));
        if count > MAX_TOPICS as u64 || !fits {
            return Err(self.host_error(call.number));
        }
        let topics = MemoryRange { address: topics, length: count * TOPIC_BYTES };
        let topics = self.plan_read(call, topics)?;
        let data = self.plan_read(call, MemoryRange { address, length })?;
        let pages = self.prices.touches(topics.touches()) + self.prices.touches(data.touches());
        self.charge_call(pages, length, count * self.prices.schedule().log_topic)?;
        let topics = self.read(topics);
        let topics: Vec<Hash> = topics.as_chunks().0.to_vec();
        let data = self.read(data);
        self.call.events.push(&topics, &data);
        self.answer(op, 0);
        Ok(())
    }

    fn embedder(&mut self, op: Op, call: &HostCall) -> Result<(), Stop> {
        let Some(planned) = self.host.plan(call) else {
            return Err(self.host_error(call.number));
        };
        let reads = self.plan_read(call, planned.reads)?;
        let writes = self.plan_write(call, planned.writes)?;
        let pages = self.prices.touches(reads.touches()) + self.prices.touches(writes.touches());
        self.charge_call(pages, planned.reads.length + planned.writes.length, planned.gas)?;
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
            HostReply::Fail => Err(self.host_error(call.number)),
        }
    }

    fn plan_read(&mut self, call: &HostCall, range: MemoryRange) -> Result<LoadPlan, Stop> {
        if range.length > MAX_HOST_BYTES {
            return Err(self.host_error(call.number));
        }
        let plan = self.call.memory.plan_load(range.address, range.length);
        plan.map_err(|fault| self.access_fault(Opcode::Ecall, TrapCause::LoadFault, fault))
    }

    fn plan_write(&mut self, call: &HostCall, range: MemoryRange) -> Result<StorePlan, Stop> {
        if range.length > MAX_HOST_BYTES {
            return Err(self.host_error(call.number));
        }
        let plan = self.call.memory.plan_store(range.address, range.length);
        plan.map_err(|fault| self.access_fault(Opcode::Ecall, TrapCause::StoreFault, fault))
    }

    fn read(&mut self, plan: LoadPlan) -> Vec<u8> {
        let mut bytes = vec![0; byte_count(plan.length())];
        self.call.memory.read(plan, &mut bytes);
        bytes
    }

    /// Charges an `ecall`: the instruction, the pages it touches (in gas), the bytes it moves, and `extra` gas.
    fn charge_call(&mut self, pages: u64, bytes: u64, extra: u64) -> Result<(), Stop> {
        let schedule = self.prices.schedule();
        let known = schedule.host_call + bytes * schedule.host_byte;
        let instructions = self.prices.base(Opcode::Ecall);
        self.charge(Charge { instructions, memory: pages, host: known.saturating_add(extra) })
    }

    /// Gives a host call's result and goes on behind it.
    fn answer(&mut self, op: Op, value: u64) {
        self.call.cpu.clear_reservation();
        self.call.cpu.set(abi::A0, value);
        self.advance(op);
    }

    /// A host call that cannot be done: the instruction's base cost is charged, then the contract traps.
    fn host_error(&mut self, number: u64) -> Stop {
        match self.charge_base(Opcode::Ecall) {
            Ok(()) => self.trap(TrapCause::HostError { number }),
            Err(stop) => stop,
        }
    }
}

/// A length that was checked against [`MAX_HOST_BYTES`].
fn byte_count(length: u64) -> usize {
    usize::try_from(length.min(MAX_HOST_BYTES)).expect("a mebibyte fits")
}
