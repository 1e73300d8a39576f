//! Whether a request may pass. It decides purely, by the request's head alone.

use std::error::Error;
use std::fmt;

use http::header::{AsHeaderName, HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Method, Uri};

use super::origin::Origin;

/// Why a request was refused: what a browser has told of where it comes from. It holds nothing of the request.
///
/// The response of a refused request has it as an extension, for a layer outside of [`CrossSiteLayer`](super::CrossSiteLayer)
/// that puts a page into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// `Sec-Fetch-Site: cross-site`: another site has caused it.
    CrossSite,
    /// `Sec-Fetch-Site: same-site`: another origin of this site has, such as a sibling subdomain.
    SameSite,
    /// `Sec-Fetch-Site` is there, and none of the four words; or it is there several times.
    FetchSite,
    /// `Origin` is not the host that the request is for, and no trusted one.
    OtherOrigin,
    /// `Origin: null`: a page that hides where it comes from, as in a sandboxed frame.
    OpaqueOrigin,
    /// `Origin` can't be read, or is there several times.
    Origin,
    /// There is an `Origin`, and no host to hold it against, or several.
    Host,
    /// Neither `Sec-Fetch-Site` nor `Origin`, where the layer asks for one.
    Unknown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::CrossSite => "another site has caused the request",
            Refusal::SameSite => "another origin of the same site has caused the request",
            Refusal::FetchSite => "the request's Sec-Fetch-Site can't be read",
            Refusal::OtherOrigin => "the request's Origin is another than its host",
            Refusal::OpaqueOrigin => "the request's Origin is null",
            Refusal::Origin => "the request's Origin can't be read",
            Refusal::Host => "the request's host can't be read",
            Refusal::Unknown => "the request does not tell where it comes from",
        })
    }
}

impl Error for Refusal {}

/// What of a layer's settings the decision depends on, but for the application's own functions.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) trusted: Vec<Origin>,
    pub(super) refuse_unknown: bool,
}

impl Rules {
    /// Whether a request that can change something comes from where it may.
    pub(super) fn decide(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let origin = sole(headers, ORIGIN).map_err(|Several| Refusal::Origin);
        let refused = match sole(headers, "sec-fetch-site") {
            Ok(Some(b"same-origin" | b"none")) => return Ok(()),
            Ok(Some(b"cross-site")) => Refusal::CrossSite,
            Ok(Some(b"same-site")) => Refusal::SameSite,
            Ok(Some(_)) | Err(Several) => Refusal::FetchSite,
            Ok(None) => match origin.and_then(|origin| self.decide_by_origin(origin, uri, headers)) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            },
        };
        let origin = origin.ok().flatten().and_then(|origin| read(origin).ok());
        if origin.is_some_and(|origin| self.trusted.contains(&origin)) { Ok(()) } else { Err(refused) }
    }

    fn decide_by_origin(&self, origin: Option<&[u8]>, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(origin) = origin else {
            return if self.refuse_unknown { Err(Refusal::Unknown) } else { Ok(()) };
        };
        let origin = read(origin)?;
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => sole(headers, HOST).ok().flatten().and_then(|host| std::str::from_utf8(host).ok()),
        };
        if origin.is_at(host.ok_or(Refusal::Host)?) { Ok(()) } else { Err(Refusal::OtherOrigin) }
    }
}

/// Whether a request by itself changes nothing. TRACE is no method for browsers, and none of these in Go either.
pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether it would begin a WebSocket (RFC 6455, section 4.1), which is a GET without being a read.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let words = headers.get_all(UPGRADE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    // A protocol may have a version behind a slash.
    let mut names = words.filter_map(|word| word.split(|byte| *byte == b'/').next());
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

fn read(origin: &[u8]) -> Result<Origin, Refusal> {
    if origin == b"null" {
        return Err(Refusal::OpaqueOrigin);
    }
    std::str::from_utf8(origin).ok().and_then(|text| Origin::new(text).ok()).ok_or(Refusal::Origin)
}

/// A header that no browser sends twice is there several times: none of them is believed.
struct Several;

/// The value of a header that can be there once. An empty one is none.
fn sole(headers: &HeaderMap, name: impl AsHeaderName) -> Result<Option<&[u8]>, Several> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Several),
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes).filter(|value| !value.is_empty())),
    }
}

#[cfg(test)]
mod tests;
