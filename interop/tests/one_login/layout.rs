//! The sessions of each Express store, as far as the tests look into them.

use mongodb::bson::{Bson, Document};
use serde_json::Value;

use crate::database::Place;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// What `peer.js` calls it.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    /// What the reference server calls it.
    pub(crate) rust: &'static str,
    /// The options by which Rust keeps ended what it has ended, where there are any.
    pub(crate) tombstones: &'static str,
    pub(crate) late_saves: LateSaves,
    pub(crate) id: &'static str,
    pub(crate) expires: &'static str,
    pub(crate) session: &'static str,
    /// For how many days Express keeps a session whose cookie ends with the browser.
    pub(crate) days: i64,
    /// The session is a JSON string.
    pub(crate) is_text: bool,
}

/// What becomes of a session that Rust ends while a request of Express has it loaded, when that saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LateSaves {
    /// The database refuses the save, where there are tombstones.
    Refused,
    /// To Rust it stays dead, and is ended again where Rust comes across it.
    EndedAgain,
    /// It lives again.
    Revive,
}

const OBJECT: Layout = Layout {
    name: "connect-mongodb-session",
    place: Place::Mongodb,
    rust: "connect-mongodb-session",
    tombstones: "tombstones=1",
    late_saves: LateSaves::Refused,
    id: "_id",
    expires: "expires",
    session: "session",
    days: 14,
    is_text: false,
};

impl Layout {
    pub(crate) const CONNECT_MONGODB_SESSION: Layout = OBJECT;
    pub(crate) const FIELDS: Layout = Layout {
        name: "connect-mongodb-session-fields",
        rust: "connect-mongodb-session&id_field=sid&expires_key=_ts",
        id: "sid",
        expires: "_ts",
        ..OBJECT
    };
    pub(crate) const CONNECT_MONGO: Layout =
        Layout { name: "connect-mongo", rust: "connect-mongo", is_text: true, ..OBJECT };
    pub(crate) const CONNECT_MONGO_OBJECT: Layout =
        Layout { name: "connect-mongo-object", rust: "connect-mongo-object", ..OBJECT };
    pub(crate) const CONNECT_MONGO_WEB_CRYPTO: Layout = Layout {
        name: "connect-mongo-webcrypto",
        rust: "connect-mongo&crypto=both-sides-know-this-secret&crypto_iterations=1000",
        ..Layout::CONNECT_MONGO
    };
    pub(crate) const CONNECT_MONGO_WEB_CRYPTO_OBJECT: Layout = Layout {
        name: "connect-mongo-webcryptoobject",
        rust: "connect-mongo-object&crypto=both-sides-know-this-secret&crypto_iterations=1000",
        ..Layout::CONNECT_MONGO_OBJECT
    };
    pub(crate) const CONNECT_MONGO_5: Layout = Layout { name: "connect-mongo-5", ..Layout::CONNECT_MONGO };
    pub(crate) const CONNECT_MONGO_5_OBJECT: Layout =
        Layout { name: "connect-mongo-5-object", ..Layout::CONNECT_MONGO_OBJECT };

    pub(crate) const CONNECT_REDIS: Layout = Layout {
        name: "connect-redis",
        place: Place::Redis,
        rust: "connect-redis",
        tombstones: "",
        late_saves: LateSaves::EndedAgain,
        days: 1,
        ..Layout::CONNECT_MONGO
    };
    pub(crate) const CONNECT_PG_SIMPLE: Layout = Layout {
        name: "connect-pg-simple",
        place: Place::Postgres,
        rust: "connect-pg-simple",
        tombstones: "",
        late_saves: LateSaves::Revive,
        id: "sid",
        expires: "expire",
        session: "sess",
        days: 1,
        ..Layout::CONNECT_MONGO
    };

    /// The session in a document, where it is a text.
    pub(crate) fn text(self, document: &Document) -> &str {
        document.get_str(self.session).unwrap()
    }

    /// When the database removes it, in milliseconds since 1970.
    pub(crate) fn end(self, document: &Document) -> i64 {
        document.get_datetime(self.expires).unwrap().timestamp_millis()
    }

    /// The attributes of the cookie in a document, each with its value: names and types are what Express relies on.
    pub(crate) fn cookie(self, document: &Document) -> Vec<(String, String)> {
        if self.is_text {
            let session: Value = serde_json::from_str(self.text(document)).unwrap();
            let cookie = session["cookie"].as_object().unwrap();
            return cookie.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        }
        let cookie = document.get_document("session").unwrap().get_document("cookie").unwrap();
        cookie.iter().map(|(name, value)| (name.clone(), format!("{value:?}"))).collect()
    }

    /// The same, with the types in place of the values.
    pub(crate) fn shape(self, document: &Document) -> Vec<String> {
        let kind = |value: &str| if self.is_text { json_kind(value) } else { bson_kind(value) };
        self.cookie(document).iter().map(|(name, value)| format!("{name}: {}", kind(value))).collect()
    }
}

fn json_kind(value: &str) -> String {
    match serde_json::from_str(value).unwrap() {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        _ => "other",
    }
    .to_owned()
}

fn bson_kind(shown: &str) -> String {
    shown.split('(').next().unwrap().to_owned()
}

/// The value at a path such as `session.odd.date`.
pub(crate) fn at<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = document.get(first)?;
    match rest {
        None => Some(value),
        Some(rest) => at(value.as_document()?, rest),
    }
}
