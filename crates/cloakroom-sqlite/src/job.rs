//! A call on its way to a thread, and its answer on the way back.

use std::time::Instant;

use cloakroom::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Fault;

/// What a thread does for a caller.
pub(crate) trait Job: Send {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;

    /// Until when it is worth to begin with it.
    fn until(&self) -> Instant;

    /// Does it, and keeps what came out. May be done again if the transaction around it was taken back.
    fn run(&mut self, connection: &Connection) -> Result<(), Fault>;

    /// Tells the caller what came out, or the fault that took it back.
    fn answer(self: Box<Self>, fault: Option<Fault>);
}

/// A call with an answer of its own type.
pub(crate) struct Call<T, F> {
    work: F,
    outcome: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    until: Instant,
}

impl<T, F> Call<T, F>
where
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    pub(crate) fn new(until: Instant, work: F) -> (Call<T, F>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Call { work, outcome: None, reply, until }, answer)
    }
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn until(&self) -> Instant {
        self.until
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Fault> {
        let outcome = (self.work)(connection);
        let fault = outcome.as_ref().err().cloned();
        self.outcome = Some(outcome);
        fault.map_or(Ok(()), Err)
    }

    fn answer(self: Box<Self>, fault: Option<Fault>) {
        let outcome = match fault {
            Some(fault) => Err(fault),
            None => self.outcome.unwrap_or_else(|| Err(Fault::closed())),
        };
        // Who does not wait any more has no use for it.
        self.reply.send(outcome.map_err(StoreError::from)).ok();
    }
}
