//! [`ConnectRedis`]: how connect-redis is set up.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{KeyRules, StoreError};

use super::text::EXTRAS;
use crate::error;

/// A day, as connect-redis has it.
const TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The end of what never ends.
pub(super) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// JavaScript knows no later date.
const LAST_DATE: i64 = 8_640_000_000_000_000;

/// What is something else in a session of Express can't be a key.
pub(super) const KEYS: KeyRules = KeyRules {
    reserved: &[
        "cookie",
        // What this store keeps there.
        EXTRAS,
        // What a session of express-session has by itself.
        "id",
        "req",
        "save",
        "touch",
        "reload",
        "destroy",
        "regenerate",
        "resetMaxAge",
        // What every object of JavaScript has by itself: express-session leaves a key of that name out when it loads.
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ],
    nul: true,
};

/// The layout of connect-redis, as that store is set up. Repeat the options that it was given:
///
/// ```
/// use std::time::Duration;
///
/// use cloakroom_redis::ConnectRedis;
///
/// let layout = ConnectRedis::new().prefix("myapp:").ttl(Duration::from_secs(3_600)).user_at("passport.user");
/// # let _ = layout;
/// ```
///
/// Its `disableTouch` needs no word here: how often this application touches a session is decided by its own settings. With a
/// `serializer` other than JSON, sessions can't be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRedis {
    pub(super) prefix: String,
    pub(super) ttl: Duration,
    pub(super) has_ends: bool,
    pub(super) user_at: Option<Vec<String>>,
}

impl Default for ConnectRedis {
    fn default() -> ConnectRedis {
        ConnectRedis::new()
    }
}

impl ConnectRedis {
    /// The layout of connect-redis without options.
    pub fn new() -> ConnectRedis {
        ConnectRedis { prefix: "sess:".to_owned(), ttl: TTL, has_ends: true, user_at: None }
    }

    /// What the keys begin with, its `prefix`; `sess:` unless set.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> ConnectRedis {
        ConnectRedis { prefix: prefix.to_owned(), ..self }
    }

    /// How long it keeps a session whose cookie has no time of its own, its `ttl`; one day unless set.
    ///
    /// Only what Express has written or touched last is reckoned by it: when that was is told by the end alone.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> ConnectRedis {
        ConnectRedis { ttl, ..self }
    }

    /// That it has `disableTTL`: to Express its sessions never end, and the server removes none.
    #[must_use]
    pub fn disable_ttl(self) -> ConnectRedis {
        ConnectRedis { has_ends: false, ..self }
    }

    /// Where in the session the application keeps its user, such as `passport.user`: names with dots in between.
    ///
    /// The user is then what stands there, a text or an integer, and nothing else; and a user who logs in is written there, so
    /// that Express sees it too. With a name that is empty, or that this layout reserves, each call of the store is an error.
    #[must_use]
    pub fn user_at(self, path: &str) -> ConnectRedis {
        ConnectRedis { user_at: Some(path.split('.').map(str::to_owned).collect()), ..self }
    }

    pub(super) fn path(&self) -> Option<Vec<&str>> {
        self.user_at.as_ref().map(|path| path.iter().map(String::as_str).collect())
    }

    /// That the user's path is one.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let Some(path) = &self.user_at else { return Ok(()) };
        let is_fine = path.iter().all(|name| !name.is_empty()) && path.first().is_some_and(|name| KEYS.allow(name));
        if is_fine { Ok(()) } else { Err(error::bad_setting("the layout has no place for a user at that path")) }
    }
}

/// Whether JavaScript has a date for it.
pub(super) fn has_date(time: Timestamp) -> bool {
    time.as_millis().unsigned_abs() <= LAST_DATE.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_no_session_can_have_is_an_error() {
        for fine in ["user", "passport.user", "a.cookie"] {
            assert!(ConnectRedis::new().user_at(fine).check().is_ok(), "{fine}");
        }
        for bad in ["", "a..b", "cookie.user", "cloakroom", "__proto__.x"] {
            assert!(ConnectRedis::new().user_at(bad).check().is_err(), "{bad}");
        }
    }
}
