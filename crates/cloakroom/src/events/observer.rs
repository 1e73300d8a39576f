//! Who is told.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::Event;

/// Is told of each [`Event`].
///
/// It runs within the request that the event is of, which waits for it. So it must be quick, and must not block: count, or
/// send on what it wants to keep to a task of its own. It is called from many threads at once. It may look at a session or a
/// store meanwhile, neither of which is locked.
///
/// One that panics changes nothing of what the request has promised; the panic is logged, and the next event is told as ever.
/// (Where panics abort the process, so does this one.)
///
/// A function of an event is one. So is an `Arc` of one, for the application to keep.
pub trait Observer: Send + Sync + 'static {
    /// Something has happened.
    fn observe(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn observe(&self, event: &Event<'_>) {
        (**self).observe(event);
    }
}

/// All who are told, beside `tracing`.
#[derive(Default)]
pub(crate) struct Observers(Vec<Box<dyn Observer>>);

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        self.0.push(Box::new(observer));
    }

    /// Tells everybody. To be called while neither a session's state nor a store is locked: who is told may look at them.
    pub(crate) fn tell(&self, event: Event<'_>) {
        event.trace();
        for observer in &self.0 {
            if catch_unwind(AssertUnwindSafe(|| observer.observe(&event))).is_err() {
                tracing::error!(target: "cloakroom", event = event.name(), "an observer has panicked");
            }
        }
    }

    /// The time, if anybody wants to know how long something takes.
    pub(crate) fn start(&self) -> Option<Instant> {
        let is_asked_for = !self.0.is_empty() || tracing::enabled!(target: "cloakroom", tracing::Level::TRACE);
        is_asked_for.then(Instant::now)
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observers({})", self.0.len())
    }
}
