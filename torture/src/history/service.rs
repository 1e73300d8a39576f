//! The application that is tortured: a handler that does what its request says, and writes down what it sees.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cloakroom::{Handle, Session, SessionError, SessionErrorKind};
use tokio::task::yield_now;

use super::plan::Action;
use super::record::{Answer, Call, Change, Commit, Datum, Loaded, Meter, Revoke, Snapshot, Step, Write};

/// What the handler is told beside the request.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The request's number, which is part of each value that it writes.
    pub(super) number: usize,
    pub(super) actions: Vec<Action>,
    pub(super) meter: Meter,
    pub(super) pace: Pace,
    /// The sessions that were last seen of each jar, by their handles.
    pub(super) jar: usize,
    pub(super) seen: Arc<Mutex<BTreeMap<usize, String>>>,
    pub(super) log: Log,
}

/// How a handler waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// Where turns are drawn: for as many turns.
    Turns,
    /// Where time passes: for as many tenths of a millisecond, five at a time.
    Time,
}

/// What a handler writes down. It lasts when the handler is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Entries>>);

#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub(super) steps: Vec<Step>,
    pub(super) commit: Option<Commit>,
}

impl Log {
    pub(super) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler.
pub(super) async fn handle(request: Request) -> Result<Response, Infallible> {
    let Some(job) = request.extensions().get::<Job>().cloned() else {
        return Ok(axum::http::StatusCode::NOT_FOUND.into_response());
    };
    let (parts, _) = request.into_parts();
    let mut work = Work { job, mirror: Mirror::default() };
    let outcome = work.carry_out(&parts).await;
    let write = work.mirror.take();
    let commit = Commit { span: work.job.meter.begin(), write, handler_failed: outcome.is_err() };
    work.job.log.lock().commit = Some(commit);
    Ok(match outcome {
        Ok(()) => Response::new(Body::empty()),
        Err(error) => error.into_response(),
    })
}

struct Work {
    job: Job,
    mirror: Mirror,
}

/// What the session must know by itself: what is pending, and what it was asked to be.
#[derive(Debug, Default)]
struct Mirror {
    lives: bool,
    /// This request has made its id.
    fresh: bool,
    doomed: bool,
    user: Option<String>,
    handle: Option<String>,
    rotate: bool,
    logs_in: Option<String>,
    changes: Vec<Change>,
}

impl Mirror {
    fn log_in(&mut self, user: String) {
        if self.user.as_ref().is_some_and(|before| *before != user) {
            self.changes.push(Change::Clear);
        }
        self.user = Some(user.clone());
        self.logs_in = Some(user);
        self.rotate = true;
    }

    fn end(&mut self) {
        let doomed = self.doomed || self.lives;
        *self = Mirror { doomed, ..Mirror::default() };
    }

    fn now(&self) -> Write {
        Write {
            ends: self.doomed,
            lives: self.lives,
            rotates: self.lives && self.rotate && !self.fresh,
            user: self.logs_in.clone(),
            changes: self.changes.clone(),
        }
    }

    fn take(&mut self) -> Write {
        let write = self.now();
        *self = Mirror { lives: self.lives, fresh: self.fresh, user: self.user.take(), ..Mirror::default() };
        write
    }

    /// A write is done.
    fn written(&mut self, write: &Write) {
        let made = !write.lives && write.keeps_something();
        self.doomed = false;
        self.fresh |= made || write.rotates;
        self.lives |= made;
        self.rotate = false;
        self.logs_in = None;
        self.changes.clear();
    }
}

impl Work {
    async fn carry_out(&mut self, parts: &Parts) -> Result<(), SessionError> {
        let session = self.load(parts).await?;
        for (at, action) in self.job.actions.clone().into_iter().enumerate() {
            self.act(&session, action, format!("r{}.{at}", self.job.number)).await?;
        }
        Ok(())
    }

    async fn load(&mut self, parts: &Parts) -> Result<Session, SessionError> {
        let step = self.begin(Call::Load(None));
        let session = Session::from_parts(parts).await?;
        let loaded = if session.is_new() { Loaded::Empty } else { Loaded::Found(snapshot(&session)?) };
        if let Loaded::Found(found) = &loaded {
            self.mirror.lives = true;
            self.mirror.user = found.user.clone();
            self.mirror.handle = Some(found.handle.clone());
            let mut seen = self.job.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(self.job.jar, found.handle.clone());
        }
        self.end(step, Call::Load(Some(loaded)));
        Ok(session)
    }

    async fn act(&mut self, session: &Session, action: Action, value: String) -> Result<(), SessionError> {
        let key = action.key();
        match action {
            Action::Set(_) => {
                session.insert(key.as_str(), &value)?;
                self.mirror.changes.push(Change::Set(key, value));
            }
            Action::Unset(_) => {
                session.remove(&key)?;
                self.mirror.changes.push(Change::Unset(key));
            }
            Action::Add(_) => {
                session.add(&key, 1)?;
                self.mirror.changes.push(Change::Add(key, 1));
            }
            Action::Clear => {
                session.clear()?;
                self.mirror.changes.push(Change::Clear);
            }
            Action::LogIn(user) => {
                session.log_in(user_name(user).as_str())?;
                self.mirror.log_in(user_name(user));
            }
            Action::LogOut => {
                session.log_out()?;
                self.mirror.end();
            }
            Action::Pause(steps) => self.pause(steps).await,
            Action::Increment(_) => {
                let change = Change::Add(key.clone(), 1);
                self.write(Some(change), async { session.increment(&key, 1).await.map(Datum::Number).map(Some) })
                    .await?;
            }
            Action::Update(_) => {
                let change = Change::Add(key.clone(), 1);
                let update = async {
                    let new = session.update(key.as_str(), |number: Option<i64>| number.unwrap_or(0) + 1).await?;
                    Ok(Some(Datum::Number(new)))
                };
                self.write(Some(change), update).await?;
            }
            Action::Append(_) => {
                let change = Change::Append(key.clone(), value.clone());
                let append = async {
                    let appended = |list: Option<String>| appended(list.as_deref(), &value);
                    Ok(Some(Datum::Text(session.update(key.as_str(), appended).await?)))
                };
                self.write(Some(change), append).await?;
            }
            Action::Save => self.write(None, async { session.save().await.map(|()| None) }).await?,
            Action::Rotate => {
                self.mirror.rotate |= self.mirror.lives;
                self.write(None, async { session.rotate().await.map(|()| None) }).await?;
            }
            Action::Revoke(jar) => {
                let seen = self.job.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&jar).cloned();
                if let Some(handle) = seen {
                    self.revoke(session, Some(handle)).await?;
                }
            }
            Action::RevokeOthers => self.revoke(session, None).await?,
        }
        Ok(())
    }

    /// Carries out a write at once, with what is pending.
    async fn write(
        &mut self,
        own: Option<Change>,
        writing: impl Future<Output = Result<Option<Datum>, SessionError>>,
    ) -> Result<(), SessionError> {
        let mut write = self.mirror.now();
        write.changes.extend(own);
        let step = self.begin(Call::Write(write.clone(), Answer::Unknown));
        let outcome = writing.await;
        self.end(step, Call::Write(write.clone(), answer(&outcome)));
        outcome?;
        self.mirror.written(&write);
        Ok(())
    }

    /// Only where nothing is pending that would change whose session it is.
    async fn revoke(&mut self, session: &Session, handle: Option<String>) -> Result<(), SessionError> {
        let Mirror { doomed: false, fresh: false, logs_in: None, user: Some(user), handle: Some(own), .. } =
            &self.mirror
        else {
            return Ok(());
        };
        if handle.as_ref() == Some(own) {
            return Ok(());
        }
        let revoke = Revoke { user: user.clone(), handle: handle.clone(), own: own.clone() };
        let step = self.begin(Call::Revoke(revoke.clone(), Answer::Unknown));
        let outcome = match handle {
            Some(handle) => session.revoke(&Handle::new(handle)).await.map(i64::from),
            None => session.revoke_others().await.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        };
        let outcome = outcome.map(|number| Some(Datum::Number(number)));
        self.end(step, Call::Revoke(revoke, answer(&outcome)));
        outcome.map(drop)
    }

    async fn pause(&self, steps: usize) {
        match self.job.pace {
            Pace::Turns => {
                for _ in 0..steps {
                    yield_now().await;
                }
            }
            Pace::Time => tokio::time::sleep(Duration::from_micros(500 * steps as u64)).await,
        }
    }

    fn begin(&self, call: Call) -> usize {
        let mut entries = self.job.log.lock();
        entries.steps.push(Step { span: self.job.meter.begin(), call });
        entries.steps.len() - 1
    }

    fn end(&self, step: usize, call: Call) {
        if let Some(step) = self.job.log.lock().steps.get_mut(step) {
            self.job.meter.end(&mut step.span);
            step.call = call;
        }
    }
}

fn answer(outcome: &Result<Option<Datum>, SessionError>) -> Answer {
    match outcome {
        Ok(datum) => Answer::Done(datum.clone()),
        Err(error) => match error.kind() {
            SessionErrorKind::Gone => Answer::Refused,
            SessionErrorKind::Store | SessionErrorKind::Contention | SessionErrorKind::Unknown => Answer::Unknown,
            kind => Answer::Unexpected(format!("{kind:?}")),
        },
    }
}

fn snapshot(session: &Session) -> Result<Snapshot, SessionError> {
    let mut data = BTreeMap::new();
    for key in session.keys() {
        let datum = if key.starts_with('n') {
            session.get(&*key)?.map(Datum::Number)
        } else {
            session.get(&*key)?.map(Datum::Text)
        };
        data.extend(datum.map(|datum| (key.to_string(), datum)));
    }
    let handle = session.handle().map(|handle| handle.to_string()).unwrap_or_default();
    Ok(Snapshot { data, user: session.user().map(|user| user.to_string()), handle })
}

fn user_name(user: usize) -> String {
    format!("u{user}")
}

/// A list with one more entry.
pub(super) fn appended(list: Option<&str>, entry: &str) -> String {
    list.map_or_else(|| entry.to_owned(), |list| format!("{list} {entry}"))
}
