//! What a request's session tells observers of. None of it is told while the state is locked.

use std::sync::atomic::Ordering;

use super::Inner;
use super::error::{SessionError, SessionErrorKind as Kind};
use super::state::Step;
use crate::events::Event;
use crate::record::facts::{self, Proof};
use crate::record::{Handle, UserId};

impl Inner {
    /// A new id is stored.
    pub(super) fn tell_rotated(&self, handle: &Handle) {
        let user = self.subject().1;
        self.settings.observers.tell(Event::Rotated { handle, user: user.as_ref() });
    }

    /// It is stored that somebody has proved who they are. A session that was ended meanwhile tells of its end only.
    pub(super) fn tell_proof(&self, proof: &Proof) {
        let (Some(handle), Some(user)) = self.subject() else { return };
        let (handle, user) = (&handle, &user);
        match proof {
            Proof::LogIn(method) => {
                let method: Option<String> = method.as_ref().and_then(|method| method.deserialize().ok());
                self.settings.observers.tell(Event::LoggedIn { handle, user, method: method.as_deref() });
            }
            Proof::Again => self.settings.observers.tell(Event::Reauthenticated { handle, user }),
        }
    }

    /// The session that was to be destroyed is.
    pub(super) fn tell_end(&self, ended: Option<(Handle, Option<UserId>)>) {
        match &ended {
            Some((handle, Some(user))) => self.settings.observers.tell(Event::LoggedOut { handle, user }),
            Some((handle, None)) => self.settings.observers.tell(Event::Destroyed { handle }),
            None => {}
        }
    }

    /// An update was overtaken.
    pub(super) fn tell_conflict(&self) {
        let (handle, user) = self.subject();
        self.settings.observers.tell(Event::Conflict { handle: handle.as_ref(), user: user.as_ref() });
    }

    /// An update was overtaken until the deadline.
    pub(super) fn tell_contention(&self) {
        let (handle, user) = self.subject();
        self.settings.observers.tell(Event::Contention { handle: handle.as_ref(), user: user.as_ref() });
    }

    /// Tells of a log-in that there is no room for. Gives the error back.
    pub(super) fn told_if_denied(&self, error: SessionError, user: &UserId) -> SessionError {
        if error.kind() == Kind::TooManySessions {
            self.settings.observers.tell(Event::LogInDenied { user });
        }
        error
    }

    /// Tells of changes that met a session that is gone: the first time, since the commit meets it again. Gives the error back.
    pub(super) fn told_if_gone(&self, error: SessionError) -> SessionError {
        if error.kind() == Kind::Gone && !self.has_told_gone.swap(true, Ordering::Relaxed) {
            let (handle, user) = self.subject();
            self.settings.observers.tell(Event::Gone { handle: handle.as_ref(), user: user.as_ref() });
        }
        error
    }

    /// The stored session that this is, and whose it is.
    fn subject(&self) -> (Option<Handle>, Option<UserId>) {
        let state = self.state();
        let Some(live) = state.live() else { return (None, None) };
        (Some(live.handle.clone()), live.record.user.clone())
    }
}

impl Step {
    /// How somebody proves with it who they are.
    pub(super) fn proof(&self) -> Option<Proof> {
        match self {
            Step::Create(record) if record.user.is_some() => {
                Some(Proof::LogIn(record.metadata.get(facts::METHOD).cloned()))
            }
            Step::Apply { intent, .. } | Step::Rotate { intent, .. } => intent.proof.clone(),
            Step::Create(_) | Step::Nothing | Step::Gone | Step::Destroy(_) => None,
        }
    }
}
