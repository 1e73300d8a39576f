//! The least that a signed session can cost: what somebody might write by hand for one application alone.
//!
//! Typed data behind a lock, found in a map by an id that HMAC-SHA-256 has signed. It ends no session, bounds no memory, knows no
//! store but this map, and a handler's changes are there before its response is.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tower::{Layer, Service};

/// The layer that gives each request its [`Session`].
#[derive(Clone)]
pub(crate) struct Sessions(Arc<All>);

/// What a session holds.
#[derive(Default)]
pub(crate) struct Data {
    pub(crate) n: i64,
    pub(crate) text: String,
}

struct All {
    key: Hmac<Sha256>,
    data: Mutex<HashMap<String, Arc<Mutex<Data>>>>,
}

impl All {
    fn find(&self, headers: &HeaderMap) -> Option<Arc<Mutex<Data>>> {
        let cookies = headers.get(COOKIE)?.to_str().ok()?;
        let (id, signature) = cookies.split(';').find_map(|pair| pair.trim().strip_prefix("sid="))?.split_once('.')?;
        let mut bytes = [0; 32];
        URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        self.key.clone().chain_update(id).verify_slice(&bytes).ok()?;
        self.data.lock().expect("nobody panics").get(id).cloned()
    }

    fn make(&self) -> (Arc<Mutex<Data>>, HeaderValue) {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("random bytes");
        let (id, data) = (URL_SAFE_NO_PAD.encode(bytes), Arc::default());
        let signature = URL_SAFE_NO_PAD.encode(self.key.clone().chain_update(&id).finalize().into_bytes());
        let line = format!("sid={id}.{signature}; Path=/; HttpOnly; SameSite=Lax");
        self.data.lock().expect("nobody panics").insert(id, Arc::clone(&data));
        (data, HeaderValue::from_str(&line).expect("a header"))
    }
}

/// The session of a request, and the line that the response is to carry.
#[derive(Clone)]
pub(crate) struct Session(Arc<Place>);

struct Place {
    all: Arc<All>,
    data: OnceLock<Option<Arc<Mutex<Data>>>>,
    line: OnceLock<HeaderValue>,
}

impl Session {
    /// What `read` makes of its data; none if there is no session.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Data) -> T) -> Option<T> {
        let data = self.0.data.get()?.as_ref()?;
        Some(read(&data.lock().expect("nobody panics")))
    }

    /// Changes its data. A session begins with it if there is none.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Data) -> T) -> T {
        if let Some(Some(data)) = self.0.data.get() {
            return change(&mut data.lock().expect("nobody panics"));
        }
        let (data, line) = self.0.all.make();
        self.0.line.get_or_init(|| line);
        change(&mut data.lock().expect("nobody panics"))
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session, StatusCode> {
        let session = parts.extensions.get::<Session>().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        session.0.data.get_or_init(|| session.0.all.find(&parts.headers));
        Ok(session.clone())
    }
}

impl Sessions {
    pub(crate) fn new() -> Sessions {
        let key = Hmac::new_from_slice(&[7; 32]).expect("any length is right");
        Sessions(Arc::new(All { key, data: Mutex::default() }))
    }
}

impl<S> Layer<S> for Sessions {
    type Service = WithSession<S>;

    fn layer(&self, inner: S) -> WithSession<S> {
        WithSession { inner, all: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct WithSession<S> {
    inner: S,
    all: Arc<All>,
}

impl<S, B, R> Service<Request<B>> for WithSession<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let place = Place { all: self.all.clone(), data: OnceLock::new(), line: OnceLock::new() };
        let session = Session(Arc::new(place));
        request.extensions_mut().insert(session.clone());
        Answer { inner: self.inner.call(request), session }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct Answer<F> {
        #[pin]
        inner: F,
        session: Session,
    }
}

impl<F: Future<Output = Result<Response<B>, E>>, B, E> Future for Answer<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let place = &this.session.0;
        if place.data.get().is_some() {
            response.headers_mut().insert(VARY, HeaderValue::from_static("cookie"));
        }
        if let Some(line) = place.line.get() {
            response.headers_mut().insert(SET_COOKIE, line.clone());
        }
        Poll::Ready(Ok(response))
    }
}
