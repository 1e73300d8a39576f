//! Locks and counters: the standard library's, or those that let a model decide which thread goes on.

#[cfg(all(test, cloakroom_shuttle))]
pub(super) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(all(test, cloakroom_shuttle)))]
pub(super) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

pub(super) use std::sync::{PoisonError, TryLockError};
