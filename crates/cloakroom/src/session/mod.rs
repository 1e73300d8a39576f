//! The session as a handler holds it.

mod breaker;
mod changes;
mod deadline;
mod devices;
mod epoch;
mod error;
mod flash;
mod form_token;
mod grant;
mod key;
mod limit;
mod listing;
mod login;
mod metadata;
mod policy;
mod queue;
mod sessions;
mod settings;
mod state;
mod telling;
mod write;

pub use devices::Device;
pub use error::{SessionError, SessionErrorKind};
pub use flash::{Flash, FlashKind};
pub use form_token::FormToken;
pub use key::{AsKey, Key};
pub use limit::WhenFull;
pub use sessions::{Page, Sessions};

pub(crate) use breaker::Breaker;
pub(crate) use deadline::{Elapsed, Patience};
pub(crate) use epoch::{EndOfAll, Epoch, RESERVED_ID};
pub(crate) use form_token::FormKeys;
pub(crate) use limit::Limit;
pub(crate) use policy::{Policy, Renewal};
pub(crate) use queue::Queues;
pub(crate) use settings::Settings;
pub(crate) use state::{Closing, Noted, State};

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::policy::Remember;
use self::state::{Live, Own, TicketDue};
use crate::clock::Timestamp;
use crate::record::{Data, Handle, Lifetime, StoreKey, Value};

/// The session of one request: values of one browser, kept on the server.
///
/// A handler takes it as an argument; the data is then loaded. `get`, `insert`, `remove`, `add` and the like are plain
/// calls: what they change is written once, when the handler's response is ready and before it leaves. If the session
/// can't be written the client gets an error, and not the response.
///
/// Two requests that run at once change the same session key by key; neither undoes the other's keys. Where both change
/// the same key, [`add`](Session::add), [`increment`](Session::increment) and [`update`](Session::update) lose nothing.
///
/// | written at commit, in one write | written at once, with all that is pending |
/// |---|---|
/// | `insert`, `remove`, `take`, `add`, `clear` | `increment`, `update`, `modify` |
/// | `log_in`, `reauthenticated`, `remember`, `until_browser_closes` | `save`, `rotate`, `log_out_others` |
/// | `destroy`, `log_out` | `take_grant` |
/// | `set_label`, `set_metadata`, `grant`, `flash`, `take_flashes` | `form_token`, where it needs a new id |
///
/// Clones are the same session. After a write that failed and had carried other changes along, all further changes are errors
/// of the kind [`Unknown`](SessionErrorKind::Unknown), and the response is a 503.
///
/// ```
/// use cloakroom::{Session, SessionError};
///
/// async fn visit(session: Session) -> Result<String, SessionError> {
///     session.add("visits", 1)?;
///     let visits: Option<u32> = session.get("visits")?;
///     Ok(format!("visit number {visits:?}"))
/// }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Arc<Settings>,
    patience: Patience,
    /// Until the session is loaded, as if nothing were stored of it.
    state: Mutex<State>,
    is_loaded: AtomicBool,
    /// What the layer notes of the request's browser.
    noted: OnceLock<Arc<Noted>>,
    /// Writes go one after the other.
    turn: tokio::sync::Mutex<()>,
    /// The handler has answered, and nobody but the commit has anything to do with it any more.
    is_alone: AtomicBool,
    /// Observers know already that its changes met a session that is gone.
    has_told_gone: AtomicBool,
}

impl Session {
    /// The value of a key; none if the session has no such key.
    ///
    /// # Errors
    ///
    /// [`Value`](SessionErrorKind::Value) if it is of another type, [`WrongType`](SessionErrorKind::WrongType) if this
    /// request has added to it and it holds no integer.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        let value = self.0.state().value(key.name())?;
        read(key.name(), value.as_ref())
    }

    /// Whether the session has the key.
    pub fn contains(&self, key: impl AsRef<str>) -> bool {
        !matches!(self.0.state().value(key.as_ref()), Ok(None))
    }

    /// The keys, sorted. The library's own, which begin with `cloakroom:`, are not told.
    pub fn keys(&self) -> Vec<Arc<str>> {
        self.0.state().keys().into_iter().filter(|key| !is_ours(key)).collect()
    }

    /// Sets a key.
    ///
    /// # Errors
    ///
    /// [`Value`](SessionErrorKind::Value) if the value can't be kept as it is (see [`Value`](crate::record::Value)),
    /// [`KeyRefused`](SessionErrorKind::KeyRefused) if a session can have no key of this name,
    /// [`TooLarge`](SessionErrorKind::TooLarge) if the session would grow beyond its limit,
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn insert<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<(), SessionError> {
        let name = key.name();
        check_name(name)?;
        let value = Value::serialize(&value).map_err(|error| SessionError::from(error).of_key(name))?;
        self.0.state().set(name, value)
    }

    /// Removes a key; fine if it is not there.
    ///
    /// # Errors
    ///
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn remove(&self, key: impl AsRef<str>) -> Result<(), SessionError> {
        self.0.state().unset(key.as_ref())
    }

    /// The value of a key, which is removed: for what is shown once.
    ///
    /// # Errors
    ///
    /// As [`get`](Session::get) and [`remove`](Session::remove). A value of another type stays.
    pub fn take<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        let value = self.get(key.name())?;
        if value.is_some() {
            self.remove(key.name())?;
        }
        Ok(value)
    }

    /// Adds to the integer of a key; a missing key counts as 0. Nothing is lost if others add at the same time.
    ///
    /// [`get`](Session::get) then tells the number that this request would make of it; what [`increment`](Session::increment)
    /// gives is true.
    ///
    /// # Errors
    ///
    /// [`WrongType`](SessionErrorKind::WrongType) if the key holds no integer, or the sum leaves the range of `i64`;
    /// else as [`insert`](Session::insert).
    pub fn add(&self, key: impl AsRef<str>, by: i64) -> Result<(), SessionError> {
        let key = key.as_ref();
        check_name(key)?;
        self.0.state().add(key, by).map_err(|error| error.of_key(key))
    }

    /// Removes all keys. The session itself stays, and so does its user.
    ///
    /// # Errors
    ///
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn clear(&self) -> Result<(), SessionError> {
        self.0.state().clear()
    }

    /// Adds to the integer of a key at once, in one step of the store, and tells the true new number.
    ///
    /// What else is pending is written with it, and stays even if the handler is cancelled later.
    ///
    /// # Errors
    ///
    /// [`WrongType`](SessionErrorKind::WrongType) and [`TooLarge`](SessionErrorKind::TooLarge) as [`add`](Session::add), [`Gone`](SessionErrorKind::Gone) if the session
    /// has ended meanwhile, [`Store`](SessionErrorKind::Store) if the store fails.
    pub async fn increment(&self, key: impl AsRef<str>, by: i64) -> Result<i64, SessionError> {
        let key = key.as_ref();
        check_name(key)?;
        boxed(self.0.add(key, by)).await.map_err(|error| error.of_key(key))
    }

    /// Replaces the value of a key by what `f` makes of it, at once, and gives the new value.
    ///
    /// Nobody's change comes in between: where somebody else has changed the session since, `f` runs again on the new
    /// value. So it must do nothing but compute. What else is pending is written with it, and stays even if the handler is
    /// cancelled later.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError};
    ///
    /// async fn bid(session: Session) -> Result<(), SessionError> {
    ///     let highest = session.update("bid", |bid: Option<u32>| bid.unwrap_or(0).max(100)).await?;
    ///     assert!(highest >= 100);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Contention`](SessionErrorKind::Contention) if others interfered until the deadline,
    /// [`Gone`](SessionErrorKind::Gone) if the session has ended meanwhile, [`Store`](SessionErrorKind::Store) if the
    /// store fails; else as [`get`](Session::get) and [`insert`](Session::insert).
    pub async fn update<T, F>(&self, key: impl AsKey<T>, mut f: F) -> Result<T, SessionError>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let key: Arc<str> = key.name().into();
        check_name(&key)?;
        let name = key.clone();
        let compute = move |value: Option<Value>| {
            let new = f(read(&name, value.as_ref())?);
            let value = Value::serialize(&new).map_err(|error| SessionError::from(error).of_key(&name))?;
            Ok((Some(value), new))
        };
        boxed(self.0.replace(key, compute)).await
    }

    /// Changes the value of a key in place, at once, and gives what `f` gives. A missing key counts as the default.
    ///
    /// Else as [`update`](Session::update): `f` may run several times, and must do nothing but compute.
    ///
    /// ```
    /// use cloakroom::{Key, Session, SessionError};
    ///
    /// const CART: Key<Vec<String>> = Key::new("cart");
    ///
    /// async fn add_to_cart(session: Session) -> Result<usize, SessionError> {
    ///     session.modify(CART, |cart| { cart.push("umbrella".into()); cart.len() }).await
    /// }
    /// async fn empty_cart(session: Session) -> Result<Vec<String>, SessionError> {
    ///     session.modify(CART, std::mem::take).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn modify<T, R, F>(&self, key: impl AsKey<T>, mut f: F) -> Result<R, SessionError>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(&mut T) -> R,
    {
        let key: Arc<str> = key.name().into();
        check_name(&key)?;
        let name = key.clone();
        let compute = move |value: Option<Value>| {
            let mut new: T = read(&name, value.as_ref())?.unwrap_or_default();
            let result = f(&mut new);
            let value = Value::serialize(&new).map_err(|error| SessionError::from(error).of_key(&name))?;
            Ok((Some(value), result))
        };
        boxed(self.0.replace(key, compute)).await
    }

    /// Writes what is pending, now.
    ///
    /// # Errors
    ///
    /// [`Gone`](SessionErrorKind::Gone) if the session has ended meanwhile, [`Store`](SessionErrorKind::Store) if the
    /// store fails.
    pub async fn save(&self) -> Result<(), SessionError> {
        boxed(self.0.write(Own::Nothing)).await
    }

    /// Gives the session a new id, now; the data stays, the old id is dead. Express calls it regenerate, but that loses
    /// the data.
    ///
    /// To be done whenever somebody's rights change, so that nobody who knew the old id has the new rights.
    /// [`log_in`](Session::log_in) does it by itself. A session that nothing is stored of has no id to change.
    ///
    /// # Errors
    ///
    /// As [`save`](Session::save), and [`Closed`](SessionErrorKind::Closed) after the response has left: it could not
    /// carry the new ticket.
    pub async fn rotate(&self) -> Result<(), SessionError> {
        if self.0.state().live().is_none() {
            return self.save().await;
        }
        self.0.state().rotate()?;
        self.save().await
    }

    /// Ends the session: it leaves the store, and the browser is told to drop its ticket. What is inserted after this
    /// begins a new session.
    ///
    /// # Errors
    ///
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn destroy(&self) -> Result<(), SessionError> {
        self.0.state().destroy()
    }

    /// "Remember me": this session lives through idle times of `idle`, ends `absolute` from now on at the latest, and its
    /// cookie outlives the browser. Both are at least one second.
    ///
    /// # Errors
    ///
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn remember(&self, idle: Duration, absolute: Duration) -> Result<(), SessionError> {
        let at_least = Duration::from_secs(1);
        let lifetime = Lifetime { idle: Some(idle.max(at_least)), persistent: Some(true) };
        self.0.state().remember(Remember { lifetime, absolute: Some(absolute.max(at_least)) })
    }

    /// The opposite of [`remember`](Session::remember): the layer's own timeouts, counted from now, and a cookie that ends
    /// with the browser.
    ///
    /// # Errors
    ///
    /// [`Closed`](SessionErrorKind::Closed) after the response has left.
    pub fn until_browser_closes(&self) -> Result<(), SessionError> {
        let lifetime = Lifetime { idle: None, persistent: Some(false) };
        self.0.state().remember(Remember { lifetime, absolute: None })
    }

    /// The time by the layer's clock, for what is to be told or compared beside the session's own times.
    pub fn now(&self) -> Timestamp {
        self.0.settings.clock.now()
    }

    /// Whether the store was away when the session was to be loaded, so that it reads as empty and takes no changes. Only
    /// where the layer says [`OnOutage::ReadAsAnonymous`](crate::OnOutage::ReadAsAnonymous).
    pub fn is_read_only(&self) -> bool {
        self.0.state().is_read_only()
    }

    /// Whether nothing is stored of the session.
    pub fn is_new(&self) -> bool {
        self.0.state().live().is_none()
    }

    /// The session's public name, by which a devices page can speak of it; none if nothing is stored of it.
    pub fn handle(&self) -> Option<Handle> {
        self.0.state().live().map(|live| live.handle.clone())
    }

    /// When the session began; none if nothing is stored of it.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.state().live().map(|live| live.record.created)
    }

    /// When the session ends however busy it is; none if nothing is stored of it.
    pub fn absolute_end(&self) -> Option<Timestamp> {
        self.0.state().live().map(|live| live.record.absolute_end)
    }

    // What the middleware needs

    /// The session of a request, loaded if its state is known.
    pub(crate) fn new(settings: Arc<Settings>, state: Option<State>) -> Session {
        let is_loaded = AtomicBool::new(state.is_some());
        let state = state.unwrap_or_else(|| State::empty(settings.policy, false));
        Session(Arc::new(Inner {
            patience: Patience::new(settings.deadline),
            settings,
            state: Mutex::new(state),
            is_loaded,
            noted: OnceLock::new(),
            turn: tokio::sync::Mutex::new(()),
            is_alone: AtomicBool::new(false),
            has_told_gone: AtomicBool::new(false),
        }))
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.0.is_loaded.load(Ordering::Acquire)
    }

    /// Its state is known, and changes nothing where it was known before.
    pub(crate) fn load(&self, mut loaded: State) {
        let mut state = self.0.state();
        if !self.is_loaded() {
            loaded.note(self.0.noted.get().cloned());
            *state = loaded;
            self.0.is_loaded.store(true, Ordering::Release);
        }
    }

    /// What the layer notes of the request's browser, to be told before the session is loaded.
    pub(crate) fn note(&self, noted: impl FnOnce() -> Noted) {
        self.0.noted.get_or_init(|| Arc::new(noted()));
    }

    /// A value as it is kept, if it can be kept under this key in a session that holds nothing else.
    pub(crate) fn value_alone<T: Serialize>(&self, key: &str, value: &T) -> Result<Value, SessionError> {
        check_name(key)?;
        let value = Value::serialize(value).map_err(|error| SessionError::from(error).of_key(key))?;
        State::empty(self.0.settings.policy, false).check(key, &value)?;
        Ok(value)
    }

    /// Whether the store can keep a key of this name.
    pub(crate) fn allows(&self, key: &str) -> bool {
        self.0.settings.policy.keys.allow(key)
    }

    /// How long its request may still wait for the store.
    pub(crate) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    /// The handler has answered: from now on nothing more may wait for the commit. Tells what is left to do.
    ///
    /// Where the handler has never waited, what is due now was due when the session was loaded: to ask the system for the time
    /// takes longer than most of what else is done here.
    pub(crate) fn begin_closing(&self, has_waited: bool) -> Closing {
        // Where nobody else holds it, nobody will.
        let is_alone = Arc::strong_count(&self.0) == 1;
        self.0.is_alone.store(is_alone, Ordering::Relaxed);
        let now = (has_waited || self.0.settings.clock.is_manual()).then(|| self.now());
        let closing = self.0.state().begin_closing(!is_alone, now);
        if closing != Closing::Write {
            self.0.patience.begin_anew_each_time();
        }
        closing
    }

    /// Writes what is pending, for the last time. Tells what the response has to say about the session cookie.
    pub(crate) async fn commit(self) -> Result<CookieDue, SessionError> {
        let outcome = self.0.write(Own::Nothing).await;
        let due = {
            let mut state = self.0.state();
            state.close();
            CookieDue::of(&state)
        };
        self.0.patience.begin_anew_each_time();
        outcome.map(|()| due)
    }

    /// Whether the session was to be destroyed, and lives on under another id.
    pub(crate) fn is_refused(&self) -> bool {
        self.0.state().is_refused()
    }

    /// From now on, changes that would wait for a commit are errors. What nobody has committed is given up.
    pub(crate) fn close(&self) {
        self.0.state().close();
        self.0.patience.begin_anew_each_time();
    }

    /// Whether its request has asked for its end.
    pub(crate) fn is_logged_out(&self) -> bool {
        self.0.state().is_logged_out()
    }

    /// Whether the browser must learn of a new id, whatever else becomes of the request.
    pub(crate) fn is_rotated(&self) -> bool {
        self.0.state().is_rotated()
    }

    /// What the response has to say about the session cookie.
    pub(crate) fn cookie_due(&self) -> CookieDue {
        CookieDue::of(&self.0.state())
    }
}

/// What a response has to say about the session cookie.
pub(crate) enum CookieDue {
    Nothing,
    Issue(Ticket),
    /// With the metadata of the session that was ended.
    Remove(Arc<Data>),
}

impl CookieDue {
    fn of(state: &State) -> CookieDue {
        match (state.ticket_due(), state.live()) {
            (TicketDue::Issue, Some(Live { key, record, .. })) => CookieDue::Issue(Ticket {
                key: key.clone(),
                idle_end: record.idle_end,
                absolute_end: record.absolute_end,
                persistent: record.lifetime.persistent,
                metadata: record.metadata.clone(),
            }),
            (TicketDue::Remove, _) => CookieDue::Remove(state.metadata_of_ended().cloned().unwrap_or_default()),
            _ => CookieDue::Nothing,
        }
    }
}

/// What goes into a session cookie.
pub(crate) struct Ticket {
    pub(crate) key: StoreKey,
    pub(crate) idle_end: Timestamp,
    pub(crate) absolute_end: Timestamp,
    pub(crate) persistent: Option<bool>,
    pub(crate) metadata: Arc<Data>,
}

/// What the keys of a session that are the library's own begin with: who chooses a key of the application must not grant
/// anything by it.
fn is_ours(key: &str) -> bool {
    key.starts_with("cloakroom:")
}

fn check_name(key: &str) -> Result<(), SessionError> {
    if is_ours(key) { Err(SessionError::new(SessionErrorKind::KeyRefused).of_key(key)) } else { Ok(()) }
}

/// Futures of handlers hold those that they wait for, and are moved about; so a large one stays where it is.
fn boxed<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
    Box::pin(future)
}

fn read<T: DeserializeOwned>(key: &str, value: Option<&Value>) -> Result<Option<T>, SessionError> {
    let value = value.map(Value::deserialize).transpose();
    value.map_err(|error| SessionError::from(error).of_key(key))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Session").field("keys", &state.keys()).field("user", &state.user()).finish_non_exhaustive()
    }
}
