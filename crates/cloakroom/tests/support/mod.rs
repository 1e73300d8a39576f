//! A store that can be watched and made to fail, and a small application around it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod stranger;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request};
use axum::routing::get;
use cloakroom::cookie::KeyRing;
use cloakroom::record::{Patch, Record, StoreKey};
use cloakroom::store::{
    Applied, Capabilities, Created, Directory, Entry, Guard, Loaded, MemoryStore, Rotated, Store, StoreError,
    StoreErrorKind, StoreFuture,
};
use cloakroom::testing::Browser;
use cloakroom::{Clock, Handle, Session, SessionError, SessionLayer, SessionLayerBuilder, Timestamp, UserId};
use http::{Response, StatusCode};

pub const SECRET: &str = "a test's secret of more than 32 bytes";

/// A memory store that remembers what it was asked, and fails or hangs when it is told to.
#[derive(Debug, Default)]
pub struct Watched {
    pub memory: MemoryStore,
    calls: Mutex<Vec<&'static str>>,
    pub fails: AtomicBool,
    pub hangs: AtomicBool,
    /// Each answer takes so many milliseconds.
    pub delay: AtomicU64,
    /// So many rotations are carried out, but the answer is lost.
    pub loses_rotations: AtomicUsize,
    pub release: tokio::sync::Notify,
    /// After the next call of this name, it fails.
    fails_after: Mutex<Option<&'static str>>,
}

/// A store without a directory.
#[derive(Debug, Default)]
pub struct Undirected(MemoryStore);

impl Watched {
    /// What it was asked since the last time.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Lets the next call of this name pass, and fails from then on.
    pub fn fails_after(&self, name: &'static str) {
        *self.fails_after.lock().unwrap() = Some(name);
    }

    /// Waits until it is asked for this.
    pub async fn is_asked_for(&self, name: &str) {
        while !self.calls().contains(&name) {
            tokio::task::yield_now().await;
        }
    }

    fn tell<'a, T>(&self, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        match self.fails.load(Ordering::SeqCst) {
            true => StoreFuture::ready(Err(StoreError::new(StoreErrorKind::Unavailable))),
            false => answer,
        }
    }

    fn ask<'a, T: Send + 'a>(&'a self, name: &'static str, answer: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        self.calls.lock().unwrap().push(name);
        if self.fails_after.lock().unwrap().take_if(|last| *last == name).is_some() {
            self.fails.store(true, Ordering::SeqCst);
            return answer;
        }
        if self.fails.load(Ordering::SeqCst) {
            return StoreFuture::ready(Err(StoreError::new(StoreErrorKind::Unavailable)));
        }
        if self.hangs.load(Ordering::SeqCst) {
            return StoreFuture::new(async move {
                self.release.notified().await;
                answer.await
            });
        }
        match self.delay.load(Ordering::SeqCst) {
            0 => answer,
            delay => StoreFuture::new(async move {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                answer.await
            }),
        }
    }
}

impl Store for Watched {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.ask("load", self.memory.load(key, now))
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.ask("create", StoreFuture::new(async move { self.memory.create(key, record, now).await }))
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.ask("apply", StoreFuture::new(async move { self.memory.apply(key, patch, guard, now).await }))
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.ask(
            "rotate",
            StoreFuture::new(async move {
                let rotated = self.memory.rotate(old, new, patch, guard, now).await?;
                let less = |left: usize| left.checked_sub(1);
                match self.loses_rotations.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                    Ok(_) => Err(StoreError::new(StoreErrorKind::Unavailable)),
                    Err(_) => Ok(rotated),
                }
            }),
        )
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.ask("destroy", StoreFuture::new(async move { self.memory.destroy(key, now).await }))
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.ask("sweep", self.memory.sweep(limit, now))
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
    }
}

/// Fails as the store does, and is not watched.
impl Directory for Watched {
    fn list<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.tell(self.memory.list(user, now))
    }

    fn count<'a>(&'a self, user: &'a UserId, now: Timestamp) -> StoreFuture<'a, u64> {
        self.tell(self.memory.count(user, now))
    }

    fn revoke<'a>(&'a self, user: &'a UserId, handle: &'a Handle, now: Timestamp) -> StoreFuture<'a, bool> {
        self.tell(StoreFuture::new(async move { self.memory.revoke(user, handle, now).await }))
    }

    fn revoke_all<'a>(&'a self, user: &'a UserId, except: Option<&'a Handle>, now: Timestamp) -> StoreFuture<'a, u64> {
        self.tell(StoreFuture::new(async move { self.memory.revoke_all(user, except, now).await }))
    }

    fn page<'a>(&'a self, after: Option<&'a Handle>, limit: usize, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        self.tell(self.memory.page(after, limit, now))
    }
}

impl Store for Undirected {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.0.load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> StoreFuture<'a, Created> {
        self.0.create(key, record, now)
    }

    fn apply<'a>(
        &'a self,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        self.0.apply(key, patch, guard, now)
    }

    fn rotate<'a>(
        &'a self,
        old: &'a StoreKey,
        new: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.0.rotate(old, new, patch, guard, now)
    }

    fn destroy<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, bool> {
        self.0.destroy(key, now)
    }

    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<'_, usize> {
        self.0.sweep(limit, now)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

/// An application with one watched store and a clock of its own.
pub struct Site {
    pub store: Arc<Watched>,
    pub clock: Clock,
    pub layer: SessionLayer,
    routes: Router,
}

impl Site {
    pub fn new(routes: Router) -> Site {
        Site::with(routes, |builder| builder)
    }

    /// A site whose layer has more settings.
    pub fn with(routes: Router, settings: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder) -> Site {
        let (store, clock) = (Arc::new(Watched::default()), Clock::manual(Timestamp::from_millis(1_800_000_000_000)));
        let builder = SessionLayer::builder(store.clone(), KeyRing::new(SECRET).unwrap()).clock(clock.clone());
        let layer = settings(builder).build().unwrap();
        Site { store, clock, layer, routes }
    }

    /// The same site and store behind a layer with other settings.
    pub fn behind(&self, keys: KeyRing) -> Site {
        let layer = SessionLayer::builder(self.store.clone(), keys).clock(self.clock.clone()).build().unwrap();
        Site { store: self.store.clone(), clock: self.clock.clone(), layer, routes: self.routes.clone() }
    }

    pub fn app(&self) -> Router {
        self.routes.clone().layer(self.layer.clone())
    }

    /// One GET with the browser's cookies.
    pub async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let response = browser.send(self.app(), Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        Answer::read(response).await
    }

    /// Lets time pass.
    pub fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn read(response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1_000_000).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn sets_cookie(&self) -> bool {
        self.headers.contains_key("set-cookie")
    }
}

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);

/// What the handlers here return.
pub type Result<T = String> = std::result::Result<T, SessionError>;

/// A handler for each thing that is done to sessions.
pub fn routes() -> Router {
    async fn read(session: Session) -> Result {
        Ok(session.get::<i64>("n")?.unwrap_or(0).to_string())
    }
    async fn set(session: Session, Path((key, value)): Path<(String, String)>) -> Result {
        session.insert(&key, value)?;
        Ok("set".into())
    }
    async fn text(session: Session, Path(key): Path<String>) -> Result {
        Ok(session.get::<String>(&key)?.unwrap_or_default())
    }
    async fn incr(session: Session) -> Result {
        Ok(session.increment("n", 1).await?.to_string())
    }
    async fn log_in(session: Session, Path(user): Path<String>) -> Result {
        session.log_in(user)?;
        Ok("in".into())
    }
    async fn log_out(session: Session) -> Result {
        session.log_out()?;
        Ok("out".into())
    }
    async fn rotate(session: Session) -> Result {
        session.rotate().await?;
        Ok("rotated".into())
    }
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/read", get(read))
        .route("/set/{key}/{value}", get(set))
        .route("/text/{key}", get(text))
        .route("/incr", get(incr))
        .route("/login/{user}", get(log_in))
        .route("/logout", get(log_out))
        .route("/rotate", get(rotate))
        .route(
            "/whoami",
            get(|session: Session| async move { session.user().map_or("-".into(), |user| user.to_string()) }),
        )
}

/// A browser that has a session with n = 1.
pub async fn visitor(site: &Site) -> Browser {
    let mut browser = Browser::new();
    assert_eq!(site.get(&mut browser, "/incr").await.body, "1");
    site.store.calls();
    browser
}

/// A browser whose session belongs to a user.
pub async fn logged_in(site: &Site, user: &str) -> Browser {
    let mut browser = visitor(site).await;
    assert_eq!(site.get(&mut browser, &format!("/login/{user}")).await.body, "in");
    site.store.calls();
    browser
}

/// One request of the browser whose handler does this.
pub async fn act<F, Fut>(site: &Site, browser: &mut Browser, act: F) -> Answer
where
    F: FnOnce(Session) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let act = Arc::new(Mutex::new(Some(act)));
    let handler = move |session: Session| {
        let act = act.lock().unwrap().take().unwrap();
        async move { act(session).await.map(|()| "done") }
    };
    let app = Router::new().route("/", get(handler)).layer(site.layer.clone());
    let response = browser.send(app, Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    Answer::read(response).await
}
