use std::fmt;

use http::HeaderMap;
use http::header::COOKIE;
use memchr::memchr;

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
    let name = name.as_bytes();
    // A name with these is never read. Without them, the first `=` behind the name is the first one of the piece.
    let is_possible = trim(name).len() == name.len() && !name.contains(&b'=');
    let mut lines = headers.get_all(COOKIE).iter();
    let mut line = pairs(&[]);
    std::iter::from_fn(move || {
        loop {
            match line.next_piece() {
                Some(piece) => {
                    // Looks for the name first, and at the rest of a piece only if it is there.
                    if let Some([b'=', value @ ..]) = trim_start(piece).strip_prefix(name).map(trim_start) {
                        return Some(unquote(trim(value)));
                    }
                }
                None if is_possible => line = pairs(lines.next()?.as_bytes()),
                None => return None,
            }
        }
    })
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

impl<'a> Pairs<'a> {
    /// What lies before the next semicolon.
    fn next_piece(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let piece;
        (piece, self.rest) = split_at_byte(self.rest, b';');
        Some(piece)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(piece) = self.next_piece() {
            if let Some(equals) = memchr(b'=', piece) {
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
    match memchr(byte, text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
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

/// Numbers below what is asked for, the same ones in each run (xorshift64).
#[cfg(test)]
pub(super) fn random_numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % below
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

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
    fn values_of_a_name_are_those_of_the_pairs() {
        let pieces =
            ["a", "ab", "=", " ", "\t", "\"", ";", "; ", "a=", " a = x", ";a=\"b\"", "b=a=1", "a=xxxxxxxxxxxxxxxxxxx"];
        let names = ["a", "ab", "", " ", "a ", " a", "\ta", "=", "a=", "a=b", "b=a", "b", ";", "a;", "\"a"];
        let mut random = random_numbers();
        for _ in 0..5_000 {
            let header: String = (0..random(9)).map(|_| pieces[random(pieces.len())]).collect();
            let mut headers = HeaderMap::new();
            let lines = [header.as_bytes(), b"", header.as_bytes()];
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
            }
            for name in names {
                let all = lines.into_iter().flat_map(pairs);
                let expected: Vec<&[u8]> =
                    all.filter(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value).collect();
                assert_eq!(values(&headers, name).collect::<Vec<_>>(), expected, "{name:?} in {header:?}");
            }
        }
    }

    #[test]
    fn debug_shows_how_much_is_left_and_no_value() {
        let mut pairs = pairs(b"a=secret; b=secret");
        pairs.next();
        assert_eq!(format!("{pairs:?}"), "Pairs(9 bytes left)");
    }

    #[test]
    fn a_comma_separates_nothing() {
        assert_eq!(read("a=1, b=2"), [("a", "1, b=2")]);
    }
}
