//! A session as a row, and a row as a session.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::express::SessionText;
use cloakroom::record::{Handle, Record, StoreKey};
use cloakroom::store::{Found, StoreError, Token};
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;

use super::extras::{EXTRAS, Extras, hex};
use super::layout::{COOKIE, ExpressLayout};
use super::text;
use crate::error::corrupt;
use crate::layout::{column, millis};

/// A row as it stands there.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) id: &'a str,
    pub(crate) text: &'a str,
    /// What `expire` means, in milliseconds.
    pub(crate) end: i64,
    /// Whether `expire` is what this store has written last.
    is_ours: bool,
    pub(crate) extras: Option<&'a str>,
}

/// What a row is.
pub(crate) enum Reading {
    /// A session that lives.
    Live(Box<Live>),
    /// One that is over.
    Over,
    /// What Express would fail on.
    Broken,
}

/// A session that lives.
pub(crate) struct Live {
    pub(crate) found: Found,
    pub(crate) session: SessionText,
    pub(crate) extras: Extras,
}

impl<'a> Stored<'a> {
    pub(crate) fn of(row: &'a Row) -> Result<Stored<'a>, StoreError> {
        Ok(Stored {
            id: column(row, 0, "sid")?,
            text: column(row, 1, "sess")?,
            end: column(row, 2, "expire")?,
            is_ours: column::<Option<bool>>(row, 3, EXTRAS)?.unwrap_or(false),
            extras: column(row, 4, EXTRAS)?,
        })
    }

    pub(crate) fn read(&self, layout: &ExpressLayout, now: Timestamp) -> Result<Reading, StoreError> {
        let extras = Extras::parse(self.extras)?;
        let told = Timestamp::from_millis(self.end);
        let ours = if self.is_ours { extras.idle_end()?.zip(extras.seen()?) } else { None };
        let mut record = Record::new(now, ours.map_or(told, |(idle_end, _)| idle_end), extras.absolute_end()?);
        if !record.is_live(now) {
            return Ok(Reading::Over);
        }
        let Some(session) = text::parse(self.text) else { return Ok(Reading::Broken) };
        let max_age = session.original_max_age();
        // What Express has touched last tells by its end when that was.
        let life = max_age.unwrap_or(millis(layout.ttl));
        let touched = Timestamp::from_millis(self.end.saturating_sub(life)).min(now);
        record.seen = ours.map_or(touched, |(_, seen)| seen);
        record.created = extras.created()?.unwrap_or(record.seen);
        record.lifetime = extras.lifetime(max_age);
        record.user = match layout.user_path() {
            Some(path) => session.user(&path),
            None => extras.user()?,
        };
        let mut metadata = extras.metadata()?;
        if let Some(attributes) = session.attributes() {
            metadata.insert(COOKIE, attributes);
        }
        record.metadata = Arc::new(metadata);
        record.data = Arc::new(session.data());
        let found = Found::new(record, token(&session, extras.version()?), handle_of(self.id));
        Ok(Reading::Live(Box::new(Live { found, session, extras })))
    }
}

/// The state that a session is in: what Express wrote of it, and how often this store did.
pub(crate) fn token(session: &SessionText, version: i64) -> Token {
    let max_age = session.original_max_age();
    Token::body(format!("{version} {max_age:?} {}", session.without_cookie()).into_bytes())
}

/// The public name of a key: half of its SHA-256.
pub(crate) fn handle(key: &StoreKey) -> Handle {
    Handle::new(hex(&key.digest()[..16]))
}

/// The public name of a session id.
pub(crate) fn handle_of(id: &str) -> Handle {
    Handle::new(hex(&Sha256::digest(id.as_bytes())[..16]))
}

/// The seconds that `expire` is to mean: whole ones and none too few, as the package writes them. Infinity beyond all dates.
pub(crate) fn seconds(idle_end: Timestamp) -> f64 {
    /// PostgreSQL knows no earlier date than in 4713 BC, and both know none after 275760.
    const DATES: std::ops::RangeInclusive<i64> = -210_000_000_000..=8_640_000_000_000;
    let millis = idle_end.as_millis();
    let seconds = millis.div_euclid(1_000) + i64::from(millis.rem_euclid(1_000) > 0);
    #[allow(clippy::cast_precision_loss, reason = "in this range there is none")]
    match seconds {
        _ if DATES.contains(&seconds) => seconds as f64,
        0.. => f64::INFINITY,
        _ => f64::NEG_INFINITY,
    }
}

/// A row that ought to have been there.
pub(crate) fn missing() -> StoreError {
    corrupt("sid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_whole_seconds_and_none_too_early() {
        let seconds = |millis| seconds(Timestamp::from_millis(millis));
        assert_eq!(seconds(1_893_553_445_678), 1_893_553_446.0);
        assert_eq!(seconds(1_893_553_445_000), 1_893_553_445.0);
        assert_eq!((seconds(0), seconds(1), seconds(-1), seconds(-1_001)), (0.0, 1.0, 0.0, -1.0));
        assert_eq!((seconds(i64::MAX), seconds(i64::MIN)), (f64::INFINITY, f64::NEG_INFINITY));
    }

    const COOKIE: &str = r#"{"originalMaxAge":60000,"expires":"2030-01-02T03:05:05.678Z","httpOnly":true,"path":"/"}"#;

    fn stored<'a>(text: &'a str, extras: Option<&'a str>, is_ours: bool) -> Stored<'a> {
        Stored { id: "id", text, end: 100_000, is_ours, extras }
    }

    #[test]
    fn what_express_has_touched_tells_when_by_its_end() {
        let text = format!(r#"{{"cookie":{COOKIE},"n":1}}"#);
        let extras = r#"{"v":3,"c":1000,"s":2000,"e":99500,"w":"…"}"#;
        let layout = ExpressLayout::connect_pg_simple();
        let read = |is_ours, now| match stored(&text, Some(extras), is_ours).read(&layout, Timestamp::from_millis(now))
        {
            Ok(Reading::Live(live)) => Some(live.found.record),
            Ok(_) => None,
            Err(error) => panic!("{error}"),
        };
        let at = Timestamp::from_millis;
        let ours = read(true, 99_499).unwrap();
        assert_eq!((ours.created, ours.seen, ours.idle_end), (at(1_000), at(2_000), at(99_500)));
        assert_eq!(read(true, 99_500), None);
        let theirs = read(false, 99_999).unwrap();
        assert_eq!((theirs.created, theirs.seen, theirs.idle_end), (at(1_000), at(40_000), at(100_000)));
        assert_eq!(read(false, 30_000).unwrap().seen, at(30_000), "not in the future");
    }

    #[test]
    fn what_express_fails_on_is_broken() {
        let layout = ExpressLayout::connect_pg_simple();
        for text in [
            "[]",
            "1",
            r#""{}""#,
            "{}",
            r#"{"cookie":1}"#,
            r#"{"cookie":{"originalMaxAge":"x"}}"#,
            r#"{"cookie":{"originalMaxAge":1e300}}"#,
        ] {
            let reading = stored(text, None, false).read(&layout, Timestamp::from_millis(0)).unwrap();
            assert!(matches!(reading, Reading::Broken), "{text}");
        }
        assert!(stored("{}", Some("[]"), false).read(&layout, Timestamp::from_millis(0)).is_err());
    }
}
