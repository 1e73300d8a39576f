//! [`DataKeys`]: the secrets that values are encrypted with.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use sha2::Sha256;

use crate::error::Fault;

/// Sets these keys apart from all others that may be made of the same secret.
const SALT: &[u8] = b"cloakroom-encrypted";
const ID: &[u8] = b"id of a data key v1";
const RECORD: &[u8] = b"key of a record v1";

/// What a stored value says of the data key that it was encrypted with.
pub(crate) const ID_LENGTH: usize = 4;

/// The data keys, newest first.
///
/// The newest one encrypts; every one decrypts. Each has an id of four bytes, which is derived from it and stands in front of each
/// value, so the right one is found at once and the order among the older ones does not matter. Cloning is cheap. Debug shows
/// the number of keys only.
///
/// ```
/// use cloakroom_encrypted::DataKeys;
///
/// let keys = DataKeys::new("this year's secret of 32 bytes or more")?.with_older("last year's secret of 32 bytes or more")?;
/// assert_eq!(format!("{keys:?}"), "DataKeys(2 keys)");
/// assert!(DataKeys::new("keyboard cat").is_err());
/// # Ok::<(), cloakroom_encrypted::DataKeyError>(())
/// ```
#[derive(Clone)]
pub struct DataKeys {
    keys: Arc<[DataKey]>,
}

#[derive(Clone)]
struct DataKey {
    id: [u8; ID_LENGTH],
    hkdf: Hkdf<Sha256>,
}

impl DataKeys {
    /// The fewest bytes of a secret.
    const MIN: usize = 32;

    /// One key, of a secret of 32 random bytes or more, such as `openssl rand -base64 32` gives. Take one of its own: not that of the
    /// cookies.
    ///
    /// # Errors
    ///
    /// If it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<DataKeys, DataKeyError> {
        DataKeys::from_secrets([secret])
    }

    /// With one more key behind the others.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 32 bytes, or its id is that of another key, as it is if the secret is here already.
    pub fn with_older(self, secret: impl AsRef<[u8]>) -> Result<DataKeys, DataKeyError> {
        let older = DataKey::new(secret.as_ref())?;
        DataKeys::collect(self.keys.iter().cloned().chain([older]).collect())
    }

    /// Several keys, newest first, of secrets of 32 random bytes or more.
    ///
    /// # Errors
    ///
    /// If one is shorter, if two have the same id, or if there is none.
    pub fn from_secrets(secrets: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<DataKeys, DataKeyError> {
        let keys: Result<Vec<_>, _> = secrets.into_iter().map(|secret| DataKey::new(secret.as_ref())).collect();
        DataKeys::collect(keys?)
    }

    fn collect(keys: Vec<DataKey>) -> Result<DataKeys, DataKeyError> {
        if keys.is_empty() {
            return Err(DataKeyError(Reason::None));
        }
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].iter().any(|newer| newer.id == key.id) {
                return Err(DataKeyError(Reason::Twice));
            }
        }
        Ok(DataKeys { keys: keys.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Which key has this id.
    pub(crate) fn position(&self, id: [u8; ID_LENGTH]) -> Option<usize> {
        self.keys.iter().position(|key| key.id == id)
    }

    pub(crate) fn id(&self, at: usize) -> [u8; ID_LENGTH] {
        self.keys[at].id
    }

    /// The key that one record's values are encrypted with under one data key.
    pub(crate) fn of_record(&self, at: usize, digest: &[u8; 32]) -> Result<[u8; 32], Fault> {
        let mut key = [0; 32];
        self.keys[at].hkdf.expand_multi_info(&[RECORD, digest], &mut key).map_err(|_| Fault::NoKey)?;
        Ok(key)
    }
}

impl DataKey {
    fn new(secret: &[u8]) -> Result<DataKey, DataKeyError> {
        if secret.len() < DataKeys::MIN {
            return Err(DataKeyError(Reason::Short(secret.len())));
        }
        let (mut id, hkdf) = ([0; ID_LENGTH], Hkdf::new(Some(SALT), secret));
        hkdf.expand(ID, &mut id).map_err(|_| DataKeyError(Reason::NoId))?;
        Ok(DataKey { id, hkdf })
    }
}

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        write!(f, "DataKeys({count} {})", if count == 1 { "key" } else { "keys" })
    }
}

/// Why there are no such data keys.
#[derive(Debug)]
pub struct DataKeyError(Reason);

#[derive(Debug)]
enum Reason {
    None,
    Short(usize),
    Twice,
    NoId,
}

impl fmt::Display for DataKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reason::None => f.write_str("to encrypt, a data key is needed"),
            Reason::Short(length) => write!(
                f,
                "the secret of a data key has {length} bytes; take {} random ones or more (`openssl rand -base64 32`)",
                DataKeys::MIN
            ),
            Reason::Twice => f.write_str("two data keys have the same id: most likely they are the same"),
            Reason::NoId => f.write_str("no id could be derived from a data key"),
        }
    }
}

impl std::error::Error for DataKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_a_short_one_and_the_same_one_twice_are_refused() {
        let message = |keys: Result<DataKeys, DataKeyError>| keys.unwrap_err().to_string();
        assert!(message(DataKeys::from_secrets([[0; 32]; 0])).contains("is needed"));
        assert!(message(DataKeys::new([7; 31])).contains("31 bytes"));
        let keys = DataKeys::from_secrets([[1; 32], [2; 32]]).unwrap();
        for twice in [[1; 32], [2; 32]] {
            assert!(message(keys.clone().with_older(twice)).contains("the same"));
        }
        assert_eq!(keys.with_older([3; 33]).unwrap().len(), 3);
    }

    #[test]
    fn debug_counts_the_keys_and_shows_none() {
        let keys = DataKeys::new("hunter2 hunter2 hunter2 hunter2 hunter2").unwrap();
        assert_eq!(
            format!("{keys:?} {:?}", keys.clone().with_older([1; 32]).unwrap()),
            "DataKeys(1 key) DataKeys(2 keys)"
        );
    }
}
