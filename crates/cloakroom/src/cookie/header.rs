use std::fmt;

use http::HeaderMap;
use http::header::COOKIE;

/// Every value of one name over all `Cookie` headers of a request, in their order, raw.
///
/// For looking at one cookie without building anything: one pass, no allocation. There may be
/// several of one name, from different paths or domains, and the server can't tell which is which
/// ([RFC 6265bis, section 4.2.2]); a reader that can tell a good value from a bad one should look
/// at all.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
///
/// let mut headers = HeaderMap::new();
/// headers.append(COOKIE, HeaderValue::from_static("sid=one; theme=dark; sid=\"two\""));
/// headers.append(COOKIE, HeaderValue::from_static("sid=three%20"));
///
/// let found: Vec<&[u8]> = cloakroom::cookie::values(&headers, "sid").collect();
/// assert_eq!(found, [b"one".as_slice(), b"two", b"three%20"]);
/// ```
///
/// [RFC 6265bis, section 4.2.2]: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.2.2
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| pairs(line.as_bytes()))
        .filter(move |(found, _)| *found == name.as_bytes())
        .map(|(_, value)| value)
}

/// The pairs of one `Cookie` header, in their order, raw.
///
/// The rules are those of the npm package `cookie` 0.7.2: pieces lie between semicolons; those
/// without `=` are skipped; spaces and tabs around name and value are dropped, and so is one pair
/// of double quotes around the value. Equal names all come out; Express takes the first.
/// [`decode`](super::decode) makes text of a value.
///
/// ```
/// let found: Vec<(&[u8], &[u8])> = cloakroom::cookie::pairs(b"a=1; junk; b = \"x=y\"").collect();
/// assert_eq!(found, [(b"a".as_slice(), b"1".as_slice()), (b"b", b"x=y")]);
/// ```
#[must_use]
pub fn pairs(header: &[u8]) -> Pairs<'_> {
    // A lone `=` is nothing, and ` =` is an empty name with an empty value. So says `cookie`.
    Pairs { rest: if header.len() < 2 { &[] } else { header } }
}

/// The iterator that [`pairs`] gives. It allocates nothing.
///
/// ```
/// let pairs = cloakroom::cookie::pairs(b"a=1; b=2");
/// assert_eq!(pairs.count(), 2);
/// ```
#[derive(Clone)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let piece;
            (piece, self.rest) = split_at_byte(self.rest, b';');
            if let Some(equals) = piece.iter().position(|byte| *byte == b'=') {
                let (name, value) = piece.split_at(equals);
                return Some((trim(name), unquote(trim(&value[1..]))));
            }
        }
        None
    }
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pairs({} bytes left)", self.rest.len())
    }
}

/// What comes before and after the first such byte; all and nothing if there is none.
fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|found| *found == byte) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Takes one pair of double quotes away. A value that is one quote and nothing else is empty, as in
/// `cookie`.
pub(super) fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"'] => &[],
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(&str, &str)> {
        pairs(header.as_bytes())
            .map(|(name, value)| (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap()))
            .collect()
    }

    #[test]
    fn whitespace_and_quotes_go() {
        assert_eq!(read("\t a \t= \"b c\" ;d=\" e \""), [("a", "b c"), ("d", " e ")]);
        assert_eq!(read("a=\"; b=\"\"; c=\"\"\"; d='x'"), [("a", ""), ("b", ""), ("c", "\""), ("d", "'x'")]);
        assert_eq!(read("a=\"x;y\""), [("a", "\"x")]);
    }

    #[test]
    fn pieces_that_are_no_pair_are_skipped() {
        assert_eq!(read("one; two;;; a=1 ; three"), [("a", "1")]);
        assert_eq!(read("one"), []);
        assert_eq!(read(";;;"), []);
        assert_eq!(read(""), []);
    }

    #[test]
    fn empty_names_come_out_but_a_lone_equals_sign_does_not() {
        assert_eq!(read("="), []);
        assert_eq!(read("=;"), [("", "")]);
        assert_eq!(read(" = x"), [("", "x")]);
    }

    #[test]
    fn a_comma_separates_nothing() {
        assert_eq!(read("a=1, b=2"), [("a", "1, b=2")]);
    }
}
