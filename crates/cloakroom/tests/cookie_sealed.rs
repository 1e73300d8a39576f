//! Signed and encrypted cookies: nobody else makes them, and none stands in for another.

use cloakroom::cookie::{CookieErrorKind, CookieJar, KeyRing, SealedJar, SealedJarMut, SetCookie};
use http::{HeaderMap, HeaderValue, header};

type View = for<'a> fn(&'a CookieJar, &'a KeyRing) -> SealedJar<'a>;
type ViewMut = for<'a> fn(&'a mut CookieJar, &'a KeyRing) -> SealedJarMut<'a>;

const FORMS: [(View, ViewMut); 3] = [
    (CookieJar::signed, CookieJar::signed_mut),
    (CookieJar::encrypted, CookieJar::encrypted_mut),
    (CookieJar::express_signed, CookieJar::express_signed_mut),
];

/// The jar of the next request, of a browser that keeps what the response sets.
fn next(jar: &CookieJar) -> CookieJar {
    let (mut response, mut request) = (HeaderMap::new(), HeaderMap::new());
    jar.write_to(&mut response);
    for line in response.get_all(header::SET_COOKIE) {
        let pair = line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        if let Ok(pair) = HeaderValue::from_bytes(pair) {
            request.append(header::COOKIE, pair);
        }
    }
    CookieJar::from_headers(&request)
}

fn brought(cookies: &[&str]) -> CookieJar {
    let mut request = HeaderMap::new();
    if let Ok(line) = HeaderValue::from_str(&cookies.join("; ")) {
        request.insert(header::COOKIE, line);
    }
    CookieJar::from_headers(&request)
}

#[test]
fn every_text_comes_back() {
    let keys = KeyRing::generate().unwrap();
    for (view, view_mut) in FORMS {
        for text in ["", "ada", "a.b", "a b;c,d\"e\\f", "100%", "%41", "ünï😀", ".", "s:x.y", "\"q\""] {
            let mut jar = CookieJar::new();
            view_mut(&mut jar, &keys).add(SetCookie::new("user", text).unwrap()).unwrap();
            assert_eq!(view(&jar, &keys).get("user").as_deref(), Some(text), "at once");
            assert_eq!(view(&next(&jar), &keys).get("user").as_deref(), Some(text), "with the next request");
        }
    }
}

#[test]
fn an_older_key_still_opens_and_a_foreign_one_does_not() {
    let old = KeyRing::new([1; 32]).unwrap();
    let rotated = KeyRing::new([2; 32]).unwrap().with_older([1; 32]).unwrap();
    let new = KeyRing::new([2; 32]).unwrap();
    for (view, view_mut) in FORMS {
        let mut jar = CookieJar::new();
        view_mut(&mut jar, &old).add(SetCookie::new("user", "ada").unwrap()).unwrap();
        assert_eq!(view(&jar, &rotated).get("user").as_deref(), Some("ada"));
        assert_eq!(view(&jar, &new).get("user"), None);

        // The newest key writes.
        view_mut(&mut jar, &rotated).add(SetCookie::new("user", "ada").unwrap()).unwrap();
        assert_eq!(view(&jar, &new).get("user").as_deref(), Some("ada"));
        assert_eq!(view(&jar, &old).get("user"), None);
    }
}

#[test]
fn a_value_under_another_name_is_nothing() {
    let keys = KeyRing::generate().unwrap();
    for (view, view_mut) in &FORMS[..2] {
        let mut jar = CookieJar::new();
        view_mut(&mut jar, &keys).add(SetCookie::new("user", "ada").unwrap()).unwrap();
        let value = jar.get("user").unwrap().into_owned();
        let stolen = brought(&[&format!("admin={value}"), &format!("User={value}")]);
        assert_eq!(view(&stolen, &keys).get("admin"), None);
        assert_eq!(view(&stolen, &keys).get("User"), None);
    }
}

#[test]
fn a_forged_cookie_in_front_does_not_hide_ours() {
    let keys = KeyRing::generate().unwrap();
    for (view, view_mut) in FORMS {
        let mut jar = CookieJar::new();
        view_mut(&mut jar, &keys).add(SetCookie::new("user", "ada").unwrap()).unwrap();
        let ours = format!("user={}", String::from_utf8_lossy(jar.get_raw("user").unwrap()));
        let found = |forged: usize| {
            let mut cookies = vec!["user=s:mallory.AAAA"; forged];
            cookies.push(&ours);
            view(&brought(&cookies), &keys).get("user")
        };
        assert_eq!(found(15).as_deref(), Some("ada"));
        assert_eq!(found(16), None, "there is an end to what a request may cost");
    }
}

#[test]
fn a_removed_cookie_is_gone() {
    let keys = KeyRing::generate().unwrap();
    for (view, view_mut) in FORMS {
        let mut jar = CookieJar::new();
        let cookie = SetCookie::new("user", "ada").unwrap().path("/").unwrap();
        view_mut(&mut jar, &keys).add(cookie.clone()).unwrap();
        assert_eq!(view_mut(&mut jar, &keys).get("user").as_deref(), Some("ada"));
        view_mut(&mut jar, &keys).remove(&cookie).unwrap();
        assert_eq!(view(&jar, &keys).get("user"), None);
        assert_eq!(view_mut(&mut jar, &keys).get("user"), None);
    }
}

#[test]
fn the_sealed_length_is_what_counts() {
    let keys = KeyRing::generate().unwrap();
    for (_, view_mut) in FORMS {
        let mut jar = CookieJar::new();
        let cookie = SetCookie::new("n", "v".repeat(4090)).unwrap();
        assert!(cookie.to_header_value().is_ok());
        let error = view_mut(&mut jar, &keys).add(cookie).unwrap_err();
        assert_eq!(error.kind(), CookieErrorKind::TooLong);
    }
}

#[test]
fn short_secrets_are_taken_by_name_only() {
    let kind = |ring: Result<KeyRing, _>| ring.err().map(|error: cloakroom::cookie::CookieError| error.kind());
    let refused = Some(CookieErrorKind::Secret);
    assert_eq!(kind(KeyRing::new([1; 31])), refused);
    assert_eq!(kind(KeyRing::new([1; 32])), None);
    assert_eq!(kind(KeyRing::new([1; 32]).unwrap().with_older("short")), refused);
    assert_eq!(kind(KeyRing::from_secrets(["a".repeat(32), "short".to_owned()])), refused);
    assert_eq!(kind(KeyRing::from_secrets([""; 0])), refused);
    assert_eq!(kind(KeyRing::weak(["short"])), None);
    assert_eq!(kind(KeyRing::weak([""; 0])), refused);
    assert_eq!(kind(KeyRing::weak(["short", ""])), refused);
    let error = KeyRing::new("hunter2").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn jars_and_keys_cross_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<CookieJar>();
    check::<KeyRing>();
    check::<SetCookie>();
}
