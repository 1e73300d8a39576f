//! The session cookie: `s:<id>.<signature>`, percent-encoded, as Express signs it.

use std::borrow::Cow;
use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderValue};
use memchr::{memchr, memrchr};

use super::attributes::Attributes;
use super::config::Config;
use super::express::COOKIE;
use crate::cookie::{self, CookieError, CookieValue, SetCookie};
use crate::record::{Data, SessionId, StoreKey};
use crate::session::{RESERVED_ID, Ticket};

/// How many cookies of the name are tried. A browser sends several where cookies of other paths or domains have the same
/// name; but whoever can set cookies for a sibling domain can send many, and the valid one must count wherever it stands. So
/// many take a fraction of a millisecond.
const MOST_TRIED: usize = 1_024;

/// A browser keeps no longer cookie.
const LONGEST: usize = 4096;

/// How many valid tickets are looked up. A browser has several if the cookie's path or domain was changed once.
const MOST_VALID: usize = 4;

/// A ticket that one of our keys has signed.
#[derive(Clone, Debug)]
pub(super) struct Valid {
    pub(super) key: StoreKey,
    /// It was not the newest key.
    pub(super) outdated: bool,
    /// The next one in the request, to be tried if the session of this one is no more.
    pub(super) next: Option<Box<Valid>>,
}

/// What a request's cookies of the session cookie's name are worth.
#[derive(Debug)]
pub(super) struct Tickets {
    /// The valid ones, wherever they stand.
    pub(super) valid: Option<Valid>,
    /// How many are worth nothing, of those that were tried.
    pub(super) bad: usize,
}

/// The tickets among a request's cookies.
pub(super) fn find(config: &Config, headers: &HeaderMap) -> Tickets {
    let mut bad = 0;
    let values = cookie::values(headers, config.cookie.name().as_str());
    let verified = values.take(MOST_TRIED).filter_map(|raw| {
        let ticket = verify(config, raw);
        bad += usize::from(ticket.is_none());
        ticket
    });
    let valid = chain(&mut verified.take(MOST_VALID));
    Tickets { valid, bad }
}

/// The tickets of sessions and of the numbers of the keys that have signed them.
fn chain(found: &mut impl Iterator<Item = (StoreKey, usize)>) -> Option<Valid> {
    let (key, key_number) = found.next()?;
    Some(Valid { key, outdated: key_number > 0, next: chain(found).map(Box::new) })
}

/// The session of a ticket, and the number of the key that has signed it.
fn verify(config: &Config, raw: &[u8]) -> Option<(StoreKey, usize)> {
    if raw.len() > LONGEST {
        return None;
    }
    if let Some(known) = config.verified.get(raw) {
        return Some(known);
    }
    let (id, key_number) = match split(raw) {
        Some((id, signature)) => (Cow::Borrowed(id), config.keys.verify(id.as_bytes(), &signature)?),
        None => {
            let text = cookie::decode(raw);
            let (id, key_number) = config.keys.express_unsign_by(&text)?;
            (Cow::Owned(id.to_owned()), key_number)
        }
    };
    // What the library keeps for itself is no session, whoever has signed its id.
    if id.is_empty() || id == RESERVED_ID {
        return None;
    }
    let key = StoreKey::from(SessionId::from_ticket(&id));
    config.verified.insert(raw, key.clone(), key_number);
    Some((key, key_number))
}

/// The id and the signature of a ticket as nearly all are: no escape in the id, so that it needs no decoding.
fn split(raw: &[u8]) -> Option<(&str, [u8; 43])> {
    let signed = raw.strip_prefix(b"s%3A")?;
    let (id, escaped) = signed.split_at(memrchr(b'.', signed)?);
    let mut signature = [0; 43];
    let length = cookie::unescape(&escaped[1..], &mut signature)?;
    let is_plain = length == signature.len() && memchr(b'%', id).is_none();
    is_plain.then(|| std::str::from_utf8(id).ok())?.map(|id| (id, signature))
}

/// The Set-Cookie line that hands out a ticket.
pub(crate) fn issue(config: &Config, ticket: &Ticket) -> Result<HeaderValue, CookieError> {
    let value = CookieValue::encode(config.keys.express_sign(ticket.key.plain()))?;
    let mut cookie = cookie_of(config, &ticket.metadata).into_owned().with_value(value);
    if !ticket.persistent.unwrap_or(config.persistent) {
        // It tells no time, so none is asked for.
        return cookie.to_header_value_at(UNIX_EPOCH);
    }
    // Where it follows the idle end, it is sent again when that moves.
    let end = if config.is_express { ticket.idle_end } else { ticket.absolute_end };
    cookie = cookie.expires(end.into());
    cookie.to_header_value_at(config.settings.clock.now().into())
}

/// The Set-Cookie line that takes the ticket away.
pub(super) fn take_back(config: &Config, metadata: &Data) -> Result<HeaderValue, CookieError> {
    cookie_of(config, metadata).removal().to_header_value()
}

/// The session cookie without a value, with the attributes that this session's has: the layer's own but where Express keeps them
/// with the session.
fn cookie_of<'a>(config: &'a Config, metadata: &Data) -> Cow<'a, SetCookie> {
    let own = metadata.get(COOKIE).filter(|_| config.is_express);
    match own.map(|kept| Attributes::from_express(kept).cookie(config.cookie.name().clone())) {
        None => Cow::Borrowed(&config.cookie),
        Some(Ok(cookie)) => Cow::Owned(cookie),
        Some(Err(error)) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "a session's own cookie attributes are none that a browser takes: the layer's are sent"
            );
            Cow::Borrowed(&config.cookie)
        }
    }
}
