//! A checked access that has not happened yet: what gas is charged for, and what the commit needs.

/// Pages that an access would touch first in this call, on every node alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touches {
    /// Pages that no access of this call has loaded or stored.
    pub first_reads: u32,
    /// Pages that no access of this call has stored to, and that are stored to, or placed from such that were.
    pub first_writes: u32,
    /// Pages that are stored to once more after a bulk operation has placed them, or has placed others from them: they are copied.
    pub copies: u32,
    /// Pages that no access of this call has written, and that are placed from such that were not stored to.
    pub first_placed: u32,
    /// Pages among these that are synthesized: those of Generative regions that nobody has written and the call has not touched.
    pub synthesized: u32,
    /// Bytes that are found one by one, because the access goes through the second view of the substrate's segment.
    pub view_bytes: u32,
}

impl std::ops::Add for Touches {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            first_reads: self.first_reads + other.first_reads,
            first_writes: self.first_writes + other.first_writes,
            copies: self.copies + other.copies,
            first_placed: self.first_placed + other.first_placed,
            synthesized: self.synthesized + other.synthesized,
            view_bytes: self.view_bytes + other.view_bytes,
        }
    }
}

/// Pages that a load or store does not touch first, but that are not in their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recalls {
    /// Those that were there when fewer than 1,024 others had not yet come to theirs.
    pub near: u32,
    /// All others.
    pub far: u32,
}

impl std::ops::Add for Recalls {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { near: self.near + other.near, far: self.far + other.far }
    }
}

/// A load that cannot fail any more; made by [`Memory::plan_load`](crate::Memory::plan_load).
#[derive(Debug)]
#[must_use = "nothing is loaded before the plan is committed"]
pub struct LoadPlan(pub(crate) Span);

/// A store that cannot fail any more; made by [`Memory::plan_store`](crate::Memory::plan_store).
#[derive(Debug)]
#[must_use = "nothing is stored before the plan is committed"]
pub struct StorePlan(pub(crate) Span);

/// The bytes of a planned access.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) address: u64,
    pub(crate) length: u64,
    pub(crate) touches: Touches,
    /// None of what is longer than a load or store.
    pub(crate) recalls: Recalls,
    /// Where the frame is, if all bytes lie in one page that the access does not touch first; or [`Span::NO_FRAME`].
    pub(crate) frame: u32,
    /// The memory's epoch when the plan was made.
    pub(crate) epoch: u64,
}

impl Span {
    /// No memory has so many frames.
    pub(crate) const NO_FRAME: u32 = u32::MAX;
}

impl LoadPlan {
    /// Pages that the load touches first: [`Touches::first_writes`] is 0.
    #[inline]
    pub fn touches(&self) -> Touches {
        self.0.touches
    }

    /// Pages that the load does not touch first, but that are not in their places; none if it is of more than 8 bytes, as no
    /// instruction's is.
    #[inline]
    pub fn recalls(&self) -> Recalls {
        self.0.recalls
    }

    /// How many bytes are loaded.
    #[inline]
    pub fn length(&self) -> u64 {
        self.0.length
    }
}

impl StorePlan {
    /// Pages that the store touches first: [`Touches::first_reads`] is 0.
    #[inline]
    pub fn touches(&self) -> Touches {
        self.0.touches
    }

    /// The same as [`LoadPlan::recalls`].
    #[inline]
    pub fn recalls(&self) -> Recalls {
        self.0.recalls
    }

    /// How many bytes are stored.
    #[inline]
    pub fn length(&self) -> u64 {
        self.0.length
    }
}
