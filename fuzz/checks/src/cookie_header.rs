//! Reading `Cookie` headers: as Express reads them, by every way that there is.

use std::collections::HashSet;

use cloakroom::cookie::{CookieJar, decode, pairs, values};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::oracle::express;

/// How many names are looked up one by one, so that an input of many names takes no time.
const NAMES: usize = 12;

/// The bytes as one header; and, where a request could have them, as one header for each line.
pub fn check(input: &[u8]) {
    let expected = express::parse(input);
    assert_eq!(pairs(input).collect::<Vec<_>>(), expected);
    assert_eq!(decode(input), express::decode(input));
    for (name, value) in expected {
        assert_eq!(decode(name), express::decode(name));
        assert_eq!(decode(value), express::decode(value));
    }
    check_request(&headers(input));
}

/// Each line that can be a header's value as one.
pub(crate) fn headers(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, line);
        }
    }
    headers
}

/// All pairs of all headers.
pub(crate) fn all(headers: &HeaderMap) -> Vec<(&[u8], &[u8])> {
    headers.get_all(COOKIE).iter().flat_map(|line| express::parse(line.as_bytes())).collect()
}

fn check_request(headers: &HeaderMap) {
    let all = all(headers);
    let jar = CookieJar::from_headers(headers);

    let mut seen = HashSet::new();
    let first_of_each = all.iter().filter(|(name, _)| seen.insert(*name));
    let expected: Vec<_> =
        first_of_each.map(|(name, value)| (String::from_utf8_lossy(name), express::decode(value))).collect();
    let found: Vec<_> = jar.iter().map(|(name, value)| (name, value.into_owned())).collect();
    assert_eq!(found, expected);

    let names = all.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok()).take(NAMES);
    for name in names {
        // What only looks like the name is another one, and never found in its place.
        for asked in [name.to_owned(), format!("{name} "), name.to_ascii_uppercase(), format!("{name}=")] {
            let expected: Vec<_> =
                all.iter().filter(|(found, _)| *found == asked.as_bytes()).map(|(_, value)| *value).collect();
            assert_eq!(values(headers, &asked).collect::<Vec<_>>(), expected, "{asked:?}");
            assert_eq!(jar.get_raw(&asked), expected.first().copied(), "{asked:?}");
            assert_eq!(jar.get(&asked).map(String::from), expected.first().map(|value| express::decode(value)));
        }
    }
}
