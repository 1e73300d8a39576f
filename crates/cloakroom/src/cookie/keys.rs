use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ctutils::CtEq;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::error::{CookieError, CookieErrorKind};

/// The secrets that cookies are signed and encrypted with, newest first.
///
/// The newest one signs and encrypts; every one verifies and decrypts. To rotate, put a new secret
/// in front and take the oldest away once the cookies made with it have ended. Cloning is cheap.
/// Debug shows the number of keys only.
///
/// ```
/// use cloakroom::cookie::KeyRing;
///
/// let old = KeyRing::new("last year's secret of 32 bytes or more")?;
/// let now = KeyRing::new("this year's secret of 32 bytes or more")?.with_older("last year's secret of 32 bytes or more")?;
///
/// let signed = old.express_sign("id");
/// assert_eq!(now.express_unsign(&signed), Some("id"));
/// assert_eq!(old.express_unsign(&now.express_sign("id")), None);
/// assert_eq!(format!("{now:?}"), "KeyRing(2 keys)");
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<[Key]>,
}

/// One secret, with the work done that depends on nothing else.
#[derive(Clone)]
struct Key {
    /// Keyed with the secret itself: Express' signatures and the session ticket.
    hmac: Hmac<Sha256>,
    /// Where the keys for single purposes come from.
    hkdf: Hkdf<Sha256>,
}

impl Key {
    const MIN: usize = 32;

    fn strong(secret: &[u8]) -> Result<Self, CookieError> {
        if secret.len() < Self::MIN {
            return Err(CookieError::new(
                CookieErrorKind::Secret,
                format!(
                    "a secret has {} bytes; one under {} can be guessed from a single cookie, so take random ones \
                     (`openssl rand -base64 32`), or ask for weak secrets by name",
                    secret.len(),
                    Self::MIN
                ),
            ));
        }
        Self::weak(secret)
    }

    fn weak(secret: &[u8]) -> Result<Self, CookieError> {
        if secret.is_empty() {
            return Err(CookieError::new(CookieErrorKind::Secret, "a secret is empty"));
        }
        let hmac = Hmac::new_from_slice(secret).map_err(|error| {
            CookieError::new(CookieErrorKind::Secret, "a secret can't be used as a key").caused_by(error)
        })?;
        Ok(Self { hmac, hkdf: Hkdf::new(None, secret) })
    }

    fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut hmac = self.hmac.clone();
        hmac.update(message);
        hmac.finalize().into_bytes().into()
    }
}

impl KeyRing {
    /// A ring of one secret of 32 bytes or more.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// assert!(KeyRing::new([7; 32]).is_ok());
    /// assert!(KeyRing::new("keyboard cat").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Secret`] if it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, CookieError> {
        Self::from_secrets([secret])
    }

    /// The ring with one more secret behind the others, of 32 bytes or more.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let ring = KeyRing::new([2; 32])?.with_older([1; 32])?;
    /// assert_eq!(format!("{ring:?}"), "KeyRing(2 keys)");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Secret`] if it is shorter.
    pub fn with_older(self, secret: impl AsRef<[u8]>) -> Result<Self, CookieError> {
        let older = Key::strong(secret.as_ref())?;
        Ok(Self { keys: self.keys.iter().cloned().chain([older]).collect() })
    }

    /// A ring of several secrets of 32 bytes or more, newest first.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let ring = KeyRing::from_secrets(["a new secret of 32 bytes or more", "an old secret of 32 bytes or more"])?;
    /// assert_eq!(format!("{ring:?}"), "KeyRing(2 keys)");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Secret`] if one is shorter, or if there is none.
    pub fn from_secrets(secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, CookieError> {
        Self::collect(secrets, Key::strong)
    }

    /// A ring of secrets of any length but none, newest first. For a secret that is shared with an
    /// Express app and can't be changed, and for tests. Whoever has one cookie can try out short
    /// secrets at home.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// assert!(KeyRing::weak(["keyboard cat"]).is_ok());
    /// assert!(KeyRing::weak([""]).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Secret`] if one is empty, or if there is none.
    pub fn weak(secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Self, CookieError> {
        Self::collect(secrets, Key::weak)
    }

    /// A ring of one random secret that nobody knows. For development: when the process ends, so do
    /// all cookies.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let signed = KeyRing::generate()?.express_sign("id");
    /// assert_eq!(KeyRing::generate()?.express_unsign(&signed), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CookieErrorKind::Random`] if the operating system has no random bytes.
    pub fn generate() -> Result<Self, CookieError> {
        Self::new(random::<32>()?)
    }

    fn collect(
        secrets: impl IntoIterator<Item = impl AsRef<[u8]>>,
        key: fn(&[u8]) -> Result<Key, CookieError>,
    ) -> Result<Self, CookieError> {
        let keys: Arc<[Key]> = secrets.into_iter().map(|secret| key(secret.as_ref())).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(CookieError::new(CookieErrorKind::Secret, "a key ring needs a secret"));
        }
        Ok(Self { keys })
    }

    /// Signs as Express' `res.cookie(…, {signed: true})` and `express-session` do: `s:`, the value,
    /// `.` and the signature.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let keys = KeyRing::weak(["tobiiscool"])?;
    /// assert_eq!(keys.express_sign("apple"), "s:apple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn express_sign(&self, value: &str) -> String {
        self.signed("s:", value)
    }

    /// The value that Express signed, if it begins with `s:` and one of the keys made the
    /// signature.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let keys = KeyRing::weak(["new", "tobiiscool"])?;
    /// assert_eq!(keys.express_unsign("s:apple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY"), Some("apple"));
    /// assert_eq!(keys.express_unsign("s:pear.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY"), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn express_unsign<'a>(&self, signed: &'a str) -> Option<&'a str> {
        self.express_unsign_by(signed).map(|(value, _)| value)
    }

    /// [`express_unsign`](Self::express_unsign), and which secret made the signature.
    pub(crate) fn express_unsign_by<'a>(&self, signed: &'a str) -> Option<(&'a str, usize)> {
        self.unsign_by(signed.strip_prefix("s:")?)
    }

    /// Signs as the npm package `cookie-signature` does: the value, `.` and the signature.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let keys = KeyRing::weak(["tobiiscool"])?;
    /// assert_eq!(keys.cookie_signature("apple"), "apple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn cookie_signature(&self, value: &str) -> String {
        self.signed("", value)
    }

    fn signed(&self, prefix: &str, value: &str) -> String {
        let mut signed = String::with_capacity(prefix.len() + value.len() + ".".len() + 43);
        signed.extend([prefix, value, "."]);
        STANDARD_NO_PAD.encode_string(self.sign(value.as_bytes()), &mut signed);
        signed
    }

    /// The value that `cookie-signature` signed, if one of the keys made the signature. The last
    /// dot separates.
    ///
    /// ```
    /// use cloakroom::cookie::KeyRing;
    ///
    /// let keys = KeyRing::weak(["tobiiscool"])?;
    /// assert_eq!(keys.unsign(&keys.cookie_signature("a.b")), Some("a.b"));
    /// assert_eq!(keys.unsign("a.b"), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn unsign<'a>(&self, signed: &'a str) -> Option<&'a str> {
        self.unsign_by(signed).map(|(value, _)| value)
    }

    fn unsign_by<'a>(&self, signed: &'a str) -> Option<(&'a str, usize)> {
        // 32 bytes are 43 characters, none of which is a dot: so the dot before them is the last one.
        let (value, signature) = signed.split_at_checked(signed.len().checked_sub(43)?)?;
        let value = value.strip_suffix('.')?;
        let secret = self.verify(value.as_bytes(), signature.as_bytes().try_into().ok()?)?;
        Some((value, secret))
    }

    /// HMAC-SHA256 with the newest secret itself.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        self.keys[0].sign(message)
    }

    /// Which secret made the signature. Takes as long for the first as for the last and for none. Compares texts, as Express
    /// does: base64 is quicker to write than to read.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 43]) -> Option<usize> {
        let mut found = None;
        for (index, key) in self.keys.iter().enumerate() {
            let mut text = [0; 43];
            // Never fails: 32 bytes are 43 characters. If it did, the text of zeros would equal no signature.
            let written = STANDARD_NO_PAD.encode_slice(key.sign(message), &mut text);
            // Compares in constant time: how long it takes tells nobody how much of a signature was right.
            if (written == Ok(43)) & bool::from(text.ct_eq(signature)) {
                found = found.or(Some(index));
            }
        }
        found
    }

    /// For each secret its key for one purpose and one cookie, newest first.
    pub(crate) fn derive(&self, purpose: &str, name: &str) -> impl Iterator<Item = Result<[u8; 32], CookieError>> {
        self.keys.iter().map(move |key| {
            let mut derived = [0; 32];
            // A name holds no NUL, so no purpose and name can be taken for another pair.
            key.hkdf
                .expand_multi_info(&[purpose.as_bytes(), b"\0", name.as_bytes()], &mut derived)
                .map_err(|_| CookieError::new(CookieErrorKind::Seal, "no key could be derived"))?;
            Ok(derived)
        })
    }
}

/// Random bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CookieError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        CookieError::new(CookieErrorKind::Random, "the operating system gave no random bytes").caused_by(error)
    })?;
    Ok(bytes)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.keys.len();
        write!(f, "KeyRing({count} {})", if count == 1 { "key" } else { "keys" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_counts_the_keys_and_shows_none() {
        let one = KeyRing::weak(["hunter2"]).unwrap();
        assert_eq!(format!("{one:?} {:?}", one.clone().with_older([1; 32]).unwrap()), "KeyRing(1 key) KeyRing(2 keys)");
    }

    #[test]
    fn what_is_accepted_is_what_would_be_written() {
        let rings = ["new", "old", "unknown"].map(|secret| KeyRing::weak([secret]).unwrap());
        let ring = KeyRing::weak(["new", "old"]).unwrap();
        // As `cookie-signature` does it: sign what stands before the last dot, and compare.
        let expected = |signed: &str| {
            let (value, _) = signed.rsplit_once('.')?;
            let secret = rings[..2].iter().position(|ring| ring.cookie_signature(value) == signed)?;
            Some((value.to_owned(), secret))
        };
        let pieces = ["", ".", "a", "é", "s:", "%2B", "=", " ", "+/", "A"];
        let mut random = super::super::header::random_numbers();
        let mut accepted = 0;
        for _ in 0..5_000 {
            let value: String = (0..random(4)).map(|_| pieces[random(pieces.len())]).collect();
            let mut signed = rings[random(3)].cookie_signature(&value);
            for _ in 0..random(3) {
                let at = signed.char_indices().nth(random(signed.len() + 1)).map_or(signed.len(), |(at, _)| at);
                match random(3) {
                    0 => signed.truncate(at),
                    1 => signed.insert_str(at, pieces[random(pieces.len())]),
                    _ => signed.replace_range(..at, ""),
                }
            }
            let found = ring.unsign_by(&signed).map(|(value, secret)| (value.to_owned(), secret));
            assert_eq!(found, expected(&signed), "{signed}");
            accepted += usize::from(found.is_some());
        }
        assert!((1_000..4_000).contains(&accepted), "{accepted} of 5,000 were good");
    }
}
