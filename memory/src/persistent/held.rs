//! A part of a persistent structure: its holder's alone while it changes, shared with clones when it has come to rest.

use std::ops::Deref;
use std::sync::Arc;

/// A value in storage of its own, the holder's or shared.
///
/// To change what lies in an `Arc`, one asks each time whether others share it, by an exchange of some nanoseconds. Here that is
/// known: the first change after a rest copies the value, and the copy is changed in place from then on. A clone of such a copy
/// is one more copy, so what is to be cloned cheaply is brought to rest first.
#[derive(Debug)]
pub(crate) enum Held<T> {
    /// Changed since the last rest.
    Own(Box<T>),
    /// At rest, and all that it holds is, too.
    Shared(Arc<T>),
}

/// Comes to rest: all that has changed can be shared with clones from then on. The cost is that of what has changed.
pub(crate) trait Rest {
    fn rest(&mut self);
}

impl<T> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::Own(Box::new(value))
    }

    /// Whether both are one value in storage.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const **self, &raw const **other)
    }
}

impl<T: Clone> Held<T> {
    /// The value, to be changed.
    #[inline]
    pub(crate) fn to_mut(&mut self) -> &mut T {
        if let Self::Shared(shared) = self {
            *self = Self::copied(shared);
        }
        match self {
            Self::Own(own) => own,
            Self::Shared(_) => unreachable!("it has just been copied"),
        }
    }

    #[cold]
    fn copied(shared: &T) -> Self {
        Self::new(shared.clone())
    }
}

impl<T: Rest> Rest for Option<Held<T>> {
    fn rest(&mut self) {
        if let Some(Held::Own(_)) = self {
            *self = self.take().map(Held::rested);
        }
    }
}

impl<T: Rest> Held<T> {
    /// The same at rest.
    pub(crate) fn rested(self) -> Self {
        match self {
            Self::Own(mut own) => {
                own.rest();
                Self::Shared(own.into())
            }
            shared @ Self::Shared(_) => shared,
        }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Own(own) => own,
            Self::Shared(shared) => shared,
        }
    }
}

impl<T: Clone> Clone for Held<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Own(own) => Self::Own(own.clone()),
            Self::Shared(shared) => Self::Shared(shared.clone()),
        }
    }
}

impl<T: Default> Default for Held<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Rest, const N: usize> Rest for [T; N] {
    fn rest(&mut self) {
        self.iter_mut().for_each(Rest::rest);
    }
}

impl<T: Rest> Rest for Vec<T> {
    fn rest(&mut self) {
        self.iter_mut().for_each(Rest::rest);
    }
}

/// What holds nothing is always at rest.
macro_rules! always_at_rest {
    ($($type:ty),*) => { $(impl Rest for $type { fn rest(&mut self) {} })* };
}
always_at_rest!(u16, u32, u64);
