//! [`ExpressLayout`]: which of Express' session stores it is, and how that one is set up.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::StoreError;
use mongodb::bson::RawBsonRef;

use super::WebCrypto;
use super::document::{DEAD, SESSION};
use super::extras::EXTRAS;
use super::session::COOKIE;
use crate::error::no_place;

/// The collection of all these stores, unless they are told another.
pub(crate) const COLLECTION: &str = "sessions";

/// Two weeks, as all these stores have it.
const TTL: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// When connect-mongo has written the session last, or touched it; with its `touchAfter`.
pub(crate) const LAST_MODIFIED: &str = "lastModified";
/// When the session began; with `timestamps` of connect-mongo.
pub(crate) const CREATED_AT: &str = "createdAt";
/// The last write; with `timestamps` as well.
pub(crate) const UPDATED_AT: &str = "updatedAt";

/// The end of what never ends.
pub(crate) const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

/// JavaScript knows no later date.
const LAST_DATE: i64 = 8_640_000_000_000_000;

/// The layout of a session store of Express, as that store is set up.
///
/// Choose the package by its name, and repeat the options that it was given:
///
/// ```
/// use std::time::Duration;
///
/// use cloakroom_mongodb::ExpressLayout;
///
/// let layout = ExpressLayout::connect_mongodb_session()
///     .ttl(Duration::from_secs(3_600))
///     .user_at("passport.user")
///     .tombstones();
/// # let _ = layout;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressLayout {
    package: Package,
    pub(crate) id_field: String,
    pub(crate) expires_key: String,
    pub(crate) ttl: Duration,
    pub(crate) user_at: Option<Vec<String>>,
    pub(crate) tombstones: bool,
    pub(crate) keeps_last_modified: bool,
    pub(crate) timestamps: bool,
    pub(crate) crypto: Option<WebCrypto>,
    stringifies: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Package {
    ConnectMongodbSession,
    ConnectMongo,
}

impl ExpressLayout {
    /// The layout of `connect-mongodb-session`: the session as an object.
    pub fn connect_mongodb_session() -> ExpressLayout {
        ExpressLayout::new(Package::ConnectMongodbSession)
    }

    /// The layout of `connect-mongo` with `stringify: false`: the session as an object.
    pub fn connect_mongo_object() -> ExpressLayout {
        ExpressLayout::new(Package::ConnectMongo)
    }

    /// The layout of `connect-mongo` as it is by default: the session as a JSON text.
    ///
    /// The server can't change a part of a text. So a write reads it, and tries again where another write came in between;
    /// and each of the texts is read to find the sessions of a user by [`user_at`](ExpressLayout::user_at).
    pub fn connect_mongo() -> ExpressLayout {
        ExpressLayout { stringifies: true, ..ExpressLayout::new(Package::ConnectMongo) }
    }

    /// The layout of this name: `connect-mongodb-session`, `connect-mongo-object` or `connect-mongo`.
    pub fn by_name(name: &str) -> Option<ExpressLayout> {
        match name {
            "connect-mongodb-session" => Some(ExpressLayout::connect_mongodb_session()),
            "connect-mongo-object" => Some(ExpressLayout::connect_mongo_object()),
            "connect-mongo" => Some(ExpressLayout::connect_mongo()),
            _ => None,
        }
    }

    fn new(package: Package) -> ExpressLayout {
        ExpressLayout {
            package,
            id_field: "_id".to_owned(),
            expires_key: "expires".to_owned(),
            ttl: TTL,
            user_at: None,
            tombstones: false,
            keeps_last_modified: false,
            timestamps: false,
            crypto: None,
            stringifies: false,
        }
    }

    /// The field of the session id, `idField` of connect-mongodb-session; `_id` unless set.
    ///
    /// A name without `.` and `$`: with any other, each call of the store is an error. The field is given a unique index,
    /// which the package does not have; where it can't be, because two documents have one id, creating a session is an
    /// error.
    #[must_use]
    pub fn id_field(self, name: &str) -> ExpressLayout {
        ExpressLayout { id_field: name.to_owned(), ..self }
    }

    /// The field of the time at which the session ends, `expiresKey` of connect-mongodb-session; `expires` unless set.
    ///
    /// A name without `.` and `$`: with any other, each call of the store is an error.
    #[must_use]
    pub fn expires_key(self, name: &str) -> ExpressLayout {
        ExpressLayout { expires_key: name.to_owned(), ..self }
    }

    /// How long the store keeps a session whose cookie has no time of its own, in whole milliseconds: its `expires` or
    /// `ttl`; 14 days unless set.
    ///
    /// Only what Express has touched last is reckoned by it: when that was is told by the end alone.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> ExpressLayout {
        ExpressLayout { ttl, ..self }
    }

    /// Where in the session the application keeps its user, such as `passport.user`: names with dots in between.
    ///
    /// The user is then what stands there, a text or an integer, and nothing else; and a user who logs in is written
    /// there, so that Express sees it too. With a name that is empty, begins with `$` or is the session's `cookie`, each call
    /// of the store is an error.
    #[must_use]
    pub fn user_at(self, path: &str) -> ExpressLayout {
        ExpressLayout { user_at: Some(path.split('.').map(str::to_owned).collect()), ..self }
    }

    /// Leaves a mark for an hour where a session was ended, and lets the server refuse to write a session over it.
    ///
    /// Express writes a session back that a request has loaded, even if it was ended meanwhile. With the mark, that write
    /// fails instead, with an error in Express. For it the collection is given a validator beside the one that it may have;
    /// the application's user needs the right to change the collection.
    #[must_use]
    pub fn tombstones(self) -> ExpressLayout {
        ExpressLayout { tombstones: true, ..self }
    }

    /// That connect-mongo has a `touchAfter` of this length: it keeps the time of its last write in `lastModified`, and so does
    /// this store.
    ///
    /// How often this application touches a session is decided by its own settings.
    #[must_use]
    pub fn touch_after(self, touch_after: Duration) -> ExpressLayout {
        ExpressLayout { keeps_last_modified: !touch_after.is_zero(), ..self }
    }

    /// That connect-mongo has its `timestamps`: `createdAt`, and `updatedAt` for the last write.
    #[must_use]
    pub fn timestamps(self) -> ExpressLayout {
        ExpressLayout { timestamps: true, ..self }
    }

    /// That connect-mongo 6 encrypts the sessions by a `cryptoAdapter` of `createWebCryptoAdapter`, whether it stringifies them
    /// or not.
    ///
    /// A session that was encrypted with another key is an error of the store, for that most likely is a wrong secret. To
    /// find the sessions of a user by [`user_at`](ExpressLayout::user_at), all of the sessions are read.
    #[must_use]
    pub fn crypto(self, crypto: WebCrypto) -> ExpressLayout {
        ExpressLayout { crypto: Some(crypto), ..self }
    }

    /// Whether the session is one text, which the server can't look into.
    pub(crate) fn is_text(&self) -> bool {
        self.stringifies || self.crypto.is_some()
    }

    /// That the fields have names that one document can have.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let plain = |name: &str| !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '\0']);
        let taken = ["_id", SESSION, EXTRAS, DEAD, LAST_MODIFIED, CREATED_AT, UPDATED_AT];
        let fields = [&self.id_field, &self.expires_key];
        let own_id = self.id_field == "_id" || !taken.contains(&self.id_field.as_str());
        let distinct = own_id && self.id_field != self.expires_key && !taken.contains(&self.expires_key.as_str());
        let mut names = fields.into_iter().chain(self.user_at.iter().flatten());
        let cookie = self.user_at.as_ref().and_then(|path| path.first()).is_some_and(|name| name == COOKIE);
        if distinct && !cookie && names.all(|name| plain(name)) {
            Ok(())
        } else {
            Err(no_place("a field of that name"))
        }
    }

    /// The unique field that is not so by itself.
    pub(crate) fn own_id_field(&self) -> Option<&str> {
        (self.id_field != "_id").then_some(&*self.id_field)
    }

    /// Whether a session whose end is null lives for ever, or not at all.
    pub(crate) fn null_is_never(&self) -> bool {
        self.package == Package::ConnectMongodbSession
    }

    /// The idle end that a document tells; none if Express takes it for dead.
    pub(crate) fn idle_end(&self, expires: Option<RawBsonRef<'_>>) -> Option<Timestamp> {
        match expires {
            None => Some(NEVER),
            Some(RawBsonRef::DateTime(time)) => Some(Timestamp::from_millis(time.timestamp_millis())),
            Some(RawBsonRef::Null) if self.null_is_never() => Some(NEVER),
            Some(_) => None,
        }
    }
}

/// Whether JavaScript has a date for it. What has none is left out, which to Express is never.
pub(crate) fn has_date(time: Timestamp) -> bool {
    time.as_millis().unsigned_abs() <= LAST_DATE.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_has_the_name_of_its_package() {
        assert_eq!(ExpressLayout::by_name("connect-mongo-object"), Some(ExpressLayout::connect_mongo_object()));
        assert_eq!(ExpressLayout::by_name("connect-mongodb-session"), Some(ExpressLayout::connect_mongodb_session()));
        assert_eq!(ExpressLayout::by_name("connect-mongo"), Some(ExpressLayout::connect_mongo()));
        assert_eq!(ExpressLayout::by_name("native"), None);
    }

    #[test]
    fn names_that_no_document_can_have_are_errors() {
        let layout = ExpressLayout::connect_mongodb_session;
        for fine in
            [layout(), layout().id_field("sid").expires_key("_ts").user_at("passport.user"), layout().user_at("u")]
        {
            assert!(fine.check().is_ok(), "{fine:?}");
        }
        for bad in [
            layout().id_field("a.b"),
            layout().id_field("session"),
            layout().id_field("expires"),
            layout().expires_key("$x"),
            layout().expires_key("_id"),
            layout().expires_key(""),
            layout().user_at(""),
            layout().user_at("a..b"),
            layout().user_at("cookie.user"),
            layout().user_at("user.$id"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
