//! Reading `Cookie` headers: whatever comes in is read as Express reads it, and nothing is an
//! error.

use cloakroom::cookie::{CookieJar, KeyRing, decode, pairs, values};
use http::{HeaderMap, HeaderValue, header::COOKIE};

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        match HeaderValue::from_bytes(line) {
            Ok(line) => headers.append(COOKIE, line),
            Err(error) => panic!("{line:?}: {error}"),
        };
    }
    headers
}

fn read(line: &str) -> Vec<(String, String)> {
    let jar = CookieJar::from_headers(&headers(&[line.as_bytes()]));
    jar.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

#[track_caller]
fn reads(line: &str, expected: &[(&str, &str)]) {
    let found = read(line);
    let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected, "{line}");
}

#[test]
fn a_header_is_read_as_express_reads_it() {
    reads("theme=dark", &[("theme", "dark")]);
    reads("theme=dark;lang=de", &[("theme", "dark"), ("lang", "de")]);
    reads(" theme =\tdark ;lang= de\t", &[("theme", "dark"), ("lang", "de")]);
    reads("theme=; lang=", &[("theme", ""), ("lang", "")]);
    reads("query=a=b&c=d", &[("query", "a=b&c=d")]);
    reads("quoted=\" in here \"", &[("quoted", " in here ")]);
    reads("half=\"quoted", &[("half", "\"quoted")]);
    reads("json=%7B%22a%22%3A1%7D", &[("json", "{\"a\":1}")]);
    reads("plus=a+b", &[("plus", "a+b")]);
    reads("broken=100%; fine=1", &[("broken", "100%"), ("fine", "1")]);
    reads("broken=%41%zz", &[("broken", "%41%zz")]);
    reads("lone; theme=dark; lone", &[("theme", "dark")]);
    reads("=nameless", &[("", "nameless")]);
    reads("__proto__=1; constructor=2", &[("__proto__", "1"), ("constructor", "2")]);
    reads("n%61me=x", &[("n%61me", "x")]);
    reads("Theme=1; theme=2", &[("Theme", "1"), ("theme", "2")]);
}

#[test]
fn of_equal_names_the_first_counts() {
    reads("a=1; b=2; a=3", &[("a", "1"), ("b", "2")]);
    reads("a=; a=3", &[("a", "")]);
    let jar = CookieJar::from_headers(&headers(&[b"a=1; a=2", b"a=3"]));
    assert_eq!(jar.get("a").as_deref(), Some("1"));
}

#[test]
fn several_headers_are_one() {
    let headers = headers(&[b"a=1; sid=x", b"sid=y", b"b=2"]);
    assert_eq!(values(&headers, "sid").collect::<Vec<_>>(), [b"x", b"y"]);
    let jar = CookieJar::from_headers(&headers);
    assert_eq!(jar.iter().count(), 3);
    assert_eq!(jar.get("b").as_deref(), Some("2"));
}

#[test]
fn values_come_raw_and_for_the_exact_name() {
    let headers = headers(&[b"sid=\"%20\"; SID=no; xsid=no; sid2=no; sid =\xff\xfe"]);
    assert_eq!(values(&headers, "sid").collect::<Vec<_>>(), [b"%20".as_slice(), b"\xff\xfe"]);
    assert_eq!(values(&headers, "").count(), 0);
}

#[test]
fn any_bytes_can_be_read() {
    let keys = KeyRing::weak(["k"]).unwrap();
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let mut inputs: Vec<Vec<u8>> = vec![all.clone(), all.repeat(256), b"=".to_vec(), b";".to_vec(), b"\"".to_vec()];
    // All short headers over the characters that mean something.
    let special = b"=;\" \t%4a\xc3\xa9\0";
    for one in special {
        for two in special {
            for three in special {
                inputs.push(vec![*one, *two, *three]);
                inputs.push(vec![b'a', b'=', *one, *two, *three]);
            }
        }
    }
    for input in &inputs {
        for (name, value) in pairs(input) {
            assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
            assert!(decode(value).len() <= value.len() * 3);
        }
        // A header can't hold control characters; the jar takes what a header can hold.
        let held: Vec<u8> =
            input.iter().copied().filter(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f).collect();
        let jar = CookieJar::from_headers(&headers(&[&held]));
        for (name, _) in jar.iter() {
            assert_eq!(jar.signed(&keys).get(&name), None);
            assert_eq!(jar.encrypted(&keys).get(&name), None);
            assert_eq!(jar.express_signed(&keys).get(&name), None);
        }
    }
}

#[test]
fn a_header_of_64_kb_is_read() {
    let long = format!("before=1; long={}; after=2", "x".repeat(65_536));
    let jar = CookieJar::from_headers(&headers(&[long.as_bytes()]));
    assert_eq!(jar.get("after").as_deref(), Some("2"));
    assert_eq!(jar.get_raw("long").map(<[u8]>::len), Some(65_536));

    for junk in [";", "=", "=;", "\"", "%", " ", "a=;", "a", "%C3"] {
        let line = junk.repeat(65_536 / junk.len());
        let jar = CookieJar::from_headers(&headers(&[line.as_bytes()]));
        assert!(jar.iter().count() <= 1, "{junk}");
    }
}

#[test]
fn a_thousand_cookies_are_read() {
    let line: Vec<String> = (0..1000).map(|n| format!("c{n}={n}")).collect();
    let jar = CookieJar::from_headers(&headers(&[line.join("; ").as_bytes()]));
    assert_eq!(jar.iter().count(), 1000);
    assert_eq!(jar.get("c999").as_deref(), Some("999"));
}

#[test]
fn debug_shows_names_and_no_values() {
    let jar = CookieJar::from_headers(&headers(&[b"sid=secret; theme=dark"]));
    assert_eq!(format!("{jar:?}"), "CookieJar { incoming: [\"sid\", \"theme\"], outgoing: [] }");
    assert!(!format!("{:?}", pairs(b"sid=secret")).contains("secret"));
}
