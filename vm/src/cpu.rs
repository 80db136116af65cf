//! The hart: program counter, registers, and the reservation of `lr`.

/// The state of the one hart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu {
    pc: u64,
    registers: [u64; 32],
    reservation: Option<Reservation>,
}

/// What the last `lr` reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) address: u64,
    /// In bytes: 4 or 8.
    pub(crate) width: u64,
}

impl Cpu {
    /// A hart at `pc` with all registers zero.
    pub(crate) fn new(pc: u64) -> Self {
        Self { pc, ..Self::default() }
    }

    /// Address of the instruction that is executed next.
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// The value of register `x0` to `x31`; `None` for another number.
    pub fn register(&self, number: u8) -> Option<u64> {
        self.registers.get(usize::from(number)).copied()
    }

    /// All registers. The first one must stay zero.
    pub(crate) fn registers_mut(&mut self) -> &mut [u64; 32] {
        &mut self.registers
    }

    /// Address and width in bytes of what is reserved.
    pub(crate) fn reservation(&self) -> Option<(u64, u64)> {
        self.reservation.map(|Reservation { address, width }| (address, width))
    }

    pub(crate) fn set_pc(&mut self, pc: u64) {
        self.pc = pc;
    }

    /// The value of a register that was decoded, so 0 to 31.
    #[inline]
    pub(crate) fn get(&self, register: u8) -> u64 {
        self.registers[usize::from(register & 31)]
    }

    /// Sets a register; `x0` stays zero.
    #[inline]
    pub(crate) fn set(&mut self, register: u8, value: u64) {
        self.registers[usize::from(register & 31)] = value;
        self.registers[0] = 0;
    }

    pub(crate) fn reserve(&mut self, address: u64, width: u64) {
        self.reservation = Some(Reservation { address, width });
    }

    /// Whether exactly this is reserved.
    pub(crate) fn is_reserved(&self, address: u64, width: u64) -> bool {
        self.reservation == Some(Reservation { address, width })
    }

    /// Ends the reservation, whatever it is.
    pub(crate) fn clear_reservation(&mut self) {
        self.reservation = None;
    }

    /// Whether anything is reserved.
    #[inline]
    pub(crate) fn is_reserving(&self) -> bool {
        self.reservation.is_some()
    }

    /// Ends the reservation if a store of `length` bytes at `address` touches it. Both ranges lie within 40 bits.
    #[inline]
    pub(crate) fn stored(&mut self, address: u64, length: u64) {
        if let Some(Reservation { address: reserved, width }) = self.reservation
            && address < reserved + width
            && reserved < address + length
        {
            self.reservation = None;
        }
    }
}

/// Numbers of the registers that the calling convention gives a meaning here.
pub(crate) mod abi {
    /// The stack pointer.
    pub(crate) const SP: u8 = 2;
    /// The first of the argument registers `a0` to `a7`.
    pub(crate) const A0: u8 = 10;
    /// The number of a host call.
    pub(crate) const A7: u8 = 17;
}
