//! What a layer notes of a request's browser.

use http::header::USER_AGENT;
use http::{Extensions, HeaderMap};

use super::address::Addresses;
use crate::record::Value;
use crate::record::facts::{self, cut};
use crate::session::Noted;

/// The bytes that are kept of a user agent.
const LONGEST_USER_AGENT: usize = 256;

/// What is kept of the browser with each session.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) user_agent: bool,
    pub(super) addresses: Addresses,
}

impl Notes {
    pub(super) fn of(&self, extensions: &Extensions, headers: &HeaderMap) -> Noted {
        let mut noted = Noted::new();
        let user_agent = headers.get(USER_AGENT).filter(|_| self.user_agent);
        let user_agent = user_agent.map(|text| String::from_utf8_lossy(text.as_bytes()));
        if let Some(text) = user_agent.and_then(|text| cut(&text, LONGEST_USER_AGENT)) {
            noted.push((facts::USER_AGENT, text));
        }
        let address = self.addresses.of(extensions, headers).map(|address| address.to_string());
        if let Some(Ok(address)) = address.map(|address| Value::serialize(&address)) {
            noted.push((facts::ADDRESS, address));
        }
        noted
    }

    /// Whether nothing is to be kept.
    pub(super) fn is_nothing(&self) -> bool {
        !self.user_agent && self.addresses.detail == super::AddressDetail::Off
    }
}
