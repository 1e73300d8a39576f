//! How a value is signed or encrypted, so that only we can have made it, and for this cookie only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::error::{CookieError, CookieErrorKind};
use super::keys::{KeyRing, random};
use super::name::CookieName;
use super::value::{CookieValue, decode};

/// A request can bring thousands of cookies of one name; each one tried costs a signature.
const MAX_TRIED: usize = 16;

const NONCE: usize = 24;

/// What a derived key is for. To change a form is to change its purpose.
const SIGNED: &str = "cloakroom signed cookie v1";
const ENCRYPTED: &str = "cloakroom encrypted cookie v1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// Encoded text, `.`, base64url of HMAC-SHA256 over name, `=` and encoded text.
    Signed,
    /// Base64url of a random nonce and the text in XChaCha20-Poly1305, with the name as associated
    /// data.
    Encrypted,
    /// Express' form: `s:`, text, `.` and signature with the secret itself, all of it
    /// percent-encoded. Knows no name.
    Express,
}

impl Seal {
    pub(super) fn seal(self, keys: &KeyRing, name: &CookieName, text: &str) -> Result<CookieValue, CookieError> {
        match self {
            Self::Signed => {
                let encoded = CookieValue::encode(text)?;
                let mac = name_bound(&newest(keys, SIGNED, name)?, name.as_str(), encoded.as_str().as_bytes())?;
                let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
                CookieValue::verbatim(format!("{}.{signature}", encoded.as_str()))
            }
            Self::Encrypted => {
                let nonce = random::<NONCE>()?;
                let payload = Payload { msg: text.as_bytes(), aad: name.as_str().as_bytes() };
                let ciphertext = XChaCha20Poly1305::new(&newest(keys, ENCRYPTED, name)?.into())
                    .encrypt(&XNonce::from(nonce), payload)
                    .map_err(|_| CookieError::new(CookieErrorKind::Seal, "the value is too long to encrypt"))?;
                CookieValue::verbatim(URL_SAFE_NO_PAD.encode([&nonce, ciphertext.as_slice()].concat()))
            }
            Self::Express => CookieValue::encode(keys.express_sign(text)),
        }
    }

    /// The text of the first value that one of the keys opens.
    pub(super) fn open<'a>(self, keys: &KeyRing, name: &str, values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
        let mut values = values.take(MAX_TRIED);
        match self {
            Self::Signed => open_any(keys, SIGNED, name, values, open_signed),
            Self::Encrypted => open_any(keys, ENCRYPTED, name, values, open_encrypted),
            Self::Express => values.find_map(|raw| keys.express_unsign(&decode(raw)).map(str::to_owned)),
        }
    }
}

/// Derives the keys once, and not at all if there is no value.
fn open_any<'a>(
    keys: &KeyRing,
    purpose: &str,
    name: &str,
    values: impl Iterator<Item = &'a [u8]>,
    open: fn(&[u8; 32], &str, &[u8]) -> Option<String>,
) -> Option<String> {
    let mut values = values.peekable();
    values.peek()?;
    let derived: Vec<[u8; 32]> = keys.derive(purpose, name).collect::<Result<_, _>>().ok()?;
    values.find_map(|raw| derived.iter().find_map(|key| open(key, name, raw)))
}

fn newest(keys: &KeyRing, purpose: &str, name: &CookieName) -> Result<[u8; 32], CookieError> {
    let none = || CookieError::new(CookieErrorKind::Secret, "a key ring needs a secret");
    keys.derive(purpose, name.as_str()).next().ok_or_else(none)?
}

fn name_bound(key: &[u8; 32], name: &str, encoded: &[u8]) -> Result<Hmac<Sha256>, CookieError> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|error| CookieError::new(CookieErrorKind::Seal, "the derived key can't be used").caused_by(error))?;
    hmac.update(name.as_bytes());
    hmac.update(b"=");
    hmac.update(encoded);
    Ok(hmac)
}

fn open_signed(key: &[u8; 32], name: &str, raw: &[u8]) -> Option<String> {
    let dot = raw.iter().rposition(|byte| *byte == b'.')?;
    let (encoded, signature) = (&raw[..dot], &raw[dot + 1..]);
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    name_bound(key, name, encoded).ok()?.verify_slice(&signature).ok()?;
    Some(decode(encoded).into_owned())
}

fn open_encrypted(key: &[u8; 32], name: &str, raw: &[u8]) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(raw).ok()?;
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: ciphertext, aad: name.as_bytes() };
    let text = XChaCha20Poly1305::new(&(*key).into()).decrypt(&XNonce::from(*nonce), payload).ok()?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    const NAME: CookieName = CookieName::from_static("user");

    fn ring() -> KeyRing {
        KeyRing::new([1; 32]).unwrap()
    }

    fn open(seal: Seal, keys: &KeyRing, name: &str, raw: &[u8]) -> Option<String> {
        seal.open(keys, name, [raw].into_iter())
    }

    #[test]
    fn the_signed_form_stays_what_it_is() {
        let value = Seal::Signed.seal(&ring(), &NAME, "ada lovelace").unwrap();
        assert_eq!(value.as_str(), "ada%20lovelace.5a4Kxnd9Ea-vyBNw9cEqsP7b5_LgYxXHtGvoVJx9yrw");
    }

    #[test]
    fn an_encrypted_value_of_version_1_can_be_read_for_ever() {
        let sealed = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXY4etiYvhIFGHp5yYGhSZTaAEdcWf6Czitx6Grw";
        assert_eq!(open(Seal::Encrypted, &ring(), "user", sealed).as_deref(), Some("ada lovelace"));
    }

    #[test]
    fn no_form_stands_in_for_another() {
        let forms = [Seal::Signed, Seal::Encrypted, Seal::Express];
        for made in forms {
            let value = made.seal(&ring(), &NAME, "ada").unwrap();
            for read in forms {
                let opened = open(read, &ring(), "user", value.as_str().as_bytes());
                assert_eq!(opened.is_some(), made == read, "{made:?} read as {read:?}");
            }
        }
    }

    #[test]
    fn a_value_is_good_for_its_own_name_only() {
        for seal in [Seal::Signed, Seal::Encrypted] {
            let value = seal.seal(&ring(), &NAME, "ada").unwrap();
            assert_eq!(open(seal, &ring(), "admin", value.as_str().as_bytes()), None);
            assert_eq!(open(seal, &ring(), "User", value.as_str().as_bytes()), None);
        }
    }

    #[test]
    fn a_signed_value_is_no_ticket() {
        let value = Seal::Signed.seal(&ring(), &NAME, "id").unwrap();
        let (text, signature) = value.as_str().rsplit_once('.').unwrap();
        let signature = STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
        for message in [text.to_owned(), format!("user={text}")] {
            assert_eq!(ring().unsign(&format!("{message}.{signature}")), None);
        }
    }

    #[test]
    fn any_changed_byte_makes_it_worthless() {
        for seal in [Seal::Signed, Seal::Encrypted] {
            let value = seal.seal(&ring(), &NAME, "ada").unwrap();
            let good = value.as_str().as_bytes();
            for at in 0..good.len() {
                for flip in 1..=u8::MAX {
                    let mut bad = good.to_vec();
                    bad[at] ^= flip;
                    assert_eq!(open(seal, &ring(), "user", &bad), None, "{seal:?} at {at}");
                }
                assert_eq!(open(seal, &ring(), "user", &good[..at]), None);
            }
        }
    }

    #[test]
    fn encryption_never_repeats_itself() {
        let one = Seal::Encrypted.seal(&ring(), &NAME, "ada").unwrap();
        assert_ne!(one, Seal::Encrypted.seal(&ring(), &NAME, "ada").unwrap());
    }
}
