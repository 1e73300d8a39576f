//! Session tickets: which id a request proves, and that the store is asked for no other.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use cloakroom::cookie::KeyRing;
use cloakroom::record::{Handle, Patch, Record, StoreKey, Value};
use cloakroom::store::{
    Applied, Capabilities, Created, Found, Guard, Loaded, Rotated, Store, StoreError, StoreErrorKind, StoreFuture,
    Token,
};
use cloakroom::{Session, SessionLayer, Timestamp};
use http::header::SET_COOKIE;
use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::cookie_header::{all, headers};
use crate::oracle::{express, mac};

const NAME: &[u8] = b"__Host-sid";
const SECRETS: [&[u8]; 2] = [b"the newest secret, of 32 bytes or more", b"an older secret, of 32 bytes or more"];
const FOREIGN: &[u8] = b"somebody else's secret, of 32 bytes too";

/// Cookies of the name that are tried, bytes of one that is, and valid tickets that are looked up.
const MOST_TRIED: usize = 1_024;
const LONGEST: usize = 4_096;
const MOST_VALID: usize = 4;

/// How long [`expand`] makes an input with what is repeated.
const LONGEST_CROWD: usize = 32_768;

/// The bytes as the `Cookie` headers of a request, with macros (`expand`) for what can't be guessed.
pub fn check(input: &[u8]) {
    let headers = headers(&expand(input));
    let values = all(&headers).into_iter().filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    let tried = values.take(MOST_TRIED).filter(|value| value.len() <= LONGEST).map(express::decode);
    let proved: Vec<String> = tried
        .filter_map(|text| express::unsign(&text, &SECRETS).map(|(id, _)| id.to_owned()).filter(|id| !id.is_empty()))
        .take(MOST_VALID)
        .collect();
    let living = proved.iter().position(|id| !is_over(id));
    let expected = &proved[..living.map_or(proved.len(), |at| at + 1)];

    let store = Arc::new(Recorder::default());
    let keys = KeyRing::from_secrets(SECRETS).expect("the secrets are long enough");
    let layer = SessionLayer::new(store.clone(), keys).expect("the default settings are good");
    let handler = service_fn(async |request: Request<()>| {
        let session = Session::from_request(&request).await.expect("the store answers");
        let id = session.get::<String>("id").expect("the record holds a string");
        Ok::<_, Infallible>(Response::new(id.unwrap_or_default()))
    });
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    let response = wait(layer.layer(handler).oneshot(request)).unwrap_or_else(|never| match never {});

    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(SET_COOKIE), "nothing was written, so no ticket is due");
    let asked = store.asked.lock().expect("no other thread").clone();
    assert_eq!(
        asked, expected,
        "the store is asked for what is proved, once each until one lives, and for nothing else"
    );
    assert_eq!(response.body(), living.map_or("", |at| &proved[at]), "the handler has that session");
}

/// Replaces what no fuzzer could find by itself: a byte from 1 to 8 and the text up to the next control character become a
/// ticket for that id. 0x0B takes the last byte away, 0x0C changes it, 0x0E says all that came before once more.
fn expand(input: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            1..=8 => {
                let end = rest.iter().position(|byte| *byte < b' ').unwrap_or(rest.len());
                expanded.extend(ticket(*first, &String::from_utf8_lossy(&rest[..end])).into_bytes());
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            0x0b => drop(expanded.pop()),
            0x0c => expanded.iter_mut().last().into_iter().for_each(|byte| *byte ^= 1),
            0x0e if expanded.len() < LONGEST_CROWD => expanded.extend_from_within(..),
            _ => expanded.push(*first),
        }
    }
    expanded
}

fn ticket(kind: u8, id: &str) -> String {
    let signed = |secret| format!("s:{}", express::sign(id, secret));
    match kind {
        1 => express::encode(&signed(SECRETS[0])),
        2 => express::encode(&signed(SECRETS[1])),
        3 => express::encode(&signed(FOREIGN)),
        // As it is, which is a ticket as well if it holds no semicolon and the like.
        4 => signed(SECRETS[0]),
        5 => express::encode(&(signed(SECRETS[0]) + "=")),
        6 => format!("s%3A{id}.{}", mac::base64(&mac::hmac(SECRETS[0], id.as_bytes()), mac::URL_SAFE)),
        7 => express::encode(&express::encode(&signed(SECRETS[0]))),
        _ => express::encode(&express::sign(id, SECRETS[0])),
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Whether the store has no session of that id, or has it no more.
fn is_over(id: &str) -> bool {
    id.starts_with("dead") || id.starts_with("late")
}

/// A store that has a session for nearly every id, tells which ones it was asked for, and is never written to.
#[derive(Debug, Default)]
struct Recorder {
    asked: Mutex<Vec<String>>,
}

impl Recorder {
    fn refuse<T>(&self) -> StoreFuture<'_, T> {
        StoreFuture::ready(Err(StoreError::new(StoreErrorKind::Other)))
    }
}

impl Store for Recorder {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        self.asked.lock().expect("no other thread").push(key.plain().to_owned());
        if is_over(key.plain()) {
            let was_rotated = key.plain().starts_with("late");
            return StoreFuture::ready(Ok(if was_rotated { Loaded::Superseded } else { Loaded::Missing }));
        }
        let end = Timestamp::from_millis(i64::MAX);
        let mut record = Record::new(now, end, end);
        let id = Value::serialize(key.plain()).expect("a string is JSON");
        record.data = Arc::new([("id", id)].into_iter().collect());
        StoreFuture::ready(Ok(Loaded::Found(Found::new(record, Token::version(1), Handle::new("handle")))))
    }

    fn create<'a>(&'a self, _: &'a StoreKey, _: &'a Record, _: Timestamp) -> StoreFuture<'a, Created> {
        self.refuse()
    }

    fn apply<'a>(&'a self, _: &'a StoreKey, _: &'a Patch, _: &'a Guard, _: Timestamp) -> StoreFuture<'a, Applied> {
        self.refuse()
    }

    fn rotate<'a>(
        &'a self,
        _: &'a StoreKey,
        _: &'a StoreKey,
        _: &'a Patch,
        _: &'a Guard,
        _: Timestamp,
    ) -> StoreFuture<'a, Rotated> {
        self.refuse()
    }

    fn destroy<'a>(&'a self, _: &'a StoreKey, _: Timestamp) -> StoreFuture<'a, bool> {
        self.refuse()
    }

    fn sweep(&self, _: usize, _: Timestamp) -> StoreFuture<'_, usize> {
        self.refuse()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::least()
    }
}
