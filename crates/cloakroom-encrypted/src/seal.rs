//! One value, encrypted and decrypted; pure but for the nonce.
//!
//! What is stored is a JSON string: base64url, without padding, of
//!
//! | bytes | what                                             |
//! |-------|--------------------------------------------------|
//! | 1     | the version of the format, 1                     |
//! | 4     | the id of the data key                           |
//! | 12    | the nonce, random                                |
//! | n     | the value's JSON text, in AES-256-GCM            |
//! | 16    | its tag                                          |
//!
//! The associated data are the first five bytes, the SHA-256 of the session id, and the value's name.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::record::{Data, Value};

use crate::error::Fault;
use crate::keys::{DataKeys, ID_LENGTH};

const VERSION: u8 = 1;
const HEAD: usize = 1 + ID_LENGTH;
const NONCE: usize = 12;

/// Encrypts and decrypts the values of one record.
pub(crate) struct Sealer<'a> {
    keys: &'a DataKeys,
    record: &'a [u8; 32],
    /// For each data key what was derived from it, once that was needed.
    ciphers: Vec<Option<Aes256Gcm>>,
}

impl<'a> Sealer<'a> {
    /// For the record with this digest of its key.
    pub(crate) fn new(keys: &'a DataKeys, record: &'a [u8; 32]) -> Sealer<'a> {
        Sealer { keys, record, ciphers: vec![None; keys.len()] }
    }

    /// The value as it is stored, different each time.
    pub(crate) fn seal(&mut self, name: &str, value: &Value) -> Result<Value, Fault> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(Fault::Random)?;
        self.seal_with(nonce, name, value)
    }

    fn seal_with(&mut self, nonce: [u8; NONCE], name: &str, value: &Value) -> Result<Value, Fault> {
        let mut head = [VERSION; HEAD];
        head[1..].copy_from_slice(&self.keys.id(0));
        let payload = Payload { msg: value.as_json().as_bytes(), aad: &associated(head, self.record, name) };
        let sealed = self.cipher(0)?.encrypt(&Array::from(nonce), payload).map_err(|_| Fault::TooLong)?;
        let text = URL_SAFE_NO_PAD.encode([&head[..], &nonce, &sealed].concat());
        Value::from_json(&format!("\"{text}\"")).map_err(|error| Fault::NoValue(Some(error)))
    }

    /// The value of what is stored.
    pub(crate) fn open(&mut self, name: &str, stored: &Value) -> Result<Value, Fault> {
        let text = stored.as_json().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(Fault::NoCiphertext)?;
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Fault::NoCiphertext)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Fault::NoCiphertext)?;
        let [version, id @ ..] = *head;
        if version != VERSION {
            return Err(Fault::OtherVersion);
        }
        let key = self.keys.position(id).ok_or(Fault::UnknownKey)?;
        let payload = Payload { msg: sealed, aad: &associated(*head, self.record, name) };
        let text = self.cipher(key)?.decrypt(&Array::from(*nonce), payload).map_err(|_| Fault::NotAuthentic)?;
        let text = String::from_utf8(text).map_err(|_| Fault::NoValue(None))?;
        Value::from_json(&text).map_err(|error| Fault::NoValue(Some(error)))
    }

    /// All values as they are stored.
    pub(crate) fn seal_all(&mut self, data: &Data) -> Result<Data, Fault> {
        data.iter().map(|(name, value)| Ok((name.clone(), self.seal(name, value)?))).collect()
    }

    /// All values of what is stored.
    pub(crate) fn open_all(&mut self, data: &Data) -> Result<Data, Fault> {
        data.iter().map(|(name, stored)| Ok((name.clone(), self.open(name, stored)?))).collect()
    }

    fn cipher(&mut self, at: usize) -> Result<&Aes256Gcm, Fault> {
        let cipher = match self.ciphers[at].take() {
            Some(cipher) => cipher,
            None => Aes256Gcm::new(&Array::from(self.keys.of_record(at, self.record)?)),
        };
        Ok(self.ciphers[at].insert(cipher))
    }
}

/// What a value is bound to. All but the name has a fixed length, so no two values are bound alike.
fn associated(head: [u8; HEAD], record: &[u8; 32], name: &str) -> Vec<u8> {
    [&head[..], record, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 32] = [9; 32];

    fn keys(secret: u8) -> DataKeys {
        DataKeys::new([secret; 32]).unwrap()
    }

    fn value(json: &str) -> Value {
        Value::from_json(json).unwrap()
    }

    fn open(keys: &DataKeys, record: &[u8; 32], name: &str, stored: &Value) -> Result<Value, Fault> {
        Sealer::new(keys, record).open(name, stored)
    }

    #[test]
    fn a_value_comes_back_to_the_byte_and_is_stored_differently_each_time() {
        let keys = keys(1);
        let mut sealer = Sealer::new(&keys, &RECORD);
        for json in ["null", "0", "-0", "1e300", r#""é""#, r#"[ 1, {"\u0000" : "null"} ]"#, r#""""#] {
            let (one, two) = (sealer.seal("n", &value(json)).unwrap(), sealer.seal("n", &value(json)).unwrap());
            assert_ne!(one, two);
            assert_eq!(sealer.open("n", &one).unwrap().as_json(), json);
            assert_eq!(open(&keys, &RECORD, "n", &two).unwrap().as_json(), json);
        }
    }

    #[test]
    fn a_value_is_good_for_its_own_record_name_and_data_key_only() {
        let keys = keys(1).with_older([2; 32]).unwrap();
        let stored = Sealer::new(&keys, &RECORD).seal("cart", &value("1")).unwrap();
        assert_eq!(open(&keys, &RECORD, "cart", &stored).unwrap(), value("1"));
        for name in ["", "Cart", "cart ", "art", "cart\0"] {
            assert!(matches!(open(&keys, &RECORD, name, &stored), Err(Fault::NotAuthentic)));
        }
        assert!(matches!(open(&keys, &[8; 32], "cart", &stored), Err(Fault::NotAuthentic)));
        assert!(matches!(open(&self::keys(2), &RECORD, "cart", &stored), Err(Fault::UnknownKey)));
        let mut bytes = bytes_of(&stored);
        bytes[1..HEAD].copy_from_slice(&keys.id(1));
        assert!(matches!(open(&keys, &RECORD, "cart", &stored_as(&bytes)), Err(Fault::NotAuthentic)));
    }

    #[test]
    fn any_changed_bit_or_missing_byte_makes_it_an_error() {
        let keys = keys(1);
        let stored = Sealer::new(&keys, &RECORD).seal("n", &value("[1,2,3]")).unwrap();
        let bytes = bytes_of(&stored);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let error = open(&keys, &RECORD, "n", &stored_as(&changed)).unwrap_err();
                let expected = match at {
                    0 => matches!(error, Fault::OtherVersion),
                    1..HEAD => matches!(error, Fault::UnknownKey),
                    _ => matches!(error, Fault::NotAuthentic),
                };
                assert!(expected, "bit {bit} of byte {at}: {error:?}");
            }
            assert!(open(&keys, &RECORD, "n", &stored_as(&bytes[..at])).is_err());
        }
        assert!(open(&keys, &RECORD, "n", &stored_as(&[&bytes[..], &[0]].concat())).is_err());
    }

    #[test]
    fn what_is_no_ciphertext_is_an_error() {
        for json in ["null", "1", "{}", "[]", r#""""#, r#"" ""#, r#""AQ""#, r#""é""#, r#""\"""#, r#"{"a":"b"}"#, "true"]
        {
            let error = open(&keys(1), &RECORD, "n", &value(json)).unwrap_err();
            assert!(matches!(error, Fault::NoCiphertext), "{json}: {error:?}");
        }
    }

    #[test]
    fn a_value_of_version_1_can_be_read_for_ever() {
        let keys = keys(1);
        let stored = Sealer::new(&keys, &RECORD).seal_with([5; NONCE], "cart", &value(r#"{"apples":3}"#)).unwrap();
        let written = r#""AZYCtpMFBQUFBQUFBQUFBQX5hhsEt0zcg3CdA4LR_A6YrS_S4X21DNcUmue2""#;
        assert_eq!(stored.as_json(), written);
        assert_eq!(open(&keys, &RECORD, "cart", &value(written)).unwrap(), value(r#"{"apples":3}"#));
    }

    #[test]
    fn a_stored_value_is_44_characters_and_a_third_longer_and_has_quotes() {
        let keys = keys(1);
        for (json, length) in [("1234", 52), ("true", 52), (r#""0123456789""#, 62)] {
            let stored = Sealer::new(&keys, &RECORD).seal("n", &value(json)).unwrap();
            assert_eq!(stored.as_json().len(), length, "{json}");
        }
    }

    fn bytes_of(stored: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(stored.as_json().trim_matches('"')).unwrap()
    }

    fn stored_as(bytes: &[u8]) -> Value {
        value(&format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes)))
    }
}
