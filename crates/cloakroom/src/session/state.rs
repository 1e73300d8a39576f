//! What is known of a session, what is to be written, and what follows from the store's answers.
//!
//! It decides purely: no await, no clock, no randomness. [`write`](super::write) carries out its steps.

use std::sync::Arc;

use super::changes::Changes;
use super::error::{SessionError, SessionErrorKind as Kind};
use super::policy::{Policy, Remember};
use crate::clock::Timestamp;
use crate::record::{Change, Data, Handle, Numbers, Patch, Record, StoreKey, UserId, Value, sum};
use crate::store::{Found, Guard, Token, Written};

/// The session of one request.
#[derive(Debug)]
pub(crate) struct State {
    policy: Policy,
    live: Option<Live>,
    /// The ticket's session was rotated away a moment ago: it reads as empty, and takes no writes but a log-in.
    superseded: bool,
    changes: Changes,
    /// The session is to have a new id.
    rotate: bool,
    /// The absolute end and the lifetime are to begin anew: somebody logs in.
    renew: bool,
    remember: Option<Remember>,
    /// A session that is to be destroyed.
    doomed: Option<StoreKey>,
    /// A superseded session was to be destroyed, which only its new id can do.
    refused: bool,
    ticket: TicketDue,
    phase: Phase,
}

/// A record in the store, as this request last knew it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) key: StoreKey,
    pub(crate) record: Record,
    pub(crate) handle: Handle,
    token: Token,
    /// Its ticket was signed with an older key.
    outdated_ticket: bool,
}

/// What the response has to say about the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TicketDue {
    /// Nothing.
    None,
    /// The live session's ticket.
    Issue,
    /// That there is none any more.
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The response has left, or is about to.
    Closed,
    /// A write was cancelled before the store answered.
    Unknown,
}

/// The next thing to do to write what is pending.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    /// The session can't be written any more; there is no need to ask the store.
    Gone,
    Destroy(StoreKey),
    Create(Record),
    Apply {
        key: StoreKey,
        patch: Patch,
        guard: Guard,
    },
    Rotate {
        key: StoreKey,
        patch: Patch,
        guard: Guard,
    },
}

/// A change that is written at once, on top of what is pending. If the write fails, only what was pending stays so.
#[derive(Clone, Debug)]
pub(crate) enum Own {
    Nothing,
    Add {
        key: Arc<str>,
        by: i64,
    },
    /// The outcome of a function of what the session held, so it holds only while nobody else has changed that.
    Replace {
        key: Arc<str>,
        value: Value,
    },
}

impl State {
    /// Without a session yet. `superseded`: the ticket's was rotated away a moment ago.
    pub(crate) fn empty(policy: Policy, superseded: bool) -> State {
        State {
            policy,
            live: None,
            superseded,
            changes: Changes::default(),
            rotate: false,
            renew: false,
            remember: None,
            doomed: None,
            refused: false,
            ticket: TicketDue::None,
            phase: Phase::Open,
        }
    }

    /// With the session that the ticket led to.
    pub(crate) fn found(policy: Policy, key: StoreKey, found: Found, outdated_ticket: bool) -> State {
        let Found { record, token, handle } = found;
        State { live: Some(Live { key, record, handle, token, outdated_ticket }), ..State::empty(policy, false) }
    }

    // Reading

    pub(crate) fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    pub(crate) fn user(&self) -> Option<&UserId> {
        self.changes.user().or_else(|| self.live.as_ref()?.record.user.as_ref())
    }

    /// The value of a key, with all that is not written yet.
    pub(crate) fn value(&self, key: &str) -> Result<Option<Value>, SessionError> {
        self.changes.value(key, self.stored())
    }

    /// The keys, with all that is not written yet.
    pub(crate) fn keys(&self) -> Vec<Arc<str>> {
        self.changes.keys(self.stored())
    }

    fn stored(&self) -> Option<&Data> {
        self.live.as_ref().map(|live| &*live.record.data)
    }

    /// Whether there is anything to write, a touch that is due among it, or a ticket to speak of.
    pub(crate) fn is_dirty(&self, now: Timestamp) -> bool {
        let touch_is_due = || self.live.as_ref().is_some_and(|live| self.policy.is_touch_due(&live.record, now));
        self.phase == Phase::Unknown
            || self.refused
            || self.doomed.is_some()
            || self.rotate
            || self.remember.is_some()
            || !self.changes.pending.is_empty()
            || self.ticket != TicketDue::None
            || touch_is_due()
    }

    // Changing

    pub(crate) fn set(&mut self, key: &str, value: Value) -> Result<(), SessionError> {
        self.check_open()?;
        self.check_size(key, &value)?;
        self.changes.pending.set(key, value);
        Ok(())
    }

    pub(crate) fn unset(&mut self, key: &str) -> Result<(), SessionError> {
        self.check_open()?;
        self.changes.pending.unset(key);
        Ok(())
    }

    pub(crate) fn add(&mut self, key: &str, by: i64) -> Result<(), SessionError> {
        self.check_open()?;
        let value = Value::from(sum(self.value(key)?.as_ref(), by)?);
        self.check_size(key, &value)?;
        Ok(self.changes.pending.add(key, by)?)
    }

    pub(crate) fn clear(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.changes.pending.clear();
        Ok(())
    }

    pub(crate) fn log_in(&mut self, user: UserId) -> Result<(), SessionError> {
        self.check_open()?;
        if self.user().is_some_and(|before| *before != user) {
            // What belongs to one user must not reach the next one.
            self.changes.pending.clear();
        }
        self.superseded = false;
        self.changes.pending.user = Some(user);
        self.rotate = true;
        self.renew = true;
        Ok(())
    }

    pub(crate) fn rotate(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.rotate = true;
        Ok(())
    }

    pub(crate) fn remember(&mut self, remember: Remember) -> Result<(), SessionError> {
        self.check_open()?;
        self.remember = Some(remember);
        Ok(())
    }

    pub(crate) fn destroy(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.refused |= self.superseded;
        if let Some(live) = self.live.take() {
            self.doomed = Some(live.key);
        }
        *self = State {
            doomed: self.doomed.take(),
            refused: self.refused,
            superseded: self.superseded,
            ..State::empty(self.policy, false)
        };
        Ok(())
    }

    /// From now on nothing may wait for a commit, since there is none to come.
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closed;
        }
    }

    fn check_open(&self) -> Result<(), SessionError> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Closed => Err(SessionError::new(Kind::Closed)),
            Phase::Unknown => Err(SessionError::new(Kind::Unknown)),
        }
    }

    /// That the session with this value in it would not be too large.
    pub(crate) fn check_size(&self, key: &str, value: &Value) -> Result<(), SessionError> {
        if self.changes.size_without(key, self.stored()) + key.len() + value.as_json().len() > self.policy.size_limit {
            return Err(SessionError::new(Kind::TooLarge).of_key(key));
        }
        Ok(())
    }

    // Writing

    /// The next step to write what is pending, together with `own`.
    ///
    /// After `Create`, `Apply` and `Rotate` one of [`created`](State::created), [`done`](State::done) and
    /// [`not_done`](State::not_done) has to follow, or [`cancelled`](State::cancelled).
    pub(crate) fn begin(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        if self.phase == Phase::Unknown {
            return Err(SessionError::new(Kind::Unknown));
        }
        if self.refused {
            return Ok(Step::Gone);
        }
        if let Some(key) = &self.doomed {
            return Ok(Step::Destroy(key.clone()));
        }
        match &self.live {
            Some(_) => self.begin_change(own, now),
            None => self.begin_create(own, now),
        }
    }

    fn begin_create(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        let mut patch = self.changes.pending.clone();
        own.add_to(&mut patch)?;
        let keeps_something = patch.user.is_some() || patch.changes().any(|(_, change)| *change != Change::Unset);
        if self.superseded {
            return Ok(if patch.changes_data() { Step::Gone } else { Step::Nothing });
        }
        if !keeps_something {
            return Ok(Step::Nothing);
        }
        if self.phase == Phase::Closed {
            return Err(SessionError::new(Kind::Closed));
        }
        let mut record = self.policy.new_record(self.remember, now);
        patch.apply_to(&mut record, now)?;
        self.changes.depart();
        Ok(Step::Create(record))
    }

    fn begin_change(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        let Some(live) = &self.live else { return Ok(Step::Nothing) };
        let mut patch = self.changes.pending.clone();
        own.add_to(&mut patch)?;
        if self.renew || self.remember.is_some() {
            self.policy.renew(&mut patch, &live.record, self.remember, now);
        } else if self.policy.is_touch_due(&live.record, now) {
            self.policy.touch(&mut patch, &live.record, now);
        }
        if patch.is_empty() && !self.rotate {
            return Ok(Step::Nothing);
        }
        if self.rotate && self.phase == Phase::Closed {
            return Err(SessionError::new(Kind::Closed));
        }
        let guard = match own {
            Own::Replace { .. } => Guard::Unchanged(live.token.clone()),
            Own::Nothing | Own::Add { .. } => Guard::Exists,
        };
        let key = live.key.clone();
        let step = if self.rotate { Step::Rotate { key, patch, guard } } else { Step::Apply { key, patch, guard } };
        self.changes.depart();
        Ok(step)
    }

    /// The store has made the record.
    pub(crate) fn created(&mut self, key: StoreKey, record: Record, token: Token, handle: Handle) {
        self.live = Some(Live { key, record, handle, token, outdated_ticket: false });
        self.superseded = false;
        self.written();
        self.ticket = TicketDue::Issue;
    }

    /// The store has applied the patch; `new_key` is the one that the record was rotated to.
    pub(crate) fn done(&mut self, patch: &Patch, written: Written, new_key: Option<StoreKey>, now: Timestamp) {
        self.written();
        let Some(live) = &mut self.live else { return };
        let cookie_changes = patch.lifetime.is_some() || patch.absolute_end.is_some();
        if new_key.is_some() || live.outdated_ticket || cookie_changes {
            self.ticket = TicketDue::Issue;
        }
        let Written { token, numbers } = written;
        patch.apply_stored(&mut live.record, &numbers, now);
        live.token = token;
        live.outdated_ticket = false;
        live.key = new_key.unwrap_or(live.key.clone());
    }

    fn written(&mut self) {
        self.changes.arrived();
        self.rotate = false;
        self.renew = false;
        self.remember = None;
    }

    /// The store has changed nothing: what was pending still is.
    pub(crate) fn not_done(&mut self) -> Result<(), SessionError> {
        Ok(self.changes.came_back()?)
    }

    /// The store has answered to the end of a session: whether it was there.
    pub(crate) fn destroyed(&mut self, was_there: bool) {
        self.doomed = None;
        if was_there {
            self.ticket = TicketDue::Remove;
        }
    }

    /// The session that was to be destroyed lives on under a new id.
    pub(crate) fn escaped(&mut self) {
        self.doomed = None;
        self.refused = true;
    }

    /// Nobody waits for the store's answer any more, so nobody knows it.
    pub(crate) fn cancelled(&mut self) {
        self.phase = Phase::Unknown;
    }

    /// The store was asked again.
    pub(crate) fn reloaded(&mut self, found: Found) {
        if let Some(live) = &mut self.live {
            live.record = found.record;
            live.token = found.token;
        }
    }

    pub(crate) fn ticket_due(&self) -> TicketDue {
        self.ticket
    }
}

impl Own {
    fn add_to(&self, patch: &mut Patch) -> Result<(), SessionError> {
        match self {
            Own::Nothing => {}
            Own::Add { key, by } => patch.add(key.clone(), *by)?,
            Own::Replace { key, value } => patch.set(key.clone(), value.clone()),
        }
        Ok(())
    }

    /// The new number of the key that it adds to.
    pub(crate) fn number_in(&self, numbers: &Numbers) -> Option<i64> {
        let Own::Add { key, .. } = self else { return None };
        numbers.iter().find(|(each, _)| each == key).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Expiry;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const HOUR: Duration = Duration::from_secs(60 * 60);
    const POLICY: Policy = Policy { idle: HOUR, absolute: Duration::from_secs(24 * 60 * 60), size_limit: 100 };

    fn found() -> State {
        let mut record = POLICY.new_record(None, NOW);
        record.data = Arc::new([("n", Value::from(1))].into_iter().collect());
        let found = Found { record, token: Token::version(1), handle: Handle::new("handle") };
        State::found(POLICY, StoreKey::generate().unwrap(), found, false)
    }

    fn begin(state: &mut State, now: Timestamp) -> Step {
        state.begin(&Own::Nothing, now).unwrap()
    }

    fn written() -> Written {
        Written { token: Token::version(2), numbers: Vec::new() }
    }

    #[test]
    fn nothing_changed_is_nothing_to_do() {
        assert!(matches!(begin(&mut State::empty(POLICY, false), NOW), Step::Nothing));
        assert!(matches!(begin(&mut found(), NOW), Step::Nothing));
        let mut removed = State::empty(POLICY, false);
        removed.unset("a").unwrap();
        removed.clear().unwrap();
        assert!(matches!(begin(&mut removed, NOW), Step::Nothing), "there is nothing to remove from");
    }

    #[test]
    fn a_touch_waits_for_its_interval_and_never_passes_the_absolute_end() {
        let mut state = found();
        assert!(matches!(begin(&mut state, NOW + Duration::from_secs(299)), Step::Nothing));
        let Step::Apply { patch, .. } = begin(&mut state, NOW + Duration::from_secs(300)) else { panic!("no touch") };
        assert!(!patch.changes_data());
        assert_eq!(patch.expiry, Expiry::AtLeast(NOW + HOUR + Duration::from_secs(300)));
        let late = NOW + Duration::from_secs(24 * 60 * 60 - 1);
        let Step::Apply { patch, .. } = begin(&mut found(), late) else { panic!("no touch") };
        assert_eq!(patch.expiry, Expiry::AtLeast(NOW + 24 * HOUR));
    }

    #[test]
    fn a_replacement_is_guarded_and_other_writes_are_not() {
        let own = Own::Replace { key: "n".into(), value: Value::from(2) };
        let Ok(Step::Apply { guard, .. }) = found().begin(&own, NOW) else { panic!("nothing to apply") };
        assert!(matches!(guard, Guard::Unchanged(token) if token == Token::version(1)));
        let own = Own::Add { key: "n".into(), by: 1 };
        let Ok(Step::Apply { guard, .. }) = found().begin(&own, NOW) else { panic!("nothing to apply") };
        assert!(matches!(guard, Guard::Exists));
    }

    #[test]
    fn a_superseded_session_takes_a_log_in_and_nothing_else() {
        let mut state = State::empty(POLICY, true);
        assert!(matches!(begin(&mut state, NOW), Step::Nothing));
        state.set("a", Value::from(1)).unwrap();
        assert!(matches!(begin(&mut state, NOW), Step::Gone));
        state.log_in(UserId::new("ada").unwrap()).unwrap();
        assert!(matches!(begin(&mut state, NOW), Step::Create(record) if record.user.is_some()));
        let mut state = State::empty(POLICY, true);
        state.destroy().unwrap();
        assert!(matches!(begin(&mut state, NOW), Step::Gone), "it lives under its new id");
    }

    #[test]
    fn a_ticket_is_issued_only_for_what_the_store_has_done() {
        let mut state = found();
        state.log_in(UserId::new("ada").unwrap()).unwrap();
        let Step::Rotate { patch, .. } = begin(&mut state, NOW) else { panic!("a log-in rotates") };
        assert_eq!(state.ticket_due(), TicketDue::None);
        state.not_done().unwrap();
        assert_eq!(state.ticket_due(), TicketDue::None);
        assert!(matches!(begin(&mut state, NOW), Step::Rotate { .. }), "it is still to be done");
        state.done(&patch, written(), Some(StoreKey::generate().unwrap()), NOW);
        assert_eq!(state.ticket_due(), TicketDue::Issue);
        assert!(matches!(begin(&mut state, NOW), Step::Nothing));
        let mut state = found();
        state.set("a", Value::from(1)).unwrap();
        let Step::Apply { patch, .. } = begin(&mut state, NOW) else { panic!("nothing to apply") };
        state.done(&patch, written(), None, NOW);
        assert_eq!(state.ticket_due(), TicketDue::None);
        assert_eq!(state.value("a").unwrap(), Some(Value::from(1)));
    }

    #[test]
    fn a_ticket_is_taken_back_only_if_the_session_was_there() {
        for was_there in [true, false] {
            let mut state = found();
            state.destroy().unwrap();
            assert!(matches!(begin(&mut state, NOW), Step::Destroy(_)));
            state.destroyed(was_there);
            assert_eq!(state.ticket_due() == TicketDue::Remove, was_there);
        }
    }

    #[test]
    fn after_a_cancelled_write_nothing_is_certain() {
        let mut state = found();
        state.set("a", Value::from(1)).unwrap();
        begin(&mut state, NOW);
        state.cancelled();
        assert_eq!(state.begin(&Own::Nothing, NOW).unwrap_err().kind(), Kind::Unknown);
        assert_eq!(state.set("a", Value::from(1)).unwrap_err().kind(), Kind::Unknown);
        assert!(state.is_dirty(NOW));
    }
}
