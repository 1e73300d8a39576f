//! What a case works with: the store, the time, and words for what it expects.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(super) use super::answer::Answer;
pub(super) use super::draft::{Draft, patch, text, value};
use super::same;
use crate::clock::Timestamp;
use crate::record::{Handle, IdError, Lifetime, Patch, Record, StoreKey, UserId, ValueError};
use crate::store::{Applied, Created, Found, Guard, Loaded, Rotated, Store, StoreError, Token, Written};

/// One rule, and how to find out whether a store keeps it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) run: fn(Trial) -> Pin<Box<dyn Future<Output = Verdict> + Send>>,
}

/// The cases of a file, by the names of their functions.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[$crate::store::conformance::trial::Case] = &[
            $($crate::store::conformance::trial::Case { name: stringify!($name), run: |t| Box::pin($name(t)) },)*
        ];
    };
}

pub(super) type Verdict<T = ()> = Result<T, Fault>;

/// Why a case did not pass.
#[derive(Debug)]
pub(super) enum Fault {
    Broken(String),
    Skipped(&'static str),
}

impl Fault {
    /// That something else was seen than expected, at the caller's step.
    #[track_caller]
    pub(super) fn expected(what: impl fmt::Display, saw: impl fmt::Display) -> Fault {
        Fault::at(Location::caller(), what, saw)
    }

    fn at(step: &Location<'_>, what: impl fmt::Display, saw: impl fmt::Display) -> Fault {
        let file = step.file().rsplit(['/', '\\']).next().unwrap_or_default();
        Fault::Broken(format!("expected {what}, saw {saw} ({file}:{})", step.line()))
    }
}

impl From<IdError> for Fault {
    fn from(error: IdError) -> Fault {
        Fault::Broken(error.to_string())
    }
}

impl From<ValueError> for Fault {
    fn from(error: ValueError) -> Fault {
        Fault::Broken(error.to_string())
    }
}

/// Fails unless `ok`.
#[track_caller]
pub(super) fn expect(ok: bool, what: impl fmt::Display, saw: impl fmt::Display) -> Verdict {
    if ok { Ok(()) } else { Err(Fault::expected(what, saw)) }
}

/// The store and the time of one case. Everything that it makes is new and its own.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) store: Arc<dyn Store>,
    pub(super) now: Timestamp,
}

/// A session in the store, and what its record must be: each patch is applied to both.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) key: StoreKey,
    pub(super) record: Record,
    pub(super) token: Token,
    pub(super) handle: Handle,
}

impl Trial {
    pub(super) fn new(store: Arc<dyn Store>) -> Trial {
        Trial { store, now: Timestamp::from(SystemTime::now()) }
    }

    /// So many seconds after the case began, or before.
    pub(super) fn at(&self, seconds: i64) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + seconds * 1_000)
    }

    /// A user whom nobody else uses.
    pub(super) fn user(&self, name: &str) -> Verdict<UserId> {
        Ok(UserId::new(format!("{name}-{}", &StoreKey::generate()?.plain()[..20]))?)
    }

    /// An anonymous record that lives for an hour, a day at most, with a number and a word in it.
    pub(super) fn record(&self) -> Record {
        let mut record = Record::new(self.now, self.at(3_600), self.at(86_400));
        record.data = Arc::new([("n", value("7")), ("word", value(r#""old""#))].into_iter().collect());
        record
    }

    pub(super) async fn session(&self) -> Verdict<Session> {
        self.session_of(self.record()).await
    }

    /// A record with all that one can hold.
    pub(super) fn full_record(&self) -> Verdict<Record> {
        let mut record = self.record();
        record.user = Some(self.user("ada")?);
        record.created = self.at(-7_200);
        record.seen = self.at(-300);
        record.lifetime = Lifetime { idle: Some(Duration::from_millis(1_234_567)), persistent: Some(true) };
        record.metadata = Arc::new([("agent", value(r#""Lynx""#)), ("visits", value("3"))].into_iter().collect());
        Ok(record)
    }

    pub(super) async fn full_session(&self) -> Verdict<Session> {
        self.session_of(self.full_record()?).await
    }

    /// A session that is over by its idle end in a minute; the absolute end is far away.
    pub(super) async fn idle_session(&self) -> Verdict<Session> {
        let mut record = self.record();
        record.idle_end = self.at(60);
        self.session_of(record).await
    }

    /// A session that is over by its absolute end in a minute; the idle end is far away.
    pub(super) async fn ending_session(&self) -> Verdict<Session> {
        let mut record = self.record();
        record.absolute_end = self.at(60);
        self.session_of(record).await
    }

    #[track_caller]
    pub(super) fn session_of(&self, record: Record) -> impl Future<Output = Verdict<Session>> + Send {
        let step = Location::caller();
        async move {
            let key = StoreKey::generate()?;
            match self.create(&key, &record).await? {
                Created::Done { token, handle } => Ok(Session { key, record, token, handle }),
                Created::Taken => Err(Fault::at(step, "a new key to be free", "Taken")),
            }
        }
    }

    pub(super) async fn create(&self, key: &StoreKey, record: &Record) -> Verdict<Created> {
        answer("create", self.store.create(key, record, self.now).await)
    }

    pub(super) async fn load(&self, key: &StoreKey, now: Timestamp) -> Verdict<Loaded> {
        answer("load", self.store.load(key, now).await)
    }

    pub(super) async fn apply(&self, key: &StoreKey, patch: &Patch, guard: &Guard, now: Timestamp) -> Verdict<Applied> {
        answer("apply", self.store.apply(key, patch, guard, now).await)
    }

    pub(super) async fn rotate(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        patch: &Patch,
        guard: &Guard,
        now: Timestamp,
    ) -> Verdict<Rotated> {
        answer("rotate", self.store.rotate(old, new, patch, guard, now).await)
    }

    pub(super) async fn destroy(&self, key: &StoreKey, now: Timestamp) -> Verdict<bool> {
        answer("destroy", self.store.destroy(key, now).await)
    }

    pub(super) async fn sweep(&self, limit: usize, now: Timestamp) -> Verdict<usize> {
        answer("sweep", self.store.sweep(limit, now).await)
    }

    /// Expects that a key finds a record.
    #[track_caller]
    pub(super) fn found(&self, key: &StoreKey, now: Timestamp) -> impl Future<Output = Verdict<Found>> + Send {
        let step = Location::caller();
        async move {
            match self.load(key, now).await? {
                Loaded::Found(found) => Ok(found),
                other => Err(Fault::at(step, "Found", other.word())),
            }
        }
    }

    /// Expects that a key finds nothing, and is not told to be superseded.
    #[track_caller]
    pub(super) fn missing(&self, key: &StoreKey, now: Timestamp) -> impl Future<Output = Verdict> + Send {
        let step = Location::caller();
        async move {
            match self.load(key, now).await? {
                Loaded::Missing => Ok(()),
                other => Err(Fault::at(step, "Missing", other.word())),
            }
        }
    }

    /// Expects that a session is in the store exactly as it must be.
    #[track_caller]
    pub(super) fn holds(&self, session: &Session, now: Timestamp) -> impl Future<Output = Verdict<Found>> + Send {
        let step = Location::caller();
        async move {
            let found = match self.load(&session.key, now).await? {
                Loaded::Found(found) => found,
                other => return Err(Fault::at(step, "Found", other.word())),
            };
            match same::difference(&session.record, &found.record) {
                None => Ok(found),
                Some((expected, saw)) => Err(Fault::at(step, expected, saw)),
            }
        }
    }

    /// Expects that a session is in the store as it must be, or that the server has collected it.
    #[track_caller]
    pub(super) fn holds_or_missing(&self, session: &Session, now: Timestamp) -> impl Future<Output = Verdict> + Send {
        let step = Location::caller();
        async move {
            match self.load(&session.key, now).await? {
                Loaded::Missing => Ok(()),
                Loaded::Superseded => Err(Fault::at(step, "Missing", "Superseded")),
                Loaded::Found(found) => match same::difference(&session.record, &found.record) {
                    None => Ok(()),
                    Some((expected, saw)) => Err(Fault::at(step, expected, saw)),
                },
            }
        }
    }

    /// Applies a patch; expects its numbers, and that the record is then what [`Patch::apply_to`] makes of it.
    #[track_caller]
    pub(super) fn write(
        &self,
        session: &mut Session,
        patch: impl Into<Patch> + Send,
        now: Timestamp,
    ) -> impl Future<Output = Verdict> + Send {
        let step = Location::caller();
        async move {
            let patch = patch.into();
            let written = match self.apply(&session.key, &patch, &Guard::Exists, now).await? {
                Applied::Done(written) => written,
                other => return Err(Fault::at(step, "Done", other.word())),
            };
            session.follow(&patch, &written, now, step)?;
            self.shows(session, now, step).await
        }
    }

    /// Rotates a session to a new key with a patch, expects all of it to be there, and gives the old key.
    #[track_caller]
    pub(super) fn turn(
        &self,
        session: &mut Session,
        patch: impl Into<Patch> + Send,
        now: Timestamp,
    ) -> impl Future<Output = Verdict<StoreKey>> + Send {
        let step = Location::caller();
        async move {
            let (patch, new) = (patch.into(), StoreKey::generate()?);
            let (written, handle) = match self.rotate(&session.key, &new, &patch, &Guard::Exists, now).await? {
                Rotated::Done { written, handle } => (written, handle),
                other => return Err(Fault::at(step, "Done", other.word())),
            };
            let old = std::mem::replace(&mut session.key, new);
            session.handle = handle;
            session.follow(&patch, &written, now, step)?;
            self.shows(session, now, step).await?;
            Ok(old)
        }
    }

    /// Expects that a token guards a write now. The write is a touch, which leaves all but `seen`.
    #[track_caller]
    pub(super) fn guards(
        &self,
        session: &Session,
        token: &Token,
        now: Timestamp,
    ) -> impl Future<Output = Verdict> + Send {
        let (step, guard) = (Location::caller(), Guard::Unchanged(token.clone()));
        async move {
            match self.apply(&session.key, &patch().touch(session.record.created), &guard, now).await? {
                Applied::Done(_) => Ok(()),
                other => Err(Fault::at(step, "a token that guards", other.word())),
            }
        }
    }

    async fn shows(&self, session: &Session, now: Timestamp, step: &Location<'_>) -> Verdict {
        if !session.record.is_live(now) {
            return Ok(());
        }
        match self.load(&session.key, now).await? {
            Loaded::Found(found) => match same::difference(&session.record, &found.record) {
                None => Ok(()),
                Some((expected, saw)) => Err(Fault::at(step, expected, saw)),
            },
            other => Err(Fault::at(step, "Found", other.word())),
        }
    }
}

impl Session {
    /// That the store has stored a patch.
    pub(super) fn must_follow(&mut self, patch: &Patch, now: Timestamp) {
        let applied = patch.apply_to(&mut self.record, now);
        applied.unwrap_or_else(|error| panic!("the suite itself is wrong: {error}"));
    }

    fn follow(&mut self, patch: &Patch, written: &Written, now: Timestamp, step: &Location<'_>) -> Verdict {
        let numbers = patch.apply_to(&mut self.record, now);
        self.token = written.token.clone();
        let mut saw = written.numbers.clone();
        saw.sort();
        match numbers {
            Ok(numbers) if numbers == saw => Ok(()),
            Ok(numbers) => Err(Fault::at(step, format!("the numbers {numbers:?}"), format!("{saw:?}"))),
            Err(_) => Err(Fault::at(step, "WrongType", "Done")),
        }
    }
}

pub(super) fn answer<T>(call: &str, result: Result<T, StoreError>) -> Verdict<T> {
    result.map_err(|error| {
        let mut text = format!("expected an answer from {call}, saw an error: {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Fault::Broken(text)
    })
}

/// The last moment before.
pub(super) fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis() - 1)
}
