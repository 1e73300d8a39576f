//! What is known of a session beside its data: the names in its metadata, and what they tell.

use std::net::IpAddr;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Data, Patch, Value, ValueError};
use crate::clock::Timestamp;

/// What the browser calls itself.
pub(crate) const USER_AGENT: &str = "user agent";
/// Where the last request that was noted came from, or the network of it.
pub(crate) const ADDRESS: &str = "address";
/// When its user logged in, in milliseconds.
pub(crate) const LOGGED_IN: &str = "logged in";
/// How its user logged in.
pub(crate) const METHOD: &str = "log-in method";
/// When its user proved again who they are, in milliseconds.
pub(crate) const AUTHENTICATED: &str = "authenticated";
/// What its user calls it.
pub(crate) const LABEL: &str = "label";
/// When its id was made, in milliseconds, where it is not as old as the session.
pub(crate) const ID_MADE: &str = "id made";
/// What the application's own keys begin with.
pub(crate) const OF_APPLICATION: &str = "app ";

/// A session's metadata, read. What is not there, or can't be read, is none: others may write to a store as well.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub(crate) &'a Data);

impl Facts<'_> {
    pub(crate) fn user_agent(&self) -> Option<String> {
        self.read(USER_AGENT)
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.read::<String>(ADDRESS)?.parse().ok()
    }

    pub(crate) fn label(&self) -> Option<String> {
        self.read(LABEL)
    }

    pub(crate) fn log_in_method(&self) -> Option<String> {
        self.read(METHOD)
    }

    pub(crate) fn logged_in_at(&self) -> Option<Timestamp> {
        self.time(LOGGED_IN)
    }

    /// When its user last proved who they are, by logging in or later.
    pub(crate) fn authenticated_at(&self) -> Option<Timestamp> {
        self.logged_in_at().max(self.time(AUTHENTICATED))
    }

    pub(crate) fn id_made(&self) -> Option<Timestamp> {
        self.time(ID_MADE)
    }

    /// A value of the application's own.
    pub(crate) fn of_application<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ValueError> {
        self.0.get(&application_key(key)).map(Value::deserialize).transpose()
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        self.0.get(key)?.as_i64().map(Timestamp::from_millis)
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.0.get(key)?.deserialize().ok()
    }
}

/// The name of a key of the application in the metadata.
pub(crate) fn application_key(key: &str) -> Arc<str> {
    format!("{OF_APPLICATION}{key}").into()
}

/// Whether a key says something of the user, which the next user's session must not say of them.
pub(crate) fn belongs_to_user(key: &str) -> bool {
    key == LABEL || key.starts_with(OF_APPLICATION)
}

/// The text as a value, cut to so many bytes, and not within a character.
pub(crate) fn cut(text: &str, bytes: usize) -> Option<Value> {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    // Text always makes a value.
    Value::serialize(&text[..end.unwrap_or(0)]).ok()
}

/// How a user has proved who they are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Proof {
    /// By logging in, by this method.
    LogIn(Option<Value>),
    /// Once more, in the midst of a session.
    Again,
}

impl Proof {
    pub(crate) fn note(&self, patch: &mut Patch, now: Timestamp) {
        let now = Value::from(now.as_millis());
        match self {
            Proof::LogIn(method) => {
                patch.set_metadata(LOGGED_IN, now);
                patch.unset_metadata(AUTHENTICATED);
                match method {
                    Some(method) => patch.set_metadata(METHOD, method.clone()),
                    None => patch.unset_metadata(METHOD),
                }
            }
            Proof::Again => patch.set_metadata(AUTHENTICATED, now),
        }
    }

    /// This, and then another.
    pub(crate) fn then(self, later: Proof) -> Proof {
        match (self, later) {
            (first @ Proof::LogIn(_), Proof::Again) => first,
            (_, later) => later,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let told = |bytes| cut("aé€", bytes).unwrap().deserialize::<String>().unwrap();
        assert_eq!([told(0), told(2), told(3), told(5), told(6), told(900)], ["", "a", "aé", "aé", "aé€", "aé€"]);
    }

    #[test]
    fn what_can_not_be_read_is_not_there() {
        let odd = Data::from_iter([USER_AGENT, ADDRESS, LOGGED_IN].map(|key| (key, Value::from_json("{}").unwrap())));
        let facts = Facts(&odd);
        assert_eq!((facts.user_agent(), facts.address(), facts.authenticated_at()), (None, None, None));
    }

    #[test]
    fn the_later_proof_tells_when() {
        let at = |millis: i64| Value::from(millis);
        let metadata =
            |times: &[(&'static str, i64)]| Data::from_iter(times.iter().map(|(key, millis)| (*key, at(*millis))));
        let told = |times| Facts(&metadata(times)).authenticated_at().map(Timestamp::as_millis);
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[(LOGGED_IN, 5)]), Some(5));
        assert_eq!(told(&[(LOGGED_IN, 5), (AUTHENTICATED, 7)]), Some(7));
        assert_eq!(told(&[(LOGGED_IN, 9), (AUTHENTICATED, 7)]), Some(9));
    }
}
