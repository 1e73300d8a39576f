//! What is known of a session, what is to be written, and what follows from the store's answers.
//!
//! It decides purely: no await, no clock, no randomness. [`write`](super::write) carries out its steps.

use std::sync::Arc;

use super::changes::{Changes, Intent, LONGEST_NUMBER};
use super::error::{SessionError, SessionErrorKind as Kind};
use super::policy::{Policy, Remember};
use crate::clock::Timestamp;
use crate::record::facts::{self, Proof};
use crate::record::{Change, Data, Expiry, Handle, Numbers, Patch, Record, StoreKey, UserId, Value, sum};
use crate::store::{Found, Guard, Token, Written};

/// The session of one request.
#[derive(Debug)]
pub(crate) struct State {
    policy: Policy,
    live: Option<Live>,
    /// Nobody is left to read it, so its data was given up.
    is_unread: bool,
    /// The ticket's session was rotated away a moment ago: it reads as empty, and takes no writes but a log-in.
    superseded: bool,
    changes: Changes,
    /// What the layer notes of this request's browser.
    noted: Option<Arc<Noted>>,
    /// A session that is to be destroyed. Boxed, since few are, and the state of all is moved about.
    doomed: Option<Box<Doomed>>,
    /// The session was destroyed while a write was under way, which may give it a new id.
    doomed_in_flight: bool,
    /// A superseded session was to be destroyed, which only its new id can do.
    refused: bool,
    /// A touch met somebody else's change, and is left to the next request.
    touched_by_others: bool,
    ticket: TicketDue,
    /// The metadata of the session that was ended, which may tell what its cookie was like.
    metadata_of_ended: Option<Arc<Data>>,
    /// This request has asked for the end of its session, if there was one.
    logged_out: bool,
    /// This request has given the session a new id, which its browser does not know yet.
    rotated: bool,
    phase: Phase,
}

/// Names and values for a session's metadata.
pub(crate) type Noted = Vec<(&'static str, Value)>;

/// A record in the store, as this request last knew it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) key: StoreKey,
    pub(crate) record: Record,
    pub(crate) handle: Handle,
    /// The state in the store that the record is known to have come from.
    token: Token,
    /// Something was written since without asking for that state: between the record and its own writes there may be changes of
    /// others that it does not show.
    is_stale: bool,
    /// Its ticket was signed with an older key.
    outdated_ticket: bool,
    /// This request made the id, so nobody else can know it.
    is_fresh: bool,
    /// When it was loaded or made.
    known_at: Timestamp,
}

/// A record that is to be destroyed.
#[derive(Debug)]
struct Doomed {
    key: StoreKey,
    handle: Handle,
    /// By whom it can be found if its id was rotated away meanwhile.
    user: Option<UserId>,
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

/// What the end of a request leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Nothing: the response leaves as it is.
    Nothing,
    /// All is written, and the response has to speak of the ticket, or of a log-out.
    Ticket,
    /// There is something to write, or to wait for.
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last commit is to come or under way: it may still make an id, but nothing more may wait for it.
    Closing,
    /// The response has left, or is about to.
    Closed,
    /// A write that carried changes failed, or was cancelled before the store answered.
    Unknown,
    /// The store was away when the session was to be loaded.
    ReadOnly,
}

/// The next thing to do to write what is pending.
#[derive(Debug)]
pub(super) enum Step {
    Nothing,
    /// The session can't be written any more; there is no need to ask the store.
    Gone,
    Destroy(StoreKey),
    Create(Record),
    Apply {
        key: StoreKey,
        intent: Arc<Intent>,
        guard: Guard,
    },
    Rotate {
        key: StoreKey,
        intent: Arc<Intent>,
        guard: Guard,
    },
}

/// A change that is written at once, on top of what is pending. If the write fails, only what was pending stays so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Own {
    Nothing,
    /// The session itself, even if there is nothing to keep in it yet.
    Begin,
    Add {
        key: Arc<str>,
        by: i64,
    },
    /// The outcome of a function of what the session held, so it holds only while nobody else has changed that.
    Replace {
        key: Arc<str>,
        value: Value,
    },
    /// The end of a key, while nobody else has changed the session.
    Take {
        key: Arc<str>,
    },
}

impl State {
    /// Without a session yet. `superseded`: the ticket's was rotated away a moment ago.
    pub(crate) fn empty(policy: Policy, superseded: bool) -> State {
        State::with(policy, None, superseded)
    }

    /// In place of a session that the store can't tell.
    pub(crate) fn read_only(policy: Policy) -> State {
        State { phase: Phase::ReadOnly, ..State::empty(policy, false) }
    }

    /// After the session was destroyed that the ticket led to, though nobody had loaded it.
    pub(crate) fn destroyed_unread(policy: Policy) -> State {
        State { logged_out: true, ticket: TicketDue::Remove, ..State::empty(policy, false) }
    }

    fn with(policy: Policy, live: Option<Live>, superseded: bool) -> State {
        State {
            policy,
            live,
            is_unread: false,
            superseded,
            changes: Changes::default(),
            noted: None,
            doomed: None,
            doomed_in_flight: false,
            refused: false,
            touched_by_others: false,
            ticket: TicketDue::None,
            metadata_of_ended: None,
            logged_out: false,
            rotated: false,
            phase: Phase::Open,
        }
    }

    /// With the session that the ticket led to at `now`.
    pub(crate) fn found(policy: Policy, key: StoreKey, found: Found, outdated_ticket: bool, now: Timestamp) -> State {
        let Found { record, token, handle } = found;
        let live =
            Live { key, record, handle, token, is_stale: false, outdated_ticket, is_fresh: false, known_at: now };
        State::with(policy, Some(live), false)
    }

    /// What the layer has noted of the request's browser.
    pub(crate) fn note(&mut self, noted: Option<Arc<Noted>>) {
        self.noted = noted;
    }

    // Reading

    pub(crate) fn is_read_only(&self) -> bool {
        self.phase == Phase::ReadOnly
    }

    pub(crate) fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Whether its ticket's session was rotated away a moment ago, so that there is none to speak of.
    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Whether the next write gives it another id, or one under way does. Without a user a superseded one gets none.
    pub(crate) fn awaits_id(&self) -> bool {
        let is_rotating = |intent: Option<&Intent>| intent.is_some_and(|intent| intent.rotate);
        match &self.live {
            Some(live) => {
                !live.is_fresh && (is_rotating(Some(&self.changes.to_write())) || is_rotating(self.changes.departed()))
            }
            None => self.phase != Phase::ReadOnly && (!self.superseded || self.changes.user().is_some()),
        }
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

    /// Whether there is anything to write, or being written, a touch that is due among it.
    fn is_dirty(&self, now: Option<Timestamp>) -> bool {
        let touch_is_due = || {
            self.live.as_ref().is_some_and(|live| {
                let now = now.unwrap_or(live.known_at);
                !self.touched_by_others && self.policy.is_touch_due(&live.record, now) || self.is_id_due(live, now)
            })
        };
        self.phase == Phase::Unknown
            || self.refused
            || self.doomed.is_some()
            || self.changes.is_anything_pending()
            || self.changes.is_under_way()
            || touch_is_due()
    }

    fn is_id_due(&self, live: &Live, now: Timestamp) -> bool {
        !live.is_fresh && self.policy.is_id_due(&live.record, now)
    }

    // Changing

    pub(crate) fn set(&mut self, key: &str, value: Value) -> Result<(), SessionError> {
        self.check_open()?;
        self.check(key, &value)?;
        let key = self.shared(key);
        self.changes.pending().patch.set(key, value);
        Ok(())
    }

    /// A key that is there already need not be copied.
    fn shared(&self, key: &str) -> Arc<str> {
        self.stored().and_then(|data| data.key(key)).cloned().unwrap_or_else(|| key.into())
    }

    pub(crate) fn unset(&mut self, key: &str) -> Result<(), SessionError> {
        self.check_open()?;
        // A key that can't be kept is not there, and what has its name in the store is none of the session's.
        if self.policy.keys.allow(key) {
            self.changes.pending().patch.unset(key);
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, key: &str, by: i64) -> Result<(), SessionError> {
        self.check_open()?;
        let value = Value::from(sum(self.value(key)?.as_ref(), by)?);
        self.check(key, &value)?;
        Ok(self.changes.pending().patch.add(key, by)?)
    }

    pub(crate) fn clear(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.changes.pending().patch.clear();
        Ok(())
    }

    pub(crate) fn log_in(&mut self, user: UserId, method: Option<Value>) -> Result<(), SessionError> {
        self.check_open()?;
        let is_other_user = self.user().is_some_and(|before| *before != user);
        let pending = self.changes.pending();
        if is_other_user {
            // What belongs to one user must not reach the next one.
            pending.patch.clear();
            let kept = self.live.iter().flat_map(|live| live.record.metadata.iter()).map(|(key, _)| key.clone());
            let set: Vec<_> = pending.patch.metadata().map(|(key, _)| key.clone()).collect();
            for key in kept.chain(set).filter(|key| facts::belongs_to_user(key)) {
                pending.patch.unset_metadata(key);
            }
        }
        pending.patch.user = Some(user);
        pending.rotate = true;
        pending.prove(Some(Proof::LogIn(method)));
        // Even where the ticket's session was not there to be destroyed, a new one may begin.
        self.refused = false;
        Ok(())
    }

    pub(crate) fn rotate(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.changes.pending().rotate = true;
        Ok(())
    }

    pub(crate) fn reauthenticate(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        if self.user().is_none() {
            return Err(SessionError::new(Kind::NotLoggedIn));
        }
        let pending = self.changes.pending();
        pending.rotate = true;
        pending.prove(Some(Proof::Again));
        Ok(())
    }

    /// Whether somebody has just proved who they are, and that is not known to be stored.
    pub(crate) fn is_proof_under_way(&self) -> bool {
        self.changes.has_proof()
    }

    /// Who logs in with the next write.
    pub(crate) fn logging_in(&self) -> Option<UserId> {
        self.changes.logging_in().cloned()
    }

    /// Whether the store has this session as this user's.
    pub(crate) fn is_stored_of(&self, user: &UserId) -> bool {
        self.live.as_ref().is_some_and(|live| live.record.user.as_ref() == Some(user))
    }

    pub(crate) fn set_metadata(&mut self, key: Arc<str>, value: Option<Value>) -> Result<(), SessionError> {
        self.check_open()?;
        let patch = &mut self.changes.pending().patch;
        match value {
            Some(value) => patch.set_metadata(key, value),
            None => patch.unset_metadata(key),
        }
        Ok(())
    }

    /// The metadata with all that is not written yet, the times of log-ins excepted: these are those of the writes.
    pub(crate) fn metadata(&self) -> Arc<Data> {
        let stored = self.live.as_ref().map(|live| live.record.metadata.clone()).unwrap_or_default();
        self.changes.metadata(stored)
    }

    pub(crate) fn remember(&mut self, remember: Remember) -> Result<(), SessionError> {
        self.check_open()?;
        self.changes.pending().remember = Some(remember);
        Ok(())
    }

    pub(crate) fn destroy(&mut self) -> Result<(), SessionError> {
        self.check_open()?;
        self.logged_out = true;
        self.refused |= self.superseded;
        if let Some(live) = self.live.take() {
            let Live { key, record, handle, .. } = live;
            self.metadata_of_ended = Some(record.metadata);
            self.doomed = Some(Box::new(Doomed { key, handle, user: record.user }));
        }
        self.doomed_in_flight |= self.changes.is_under_way();
        self.changes.drop_pending();
        if self.ticket == TicketDue::Issue {
            self.ticket = TicketDue::None;
        }
        Ok(())
    }

    /// From now on nothing more may wait for the commit. Tells what is left to do. `now` is none where next to no time has passed
    /// since the session is known.
    ///
    /// Where nobody is left to read it, the data is given up: if the store shares it, it need not be copied to be changed.
    pub(crate) fn begin_closing(&mut self, is_read: bool, now: Option<Timestamp>) -> Closing {
        let is_dirty = self.is_dirty(now);
        if let Some(live) = self.live.as_mut().filter(|_| is_dirty && !is_read) {
            live.record.data = Data::none();
            self.is_unread = true;
        }
        if self.phase == Phase::Open {
            self.phase = if is_dirty { Phase::Closing } else { Phase::Closed };
        }
        match (is_dirty, self.ticket) {
            (true, _) => Closing::Write,
            (false, TicketDue::None) if !self.logged_out => Closing::Nothing,
            (false, _) => Closing::Ticket,
        }
    }

    /// From now on nothing may wait for a commit, since there is none to come. What still does so is given up: nobody is to
    /// write what a handler left behind that was cancelled.
    pub(crate) fn close(&mut self) {
        if matches!(self.phase, Phase::Open | Phase::Closing) {
            self.phase = Phase::Closed;
        }
        self.changes.drop_pending();
        self.doomed = None;
    }

    /// Whether the session was to be destroyed, and lives on.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    fn check_open(&self) -> Result<(), SessionError> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Closed => Err(SessionError::new(Kind::Closed)),
            Phase::Unknown => Err(SessionError::new(Kind::Unknown)),
            Phase::ReadOnly => Err(SessionError::new(Kind::ReadOnly)),
        }
    }

    /// That the store can keep this value under this key.
    pub(crate) fn check(&self, key: &str, value: &Value) -> Result<(), SessionError> {
        if !self.policy.keys.allow(key) || !self.policy.keys.allow_in(value) {
            return Err(SessionError::new(Kind::KeyRefused).of_key(key));
        }
        self.check_size(key, value)
    }

    /// That the session with this value in it would not be too large, or at least not larger than it is.
    fn check_size(&self, key: &str, value: &Value) -> Result<(), SessionError> {
        let size = key.len() + value.size();
        if self.has_much_room_for(size)
            || self.changes.size_without(key, self.stored()) + size <= self.policy.size_limit
        {
            return Ok(());
        }
        let before = self.value(key)?.map_or(0, |value| key.len() + value.size());
        if size <= before { Ok(()) } else { Err(SessionError::new(Kind::TooLarge).of_key(key)) }
    }

    /// Whether so many bytes more are no matter, be it that they take the place of others; as in most sessions.
    fn has_much_room_for(&self, size: usize) -> bool {
        !self.changes.is_anything() && self.stored().map_or(0, Data::size) + size <= self.policy.size_limit
    }

    /// An addition to a key, if the store can keep that with the number that is expected.
    pub(crate) fn adding(&self, key: &str, by: i64) -> Result<Own, SessionError> {
        // Where there is room for any number, none is expected.
        let fits = self.policy.keys.allow(key) && self.has_much_room_for(key.len() + LONGEST_NUMBER);
        // What can't be added to here may be different in the store, which has the last word.
        if !fits && let Ok(number) = sum(self.value(key)?.as_ref(), by) {
            self.check(key, &Value::from(number))?;
        }
        Ok(Own::Add { key: self.shared(key), by })
    }

    // Writing

    /// The next step to write what is pending, together with `own`.
    ///
    /// After `Create`, `Apply` and `Rotate` one of [`created`](State::created), [`done`](State::done) and
    /// [`not_done`](State::not_done) has to follow, or [`failed`](State::failed).
    pub(super) fn begin(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        if matches!(self.phase, Phase::Unknown | Phase::ReadOnly) {
            self.check_open()?;
        }
        if self.refused {
            return Ok(Step::Gone);
        }
        if let Some(doomed) = &self.doomed {
            return Ok(Step::Destroy(doomed.key.clone()));
        }
        match &self.live {
            Some(_) => self.begin_change(own, now),
            None => self.begin_create(own, now),
        }
    }

    /// What is pending, with `own`: shared with what stays behind to come back, until something is added for this write alone.
    fn to_write(&self, own: &Own) -> Result<Arc<Intent>, SessionError> {
        let mut intent = self.changes.to_write();
        if !matches!(own, Own::Nothing | Own::Begin) {
            own.add_to(&mut Arc::make_mut(&mut intent).patch)?;
        }
        Ok(intent)
    }

    fn begin_create(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        let mut intent = self.to_write(own)?;
        let patch = &intent.patch;
        if self.superseded && patch.user.is_none() {
            return Ok(if patch.changes_data() { Step::Gone } else { Step::Nothing });
        }
        let keeps_something = matches!(own, Own::Begin)
            || patch.user.is_some()
            || patch.changes().any(|(_, change)| *change != Change::Unset)
            || patch.metadata().any(|(_, value)| value.is_some());
        if !keeps_something {
            return Ok(Step::Nothing);
        }
        if self.phase == Phase::Closed {
            return Err(SessionError::new(Kind::Closed));
        }
        if let Some(proof) = intent.proof.clone() {
            proof.note(&mut Arc::make_mut(&mut intent).patch, now);
        }
        for (key, value) in self.noted.iter().flat_map(|noted| noted.iter()) {
            Arc::make_mut(&mut intent).patch.set_metadata(*key, value.clone());
        }
        let mut record = self.policy.new_record(intent.remember, now);
        intent.patch.apply_to(&mut record, now)?;
        self.changes.depart();
        Ok(Step::Create(record))
    }

    fn begin_change(&mut self, own: &Own, now: Timestamp) -> Result<Step, SessionError> {
        let Some(live) = &self.live else { return Ok(Step::Nothing) };
        let mut intent = self.to_write(own)?;
        if intent.renews() {
            let Intent { patch, remember, .. } = Arc::make_mut(&mut intent);
            self.policy.renew(patch, &live.record, *remember, now);
        }
        if let Some(proof) = intent.proof.clone() {
            proof.note(&mut Arc::make_mut(&mut intent).patch, now);
        }
        let touches = !self.touched_by_others && self.policy.is_touch_due(&live.record, now);
        if touches && intent.patch.expiry == Expiry::Keep {
            self.policy.touch(&mut Arc::make_mut(&mut intent).patch, &live.record, now);
        }
        // Only where the response will leave at once, and with it the new ticket.
        let renews_id = self.phase == Phase::Closing && self.is_id_due(live, now);
        // An id that this request has made is as good as new; and a record remembers one previous id only.
        let rotates = (intent.rotate || renews_id) && !live.is_fresh;
        if rotates && self.policy.renew_id_after.is_some() {
            let intent = Arc::make_mut(&mut intent);
            intent.is_by_the_way = intent.patch.is_touch() && !intent.rotate;
            intent.patch.set_metadata(facts::ID_MADE, Value::from(now.as_millis()));
        }
        if intent.patch.expiry != Expiry::Keep {
            let is_new = |(key, value): &&(&'static str, Value)| live.record.metadata.get(key) != Some(value);
            let new: Noted = self.noted.iter().flat_map(|noted| noted.iter()).filter(is_new).cloned().collect();
            if !new.is_empty() {
                let intent = Arc::make_mut(&mut intent);
                intent.is_by_the_way |= intent.patch.is_touch() && !rotates;
                new.into_iter().for_each(|(key, value)| intent.patch.set_metadata(key, value));
            }
        }
        let patch = &intent.patch;
        // Somebody may have ended an idle time of its own meanwhile, which a touch by the old one would bring back.
        let is_own_touch = matches!(patch.expiry, Expiry::AtLeast(_)) && live.record.lifetime.idle.is_some();
        if patch.is_empty() && !rotates {
            self.changes.drop_pending();
            return Ok(Step::Nothing);
        }
        if rotates && self.phase == Phase::Closed {
            return Err(SessionError::new(Kind::Closed));
        }
        let guard = match own {
            Own::Replace { .. } | Own::Take { .. } => Guard::Unchanged(live.token.clone()),
            Own::Nothing | Own::Begin | Own::Add { .. } if is_own_touch => Guard::Unchanged(live.token.clone()),
            Own::Nothing | Own::Begin | Own::Add { .. } => Guard::Exists,
        };
        let key = live.key.clone();
        let step = if rotates { Step::Rotate { key, intent, guard } } else { Step::Apply { key, intent, guard } };
        self.changes.depart();
        Ok(step)
    }

    /// The store has made the record.
    pub(crate) fn created(&mut self, key: StoreKey, record: Record, token: Token, handle: Handle) {
        self.changes.arrived();
        if std::mem::take(&mut self.doomed_in_flight) {
            self.doomed = Some(Box::new(Doomed { key, handle, user: record.user }));
            return;
        }
        let known_at = record.seen;
        self.live = Some(Live {
            key,
            record,
            handle,
            token,
            is_stale: false,
            outdated_ticket: false,
            is_fresh: true,
            known_at,
        });
        self.superseded = false;
        self.ticket = TicketDue::Issue;
    }

    /// The store has applied the patch; `new_name` is the key and the handle that the record was rotated to.
    pub(crate) fn done(
        &mut self,
        patch: &Patch,
        guard: &Guard,
        written: Written,
        new_name: Option<(StoreKey, Handle)>,
        now: Timestamp,
    ) {
        self.changes.arrived();
        if std::mem::take(&mut self.doomed_in_flight) {
            let user = patch.user.clone().or_else(|| self.doomed.as_ref()?.user.clone());
            let renamed = new_name.map(|(key, handle)| Box::new(Doomed { key, handle, user }));
            self.doomed = renamed.or(self.doomed.take());
            return;
        }
        let Some(live) = &mut self.live else { return };
        let cookie_changes = patch.lifetime.is_some() || patch.absolute_end.is_some();
        let is_renewed = self.policy.renews_cookie(patch, &live.record);
        if new_name.is_some() || live.outdated_ticket || cookie_changes || is_renewed {
            self.ticket = TicketDue::Issue;
        }
        live.outdated_ticket = false;
        match guard {
            Guard::Unchanged(_) => live.token = written.token,
            Guard::Exists => live.is_stale = true,
        }
        if let Some((key, handle)) = new_name {
            live.key = key;
            live.handle = handle;
            live.is_fresh = true;
            self.rotated = true;
        }
        if !self.is_unread {
            patch.apply_stored_data(&mut live.record, &written.numbers);
        }
        patch.apply_beside_data(&mut live.record, now);
    }

    /// The store has changed nothing: what was pending still is.
    pub(crate) fn not_done(&mut self) -> Result<(), SessionError> {
        if std::mem::take(&mut self.doomed_in_flight) {
            self.changes.arrived();
            return Ok(());
        }
        Ok(self.changes.came_back()?)
    }

    /// The user and the handle of the session that is to be destroyed.
    pub(crate) fn doomed_of_user(&self) -> Option<(UserId, Handle)> {
        self.doomed().and_then(|(handle, user)| Some((user?, handle)))
    }

    /// The session that is to be destroyed: its handle, and its user.
    pub(crate) fn doomed(&self) -> Option<(Handle, Option<UserId>)> {
        self.doomed.as_ref().map(|doomed| (doomed.handle.clone(), doomed.user.clone()))
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

    /// The store has failed, or nobody waits for its answer any more. What the write carried along is not tried again; its
    /// own change has been reported to who asked for it.
    pub(crate) fn failed(&mut self) {
        if self.changes.departed().is_some_and(|intent| !intent.is_empty()) {
            self.phase = Phase::Unknown;
        }
        self.changes.arrived();
    }

    /// Somebody else has changed the session since it was loaded: the touch is left to the next request.
    pub(crate) fn touch_no_more(&mut self) {
        self.touched_by_others = true;
    }

    /// A write was tried again and again, and not once more: what it would have carried along is not written without it.
    pub(crate) fn given_up(&mut self) {
        if self.changes.is_anything_pending() {
            self.phase = Phase::Unknown;
        }
    }

    /// Whether a replacement has to begin with what the store has now.
    pub(crate) fn is_stale(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.is_stale)
    }

    /// The store was asked again.
    pub(crate) fn reloaded(&mut self, found: Found) {
        if let Some(live) = &mut self.live {
            live.record = found.record;
            live.token = found.token;
            live.is_stale = false;
        }
    }

    /// There is no room for the session that logs in: it stays as it was, and what waits to be written is given up.
    pub(crate) fn log_in_is_denied(&mut self) {
        self.changes.drop_pending();
    }

    /// The session has logged in, and was ended since there was no room for it.
    pub(crate) fn ended_by_limit(&mut self) {
        self.metadata_of_ended = self.live.take().map(|live| live.record.metadata);
        self.changes.drop_pending();
        self.ticket = TicketDue::Remove;
    }

    /// The session has logged in, and nobody knows whether there is room for it: nobody gets its ticket.
    pub(crate) fn is_unchecked(&mut self) {
        self.live = None;
        self.ticket = TicketDue::None;
        self.phase = Phase::Unknown;
    }

    pub(crate) fn metadata_of_ended(&self) -> Option<&Arc<Data>> {
        self.metadata_of_ended.as_ref()
    }

    /// Whether this request has asked for the end of its session.
    pub(crate) fn is_logged_out(&self) -> bool {
        self.logged_out
    }

    pub(crate) fn ticket_due(&self) -> TicketDue {
        self.ticket
    }

    /// Whether the browser must learn of a new id, whatever else becomes of the request: the one that it knows is dead.
    pub(crate) fn is_rotated(&self) -> bool {
        self.rotated && self.ticket == TicketDue::Issue
    }
}

impl Own {
    fn add_to(&self, patch: &mut Patch) -> Result<(), SessionError> {
        match self {
            Own::Nothing | Own::Begin => {}
            Own::Add { key, by } => patch.add(key.clone(), *by)?,
            Own::Replace { key, value } => patch.set(key.clone(), value.clone()),
            Own::Take { key } => patch.unset(key.clone()),
        }
        Ok(())
    }

    /// The new number of the key that it adds to, from the patch that carried it and the numbers that the store told.
    pub(crate) fn number_in(&self, patch: &Patch, numbers: &Numbers) -> Option<i64> {
        let Own::Add { key, .. } = self else { return None };
        match patch.change(key) {
            // It was added to what the patch itself sets.
            Some(Change::Set(value)) => value.as_i64(),
            _ => numbers.iter().find(|(each, _)| each == key).map(|(_, number)| *number),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
