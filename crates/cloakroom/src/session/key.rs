//! Names for the values of a session.

use std::fmt;
use std::marker::PhantomData;

/// A session key that knows the type of its value.
///
/// Declared once as a constant, it keeps the readers and the writers of a value in step. Plain strings do as well.
///
/// ```
/// use cloakroom::Key;
///
/// const VISITS: Key<u32> = Key::new("visits");
/// assert_eq!(VISITS.as_str(), "visits");
/// ```
pub struct Key<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key by its name.
    pub const fn new(name: &'static str) -> Key<T> {
        Key { name, value: PhantomData }
    }

    /// The name.
    pub const fn as_str(&self) -> &'static str {
        self.name
    }
}

// Derived, these would ask the same of `T`.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Key<T> {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.name)
    }
}

impl<T> AsRef<str> for Key<T> {
    fn as_ref(&self) -> &str {
        self.name
    }
}

/// What names a value of type `T`: a [`Key<T>`], or any string.
pub trait AsKey<T>: sealed::Sealed {
    /// The name.
    fn name(&self) -> &str;
}

impl<T> AsKey<T> for Key<T> {
    fn name(&self) -> &str {
        self.name
    }
}

impl<T> AsKey<T> for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<T> AsKey<T> for &String {
    fn name(&self) -> &str {
        self
    }
}

impl<T> AsKey<T> for String {
    fn name(&self) -> &str {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Key<T> {}
    impl Sealed for &str {}
    impl Sealed for &String {}
    impl Sealed for String {}
}
