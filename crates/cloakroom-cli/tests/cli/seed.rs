//! Sessions to begin with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cloakroom::record::{Record, StoreKey, UserId, Value};
use cloakroom::store::{Created, Loaded, Store};
use cloakroom::{Handle, Timestamp};
use cloakroom_stores::StoreUrl;

/// What must never be printed, in each value of a session.
pub(crate) const VALUE: &str = "hunter2-in-a-session";

/// A store that is open, and what was put there.
pub(crate) struct Seed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sessions: Vec<Session>,
}

pub(crate) struct Session {
    pub(crate) key: StoreKey,
    pub(crate) handle: Handle,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    url.parse::<StoreUrl>().unwrap().open().await.unwrap()
}

/// A session of this user, that began an hour ago and lives for one more.
pub(crate) fn record(user: Option<&str>) -> Record {
    let now = now();
    let began = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let mut record = Record::new(began, now + Duration::from_secs(3_600), now + Duration::from_secs(86_400));
    record.user = user.map(|user| UserId::new(user).unwrap());
    let values = [("note", Value::serialize(VALUE).unwrap()), ("n", Value::from(7))];
    record.data = Arc::new(values.into_iter().collect());
    record.metadata = Arc::new([("agent", Value::serialize("Lynx\u{1b}[2J").unwrap())].into_iter().collect());
    record
}

impl Seed {
    /// A session for each of these users; none for nobody.
    pub(crate) async fn new(url: &str, users: &[Option<&str>]) -> Seed {
        let mut seed = Seed { store: open(url).await, sessions: Vec::new() };
        for user in users {
            seed.put(&record(*user)).await;
        }
        seed
    }

    pub(crate) async fn put(&mut self, record: &Record) {
        let key = StoreKey::generate().unwrap();
        let Created::Done { handle, .. } = self.store.create(&key, record, now()).await.unwrap() else {
            panic!("taken")
        };
        self.sessions.push(Session { key, handle });
    }

    pub(crate) fn handle(&self, index: usize) -> &str {
        self.sessions[index].handle.as_str()
    }

    pub(crate) async fn lives(&self, index: usize) -> bool {
        is_in(&*self.store, &self.sessions[index].key).await
    }

    /// How many of them live in a store.
    pub(crate) async fn living_in(&self, store: &dyn Store) -> usize {
        let mut living = 0;
        for session in &self.sessions {
            living += usize::from(is_in(store, &session.key).await);
        }
        living
    }
}

pub(crate) async fn is_in(store: &dyn Store, key: &StoreKey) -> bool {
    matches!(store.load(key, now()).await.unwrap(), Loaded::Found(_))
}
