//! Session texts as connect-mongo 6 encrypts them with `createWebCryptoAdapter`.

use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::array::Array;
use aes_gcm::aead::array::typenum::U16;
use aes_gcm::aead::{Aead, KeyInit as _};
use aes_gcm::aes::Aes256;
use aes_gcm::{Aes256Gcm, AesGcm};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::Sha256;

const SALT: &[u8] = b"connect-mongo:webcrypto-default-salt";
const ITERATIONS: u32 = 310_000;

/// connect-mongo 6's `createWebCryptoAdapter`: AES-256-GCM under a key that PBKDF2 makes of a secret.
///
/// To make the key takes about as long as to check a password: do it once, at the start. AES-CBC, which connect-mongo offers
/// as well, is not supported: it does not notice when somebody changes what is stored.
///
/// ```
/// use cloakroom_mongodb::{WebCrypto, WebCryptoEncoding};
///
/// // createWebCryptoAdapter({ secret: 'keyboard cat', salt: 'pepper', iterations: 1000, encoding: 'hex' })
/// let crypto = WebCrypto::options("keyboard cat")
///     .salt("pepper")
///     .iterations(1_000)
///     .encoding(WebCryptoEncoding::Hex)
///     .derive()?;
/// # let _ = crypto;
/// # Ok::<(), cloakroom_mongodb::WebCryptoError>(())
/// ```
#[derive(Clone)]
pub struct WebCrypto {
    cipher: Arc<Cipher>,
    encoding: WebCryptoEncoding,
}

/// AES-256-GCM by the length of its IV.
enum Cipher {
    Iv12(Aes256Gcm),
    Iv16(AesGcm<Aes256, U16>),
}

/// How the ciphertext is written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebCryptoEncoding {
    /// Base64 with `+`, `/` and padding.
    #[default]
    Base64,
    /// Base64 with `-` and `_`, without padding.
    Base64Url,
    /// Two digits a byte.
    Hex,
}

/// The options of connect-mongo's `createWebCryptoAdapter`, each with its default until it is set.
#[derive(Clone)]
pub struct WebCryptoOptions {
    secret: Vec<u8>,
    salt: Vec<u8>,
    iterations: u32,
    encoding: WebCryptoEncoding,
    iv_length: usize,
}

impl WebCrypto {
    /// With a secret, and the defaults for all else.
    ///
    /// # Errors
    ///
    /// If the secret is empty.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<WebCrypto, WebCryptoError> {
        WebCrypto::options(secret).derive()
    }

    /// With a secret, and other options to follow.
    pub fn options(secret: impl Into<Vec<u8>>) -> WebCryptoOptions {
        WebCryptoOptions {
            secret: secret.into(),
            salt: SALT.to_vec(),
            iterations: ITERATIONS,
            encoding: WebCryptoEncoding::default(),
            iv_length: 12,
        }
    }

    /// A text as it is stored, different each time.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn encrypt(&self, text: &str) -> Result<String, WebCryptoError> {
        let bytes = match &*self.cipher {
            Cipher::Iv12(cipher) => {
                let iv = random::<12>()?;
                [&iv, &*cipher.encrypt(&Array::from(iv), text.as_bytes()).map_err(|_| Reason::TooLong)?].concat()
            }
            Cipher::Iv16(cipher) => {
                let iv = random::<16>()?;
                [&iv, &*cipher.encrypt(&Array::from(iv), text.as_bytes()).map_err(|_| Reason::TooLong)?].concat()
            }
        };
        Ok(self.encoding.encode(&bytes))
    }

    /// The text of what is stored.
    ///
    /// # Errors
    ///
    /// If it is no ciphertext, or one of another key, or somebody has changed it.
    pub fn decrypt(&self, stored: &str) -> Result<String, WebCryptoError> {
        let bytes = self.encoding.decode(stored).ok_or(Reason::NoCiphertext)?;
        let text = match &*self.cipher {
            Cipher::Iv12(cipher) => {
                let (iv, sealed) = bytes.split_first_chunk::<12>().ok_or(Reason::NoCiphertext)?;
                cipher.decrypt(&Array::from(*iv), sealed)
            }
            Cipher::Iv16(cipher) => {
                let (iv, sealed) = bytes.split_first_chunk::<16>().ok_or(Reason::NoCiphertext)?;
                cipher.decrypt(&Array::from(*iv), sealed)
            }
        };
        let text = String::from_utf8(text.map_err(|_| Reason::OtherKey)?).map_err(|_| Reason::NoText)?;
        // connect-mongo takes a text that was stringified twice, too.
        Ok(serde_json::from_str::<String>(&text).unwrap_or(text))
    }
}

impl WebCryptoOptions {
    /// The salt of PBKDF2: `salt`.
    #[must_use]
    pub fn salt(self, salt: impl Into<Vec<u8>>) -> WebCryptoOptions {
        WebCryptoOptions { salt: salt.into(), ..self }
    }

    /// The rounds of PBKDF2, at least 1: `iterations`.
    #[must_use]
    pub fn iterations(self, iterations: u32) -> WebCryptoOptions {
        WebCryptoOptions { iterations, ..self }
    }

    /// How the ciphertext is written as text: `encoding`.
    #[must_use]
    pub fn encoding(self, encoding: WebCryptoEncoding) -> WebCryptoOptions {
        WebCryptoOptions { encoding, ..self }
    }

    /// The bytes of the IV, 12 or 16: `ivLength`.
    #[must_use]
    pub fn iv_length(self, iv_length: usize) -> WebCryptoOptions {
        WebCryptoOptions { iv_length, ..self }
    }

    /// Makes the key. With the default of 310,000 iterations it takes some tenths of a second.
    ///
    /// # Errors
    ///
    /// If the secret is empty, there are no iterations, or the length of the IV is another.
    pub fn derive(self) -> Result<WebCrypto, WebCryptoError> {
        if self.secret.is_empty() {
            return Err(Reason::NoSecret.into());
        }
        if self.iterations == 0 {
            return Err(Reason::NoIterations.into());
        }
        let mut key = [0_u8; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(&self.secret, &self.salt, self.iterations, &mut key);
        let key = Array::from(key);
        let cipher = match self.iv_length {
            12 => Cipher::Iv12(AesGcm::new(&key)),
            16 => Cipher::Iv16(AesGcm::new(&key)),
            _ => return Err(Reason::IvLength.into()),
        };
        Ok(WebCrypto { cipher: Arc::new(cipher), encoding: self.encoding })
    }
}

impl WebCryptoEncoding {
    fn encode(self, bytes: &[u8]) -> String {
        match self {
            WebCryptoEncoding::Base64 => STANDARD.encode(bytes),
            WebCryptoEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            WebCryptoEncoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// As Node reads it: either alphabet of base64, padded or not.
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        if self == WebCryptoEncoding::Hex {
            let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
            let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
            return digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
        }
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(&alphabet::STANDARD, config).decode(text.replace('-', "+").replace('_', "/")).ok()
    }
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], WebCryptoError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(Reason::Random)?;
    Ok(bytes)
}

/// Clones of one are equal; that two have the same key is not told.
impl PartialEq for WebCrypto {
    fn eq(&self, other: &WebCrypto) -> bool {
        Arc::ptr_eq(&self.cipher, &other.cipher)
    }
}

impl Eq for WebCrypto {}

impl fmt::Debug for WebCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebCrypto").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

impl fmt::Debug for WebCryptoOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WebCryptoOptions");
        debug.field("iterations", &self.iterations).field("encoding", &self.encoding);
        debug.field("iv_length", &self.iv_length).finish_non_exhaustive()
    }
}

/// Why a session's text can't be encrypted or decrypted. Never tells the text or the secret.
#[derive(Debug)]
pub struct WebCryptoError(Reason);

#[derive(Debug)]
enum Reason {
    NoSecret,
    NoIterations,
    IvLength,
    Random(getrandom::Error),
    TooLong,
    NoCiphertext,
    OtherKey,
    NoText,
}

impl WebCryptoError {
    /// Whether it is a ciphertext, but none of this key.
    pub fn is_other_key(&self) -> bool {
        matches!(self.0, Reason::OtherKey)
    }
}

impl From<Reason> for WebCryptoError {
    fn from(reason: Reason) -> WebCryptoError {
        WebCryptoError(reason)
    }
}

impl fmt::Display for WebCryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Reason::NoSecret => "the secret is empty",
            Reason::NoIterations => "PBKDF2 needs at least one iteration",
            Reason::IvLength => "the IV has 12 or 16 bytes",
            Reason::Random(_) => "the operating system gives no random bytes",
            Reason::TooLong => "the session is too long to encrypt",
            Reason::NoCiphertext => "the stored session is no ciphertext",
            Reason::OtherKey => "the stored session was encrypted with another key, or changed since",
            Reason::NoText => "the decrypted session is no text",
        })
    }
}

impl std::error::Error for WebCryptoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Random(source) => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn weak(secret: &str) -> WebCryptoOptions {
        WebCrypto::options(secret).iterations(1)
    }

    fn of(options: &Json) -> WebCrypto {
        let mut ours = WebCrypto::options(options["secret"].as_str().unwrap());
        if let Some(salt) = options["salt"].as_str() {
            ours = ours.salt(salt);
        }
        if let Some(iterations) = options["iterations"].as_u64() {
            ours = ours.iterations(u32::try_from(iterations).unwrap());
        }
        if let Some(length) = options["ivLength"].as_u64() {
            ours = ours.iv_length(usize::try_from(length).unwrap());
        }
        ours = match options["encoding"].as_str() {
            Some("hex") => ours.encoding(WebCryptoEncoding::Hex),
            Some("base64url") => ours.encoding(WebCryptoEncoding::Base64Url),
            _ => ours,
        };
        ours.derive().unwrap()
    }

    #[test]
    fn what_connect_mongo_encrypts_is_read_and_written_alike() {
        let all: Json = serde_json::from_str(include_str!("../../tests/vectors/08-web-crypto.json")).unwrap();
        let cases = all["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 8);
        for case in cases {
            let (crypto, stored) = (of(&case["options"]), case["session"].as_str().unwrap());
            let text = crypto.decrypt(stored).unwrap();
            let plaintext = case["plaintext"].as_str().unwrap();
            let twice = serde_json::from_str::<String>(plaintext).ok();
            assert_eq!(text, twice.as_deref().unwrap_or(plaintext));
            assert_eq!(cloakroom::express::SessionText::parse(&text).unwrap().to_string(), text);

            let again = crypto.encrypt(plaintext).unwrap();
            assert_eq!(crypto.decrypt(&again).unwrap(), text);
            assert_ne!(again, stored);
            // The same shape: the IV in front, the tag behind, in the same letters.
            assert_eq!(again.len(), stored.len());
            let letters = |text: &str| text.contains(['+', '/', '=']) as u8 + text.contains(['-', '_']) as u8 * 2;
            assert!(letters(&again) == letters(stored) || letters(&again) == 0, "{again}");
        }
    }

    #[test]
    fn what_another_key_or_hand_has_made_is_refused() {
        let (ours, theirs) = (weak("ours").derive().unwrap(), weak("theirs").derive().unwrap());
        let stored = ours.encrypt("{}").unwrap();
        assert!(theirs.decrypt(&stored).unwrap_err().is_other_key());
        assert!(weak("ours").salt("x").derive().unwrap().decrypt(&stored).unwrap_err().is_other_key());
        let mut changed = stored.clone().into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        assert!(ours.decrypt(std::str::from_utf8(&changed).unwrap()).unwrap_err().is_other_key());
        for text in ["", "{}", "AAAA", "é", r#"{"cookie":{}}"#] {
            let error = ours.decrypt(text).unwrap_err();
            assert!(!error.is_other_key(), "{text}: {error}");
        }
        let hex = weak("ours").encoding(WebCryptoEncoding::Hex).derive().unwrap();
        for text in ["0", "0g", "zz"] {
            assert!(!hex.decrypt(text).unwrap_err().is_other_key());
        }
    }

    #[test]
    fn options_that_make_no_key_are_refused_and_nothing_secret_is_printed() {
        assert!(weak("").derive().is_err());
        assert!(weak("x").iterations(0).derive().is_err());
        assert!(weak("x").iv_length(13).derive().is_err());
        let options = weak("hunter2").salt("hunter2");
        assert!(!format!("{options:?} {:?}", options.clone().derive().unwrap()).contains("hunter2"));
    }
}
