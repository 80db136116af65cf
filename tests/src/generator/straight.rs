//! Pieces of generated programs that run straight on: arithmetic, loads and stores, atomics.

use travertine_opcodes::{Form, ImmediateField, Opcode, RegisterField};

use super::repertoire::{layout, operation};
use super::{BORDERS, Generator, SCRATCH_BYTES, TABLE_WORDS};

/// A register in any of the 32.
const ANY: RegisterField = RegisterField::At(0);
/// Bytes that the accesses of a reservation's piece need from their base on.
const RESERVATION_BYTES: u64 = 32;

impl Generator<'_> {
    /// A piece without branches and jumps, of at most 32 bytes.
    pub(super) fn straight(&mut self) {
        match self.random.below(100) {
            0..=52 => self.register_operation(),
            53..=79 => self.access(),
            80..=88 => self.load_corner(),
            89..=95 => self.atomic(),
            _ => self.reservation(),
        }
    }

    /// An operation on registers.
    fn register_operation(&mut self) {
        let form = self.form(&self.repertoire.register);
        if form == Form::Base(Opcode::Ctzw) {
            return self.count_trailing_zeros_of_word();
        }
        self.write_random(form, |_| {});
    }

    /// `ctzw`. Where the low 32 bits are zero, qemu 7.2 counts on in the high ones, against the manual. So one of the low
    /// bits is set before, or the high ones are cleared; a test of its own has the remaining case.
    fn count_trailing_zeros_of_word(&mut self) {
        let source = self.variable(ANY);
        if self.random.chance(50) {
            let bit = self.random.pick(&[0, 1, 15, 30, 31]);
            self.base(Opcode::Bseti, source, source, 0, bit);
        } else {
            self.base(Opcode::AddUw, source, source, 0, 0);
        }
        self.write_random(Form::Base(Opcode::Ctzw), |instruction| instruction.rs1 = source);
    }

    /// Sets a register to a value of the table.
    fn load_corner(&mut self) {
        let index = self.random.below(TABLE_WORDS);
        let rd = self.variable(ANY);
        self.base(Opcode::Ld, rd, self.table, 0, i32::try_from(8 * index).expect("a small table"));
    }

    /// A load or store, of any alignment, often across a border.
    fn access(&mut self) {
        let form = self.form(&self.repertoire.access);
        let layout = layout(form);
        let (base, address) = self.pointer(layout.rs1, 1, 8);
        let imm = self.offset(address, operation(form).access_bytes(), layout.immediate);
        self.write_random(form, |instruction| {
            instruction.rs1 = base;
            instruction.imm = imm;
        });
    }

    /// An offset with which an access stays in the scratch memory. Often it touches or crosses a border.
    fn offset(&mut self, address: u64, width: u64, field: ImmediateField) -> i32 {
        let (least, greatest, step) = field.limits();
        for _ in 0..16 {
            let near = self.border().wrapping_sub(self.random.below(width + 1));
            let distance = near.wrapping_sub(address).cast_signed();
            let wanted = match i32::try_from(distance) {
                Ok(distance) if self.random.chance(70) => distance.div_euclid(step) * step,
                _ => self.immediate(field),
            };
            let target = address.wrapping_add_signed(i64::from(wanted));
            if (least..=greatest).contains(&wanted) && self.is_scratch(target, width) {
                return wanted;
            }
        }
        0
    }

    /// An atomic memory operation, naturally aligned.
    fn atomic(&mut self) {
        let form = self.form(&self.repertoire.atomic);
        let bytes = operation(form).access_bytes();
        let (base, _) = self.pointer(layout(form).rs1, bytes, bytes);
        self.write_random(form, |instruction| instruction.rs1 = base);
    }

    /// `lr` and `sc`, where the machine and the oracle agree on whether the latter succeeds.
    ///
    /// The machine: the last `lr` was of this address and width, and no store touched it since. qemu 7.2: the last `lr`
    /// was of this address, and the memory there is *equal* to what it loaded, as far as `sc` is wide. They differ
    /// where the widths differ, and where a store leaves the value as it was; neither is generated. With both, an
    /// `sc` ends the reservation, successful or not; so none is left behind a piece.
    fn reservation(&mut self) {
        let (load, store, store_conditional) = self
            .random
            .pick(&[(Opcode::LrW, Opcode::Sw, Opcode::ScW), (Opcode::LrD, Opcode::Sd, Opcode::ScD)]);
        let bytes = i32::try_from(load.access_bytes()).expect("4 or 8");
        let (base, address) = self.pointer(ANY, 8, RESERVATION_BYTES);
        let kept = self.kept;
        self.kept |= 1 << base;
        let old = self.variable(ANY);
        let conditional = Form::Base(store_conditional);
        self.write_random(Form::Base(load), |one| (one.rd, one.rs1) = (old, base));
        match self.random.below(6) {
            // Nothing between them touches memory: success.
            0 => self.register_operation(),
            // A store directly behind or before the reserved bytes: success.
            1 => {
                let before = if address == self.scratch { bytes } else { -bytes };
                let imm = self.random.pick(&[bytes, before]);
                self.write_random(Form::Base(store), |one| (one.rs1, one.imm) = (base, imm));
            }
            // A store that changes the reserved bytes: failure.
            2 => {
                self.base(Opcode::Xori, old, old, 0, -1);
                self.base(store, 0, base, old, 0);
            }
            // Another `sc` has ended the reservation: failure.
            3 => self.write_random(conditional, |one| one.rs1 = base),
            // Another `lr` has replaced the reservation: failure.
            4 => {
                let other = self.other_address(base, address);
                self.write_random(Form::Base(load), |one| one.rs1 = other);
            }
            // An `sc` to another address: both fail.
            _ => {
                let other = self.other_address(base, address);
                self.write_random(conditional, |one| one.rs1 = other);
            }
        }
        self.kept = kept;
        self.write_random(conditional, |one| one.rs1 = base);
    }

    /// A register with the address 8 behind that in `base`.
    fn other_address(&mut self, base: u8, address: u64) -> u8 {
        let other = self.variable(ANY);
        self.base(Opcode::Addi, other, base, 0, 8);
        self.known[usize::from(other)] = Some(address + 8);
        other
    }

    /// A register and the aligned address in it, from which so many bytes are scratch memory.
    fn pointer(&mut self, field: RegisterField, alignment: u64, bytes: u64) -> (u8, u64) {
        let (least, greatest) = field.limits();
        let usable: Vec<(u8, u64)> = (least..=greatest)
            .filter_map(|register| self.known[usize::from(register)].map(|address| (register, address)))
            .filter(|&(_, address)| address.is_multiple_of(alignment) && self.is_scratch(address, bytes))
            .collect();
        if !usable.is_empty() && self.random.chance(75) {
            return self.random.pick(&usable);
        }
        let register = self.variable(field);
        let near = self.border().wrapping_add_signed(self.random.between(-48, 16));
        let end = self.scratch + SCRATCH_BYTES;
        let address = near.clamp(self.scratch, end - bytes) & !(alignment - 1);
        self.load_address(register, address);
        (register, address)
    }

    fn border(&mut self) -> u64 {
        self.scratch + self.random.pick(&BORDERS)
    }

    fn is_scratch(&self, address: u64, bytes: u64) -> bool {
        address >= self.scratch && address + bytes <= self.scratch + SCRATCH_BYTES
    }
}
