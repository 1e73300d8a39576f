//! Signed and encrypted cookies: nothing is read but what a key of the ring made for that name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use cloakroom::cookie::{
    CookieErrorKind, CookieJar, CookieName, CookieValue, KeyRing, SealedJar, SealedJarMut, SetCookie,
};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::cookie_header::{all, headers};
use crate::input::{Bytes, Fields};
use crate::oracle::{express, mac};

const SECRETS: [&[u8]; 2] = [b"the newest secret, of 32 bytes or more", b"an older secret, of 32 bytes or more"];
const FOREIGN: &[u8] = b"somebody else's secret, of 32 bytes too";

/// How many cookies of one name are tried.
const MOST_TRIED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Signed,
    Encrypted,
    Express,
}

const FORMS: [Form; 3] = [Form::Signed, Form::Encrypted, Form::Express];

/// Fields: a name, a text, changes (a place and a difference each), and `Cookie` headers.
pub fn check(input: &[u8]) {
    let mut fields = Fields::new(input);
    let (name, text) = (fields.text().into_owned(), fields.text().into_owned());
    let (changes, lines) = (fields.next(), fields.next());
    // As an attacker sends them.
    reads_what_is_proved(&headers(lines), &name);
    for form in FORMS {
        comes_back(form, &name, &text);
        for secret in SECRETS {
            reads_what_is_proved_after_changes(form, &name, &seal(form, secret, &name, &text), changes);
        }
        // The seal of a stranger, in front of ours.
        let ours = seal(form, SECRETS[1], &name, &text);
        let line = format!("{name}={}; {name}={ours}", seal(form, FOREIGN, &name, &text));
        if let Some(headers) = request(line.as_bytes()) {
            reads_what_is_proved(&headers, &name);
        }
    }
}

fn ring(secrets: &[&[u8]]) -> KeyRing {
    KeyRing::from_secrets(secrets).expect("the secrets are long enough")
}

fn open_with<'a>(form: Form, jar: &'a CookieJar, keys: &'a KeyRing) -> SealedJar<'a> {
    match form {
        Form::Signed => jar.signed(keys),
        Form::Encrypted => jar.encrypted(keys),
        Form::Express => jar.express_signed(keys),
    }
}

fn write_with<'a>(form: Form, jar: &'a mut CookieJar, keys: &'a KeyRing) -> SealedJarMut<'a> {
    match form {
        Form::Signed => jar.signed_mut(keys),
        Form::Encrypted => jar.encrypted_mut(keys),
        Form::Express => jar.express_signed_mut(keys),
    }
}

fn reads_what_is_proved(headers: &HeaderMap, name: &str) {
    let (jar, keys) = (CookieJar::from_headers(headers), ring(&SECRETS));
    let values = || all(headers).into_iter().filter(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value);
    for form in FORMS {
        let expected = values().take(MOST_TRIED).find_map(|raw| open(form, name, raw));
        assert_eq!(open_with(form, &jar, &keys).get(name), expected, "{form:?}");
    }
}

fn reads_what_is_proved_after_changes(form: Form, name: &str, sealed: &str, changes: &[u8]) {
    let mut line = format!("{name}={sealed}").into_bytes();
    let mut changes = Bytes(changes);
    while !changes.0.is_empty() {
        let at = usize::from(changes.byte()) | usize::from(changes.byte() & 1) << 8;
        let at = at % line.len();
        match changes.byte() {
            0 => drop(line.remove(at)),
            difference => line[at] ^= difference,
        }
        if line.is_empty() {
            return;
        }
    }
    let Some(headers) = request(&line) else { return };
    reads_what_is_proved(&headers, name);
    let untouched = line == format!("{name}={sealed}").as_bytes();
    let read = open_with(form, &CookieJar::from_headers(&headers), &ring(&SECRETS)).get(name);
    // Express' form is encoded outside of the signature, so there one text has several spellings.
    if form != Form::Express && !untouched && line.starts_with(format!("{name}=").as_bytes()) {
        let trimmed = all(&headers).first().is_some_and(|(_, value)| *value == sealed.as_bytes());
        assert!(read.is_none() || trimmed, "{form:?}: a changed value was read");
    }
}

/// What we write is read by us and by the oracle, under its name alone, with its key alone, and in its form alone.
fn comes_back(form: Form, name: &str, text: &str) {
    let (Ok(name), Ok(_)) = (CookieName::new(name.to_owned()), CookieValue::encode(text)) else { return };
    let keys = ring(&SECRETS);
    let mut jar = CookieJar::new();
    // With all that any prefix of a name asks for.
    let cookie = SetCookie::new(&name, text).expect("both are valid");
    let cookie = cookie.path("/").expect("a path").secure(true).http_only(true);
    if let Err(error) = write_with(form, &mut jar, &keys).add(cookie) {
        assert_eq!(error.kind(), CookieErrorKind::TooLong);
        return;
    }
    assert_eq!(open_with(form, &jar, &keys).get(&name).as_deref(), Some(text));

    let raw = jar.get_raw(&name).expect("it was added").to_vec();
    assert_eq!(open(form, name.as_str(), &raw).as_deref(), Some(text));
    let Some(headers) = request(&[name.as_str().as_bytes(), b"=", &raw].concat()) else { panic!("a bad header") };
    let sent = CookieJar::from_headers(&headers);
    let newer = ring(&[FOREIGN, SECRETS[0]]);
    assert_eq!(open_with(form, &sent, &newer).get(&name).as_deref(), Some(text), "an older key still opens it");
    assert_eq!(open_with(form, &sent, &ring(&[FOREIGN, SECRETS[1]])).get(&name), None, "a stranger's key");
    for other in FORMS.into_iter().filter(|other| *other != form) {
        assert_eq!(open_with(other, &sent, &keys).get(&name), None, "{form:?} read as {other:?}");
    }
    if form != Form::Express {
        let Some(headers) = request(&[b"x", name.as_str().as_bytes(), b"=", &raw].concat()) else { return };
        let other = CookieJar::from_headers(&headers);
        assert_eq!(open_with(form, &other, &keys).get(format!("x{name}")), None, "another name");
    }
}

fn request(line: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(line).ok()?);
    Some(headers)
}

/// What the library would write, with a nonce that depends on the text.
fn seal(form: Form, secret: &[u8], name: &str, text: &str) -> String {
    match form {
        Form::Signed => {
            let encoded = express::encode(text);
            format!("{encoded}.{}", mac::base64(&signature(secret, name, encoded.as_bytes()), mac::URL_SAFE))
        }
        Form::Encrypted => {
            let mut nonce = [0; 24];
            nonce.copy_from_slice(&mac::hmac(b"nonce", text.as_bytes())[..24]);
            let payload = Payload { msg: text.as_bytes(), aad: name.as_bytes() };
            let ciphertext = cipher(secret, name).encrypt(&XNonce::from(nonce), payload).expect("it is short");
            URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat())
        }
        Form::Express => express::encode(&format!("s:{}", express::sign(text, secret))),
    }
}

fn open(form: Form, name: &str, raw: &[u8]) -> Option<String> {
    match form {
        Form::Signed => {
            let dot = raw.iter().rposition(|byte| *byte == b'.')?;
            let (encoded, given) = (&raw[..dot], &raw[dot + 1..]);
            let is_ours =
                |secret: &&[u8]| mac::base64(&signature(secret, name, encoded), mac::URL_SAFE).as_bytes() == given;
            SECRETS.iter().any(is_ours).then(|| express::decode(encoded))
        }
        Form::Encrypted => {
            let bytes = mac::unbase64(raw, mac::URL_SAFE)?;
            let (nonce, ciphertext) = bytes.split_first_chunk::<24>()?;
            SECRETS.iter().find_map(|secret| {
                let payload = Payload { msg: ciphertext, aad: name.as_bytes() };
                String::from_utf8(cipher(secret, name).decrypt(&XNonce::from(*nonce), payload).ok()?).ok()
            })
        }
        Form::Express => express::unsign(&express::decode(raw), &SECRETS).map(|(text, _)| text.to_owned()),
    }
}

fn signature(secret: &[u8], name: &str, encoded: &[u8]) -> [u8; 32] {
    let key = mac::derive(secret, format!("cloakroom signed cookie v1\0{name}").as_bytes());
    mac::hmac(&key, &[name.as_bytes(), b"=", encoded].concat())
}

fn cipher(secret: &[u8], name: &str) -> XChaCha20Poly1305 {
    let key = mac::derive(secret, format!("cloakroom encrypted cookie v1\0{name}").as_bytes());
    XChaCha20Poly1305::new(&key.into())
}
