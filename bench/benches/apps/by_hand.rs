//! The least that a signed session can cost: what somebody might write by hand for this one application.
//!
//! Typed data behind a lock, found in a map by an id that HMAC-SHA-256 has signed. It ends no session, bounds no memory, knows no
//! store but this map, and a handler's changes are there before its response is.

use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::record::StoreKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tower::{Layer, Service};

use super::{BODY, next};

pub(super) fn router() -> Router {
    let key = Hmac::new_from_slice(&[7; 32]).expect("any length is right");
    Router::new()
        .route("/untouched", get(async || BODY))
        .route("/read", get(async |session: Session| session.read(|data| data.n)))
        .route("/write", get(async |session: Session| session.change(|data| data.visit = next())))
        .route("/rewrite", get(async |session: Session| session.change(|data| "dark".clone_into(&mut data.theme))))
        .route("/increment", get(async |session: Session| session.change(|data| data.n += 1)))
        .layer(Sessions(Arc::new(All { key, data: Mutex::default() })))
}

#[derive(Default)]
struct Data {
    n: i64,
    visit: u64,
    theme: String,
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
        let (id, data) = (StoreKey::generate().expect("random bytes"), Arc::default());
        let signature = URL_SAFE_NO_PAD.encode(self.key.clone().chain_update(id.plain()).finalize().into_bytes());
        let line = format!("sid={}.{signature}; Path=/; HttpOnly; SameSite=Lax", id.plain());
        self.data.lock().expect("nobody panics").insert(id.plain().to_owned(), Arc::clone(&data));
        (data, HeaderValue::from_str(&line).expect("a header"))
    }
}

/// The session of a request, and the line that the response is to carry.
#[derive(Clone)]
struct Session(Arc<Place>);

struct Place {
    all: Arc<All>,
    data: OnceLock<Option<Arc<Mutex<Data>>>>,
    line: OnceLock<HeaderValue>,
}

impl Session {
    fn read(&self, read: impl FnOnce(&Data) -> i64) -> &'static str {
        if let Some(Some(data)) = self.0.data.get() {
            black_box(read(&data.lock().expect("nobody panics")));
        }
        BODY
    }

    fn change(&self, change: impl FnOnce(&mut Data)) -> &'static str {
        match self.0.data.get() {
            Some(Some(data)) => change(&mut data.lock().expect("nobody panics")),
            _ => {
                let (data, line) = self.0.all.make();
                change(&mut data.lock().expect("nobody panics"));
                self.0.line.get_or_init(|| line);
            }
        }
        BODY
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

#[derive(Clone)]
struct Sessions(Arc<All>);

impl<S> Layer<S> for Sessions {
    type Service = WithSession<S>;

    fn layer(&self, inner: S) -> WithSession<S> {
        WithSession { inner, all: self.0.clone() }
    }
}

#[derive(Clone)]
struct WithSession<S> {
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
    struct Answer<F> {
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
