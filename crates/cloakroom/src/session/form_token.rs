//! Texts for hidden fields, by which a request shows that it comes from a page of its session.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::error::{SessionError, SessionErrorKind as Kind};
use super::state::Own;
use super::{Session, boxed};
use crate::cookie::{CookieError, CookieErrorKind, KeyRing};
use crate::record::{IdError, StoreKey, random};

/// What the keys are for. To change the form of a token is to change its purpose.
const PURPOSE: &str = "cloakroom form token v1";

const NONCE: usize = 16;
const MAC: usize = 32;

/// 48 bytes are 64 characters.
const LENGTH: usize = 64;

/// The text of a hidden field that only pages of one session have, given by [`Session::form_token`].
///
/// It is 64 characters of base64url, so it can stand in HTML as it is. One will do for all forms of a page.
///
/// ```
/// use cloakroom::{FormToken, SessionError};
///
/// async fn page(token: FormToken) -> Result<axum::response::Html<String>, SessionError> {
///     Ok(axum::response::Html(format!(
///         r#"<form method="post"><input type="hidden" name="{}" value="{}"><button>Order</button></form>"#,
///         FormToken::FIELD,
///         token.as_str(),
///     )))
/// }
/// ```
#[derive(Clone)]
pub struct FormToken(String);

impl FormToken {
    /// The name of the field in which a form brings it back.
    pub const FIELD: &str = "form_token";

    /// The header in which a script brings it back, where the content is no form.
    pub const HEADER: &str = "x-csrf-token";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whoever has it can send forms in the visitor's name.
impl fmt::Debug for FormToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormToken(…)")
    }
}

impl Session {
    /// A token for the forms of a page: the request that brings it back comes from a page of this session (NIST SP 800-63B-4,
    /// section 5.1, asks for that in each POST and PUT).
    ///
    /// It is as good as the session's id: it ends when that changes, at each [`log_in`](Session::log_in),
    /// [`rotate`](Session::rotate) and [`log_out`](Session::log_out). Until then any number of pages and tabs can use any number
    /// of tokens, each as often as it likes. Nothing is stored for it, so requests that run at once can't undo each
    /// other's. Each token has other characters, so that compressed pages do not betray it (BREACH).
    ///
    /// There is no token without an id. So where nothing is stored of the session yet, this begins one, at once; and a log-in
    /// or a rotation that is pending is written first. Ask for a token only on pages with a form, then, and after the log-in.
    ///
    /// A page whose session was rotated away a moment ago, or can't be known while the store is away, reads it as empty. It gets
    /// a token that opens nothing.
    ///
    /// # Errors
    ///
    /// [`Id`](Kind::Id) if the operating system gives no random bytes; where something is written, those of
    /// [`save`](Session::save).
    pub async fn form_token(&self) -> Result<FormToken, SessionError> {
        let awaits_id = self.0.state().awaits_id();
        if awaits_id {
            boxed(self.0.write(Own::Begin)).await?;
        }
        let key = self.0.state().live().map(|live| live.key.clone());
        Ok(match key {
            Some(key) => self.0.settings.form_keys.make(&key)?,
            None => FormToken(URL_SAFE_NO_PAD.encode(random::<{ NONCE + MAC }>()?)),
        })
    }

    /// Checks that a token is one of this session's, in constant time. To be done before anything is changed.
    ///
    /// With axum, `FormGuard` does it before the handler runs. This is for what it can't read, such as uploads.
    ///
    /// # Errors
    ///
    /// [`FormToken`](Kind::FormToken) if it is not, or if there is no session: a 403. [`Gone`](Kind::Gone) if the session was
    /// rotated away a moment ago, so that nobody can tell: a 409. [`ReadOnly`](Kind::ReadOnly) while the store is away.
    pub fn verify_form_token(&self, token: &str) -> Result<(), SessionError> {
        let state = self.0.state();
        let key = match state.live() {
            Some(live) => live.key.clone(),
            None if state.is_read_only() => return Err(SessionError::new(Kind::ReadOnly)),
            None if state.is_superseded() => return Err(SessionError::new(Kind::Gone)),
            None => return Err(SessionError::new(Kind::FormToken)),
        };
        drop(state);
        let is_ours = self.0.settings.form_keys.verify(&key, token);
        if is_ours { Ok(()) } else { Err(SessionError::new(Kind::FormToken)) }
    }
}

/// What makes form tokens and verifies them: a key for each secret of the ring, newest first.
#[derive(Clone)]
pub(crate) struct FormKeys(Vec<Hmac<Sha256>>);

impl FormKeys {
    /// # Errors
    ///
    /// None for a ring that was made.
    pub(crate) fn new(ring: &KeyRing) -> Result<FormKeys, CookieError> {
        let unusable =
            |error| CookieError::new(CookieErrorKind::Secret, "a secret gives no key for form tokens").caused_by(error);
        let key = |derived: Result<[u8; 32], _>| Hmac::new_from_slice(&derived?).map_err(unusable);
        ring.derive(PURPOSE, "").map(key).collect::<Result<_, _>>().map(FormKeys)
    }

    /// A random nonce, and the MAC of it and the session id by the newest key.
    fn make(&self, id: &StoreKey) -> Result<FormToken, IdError> {
        let mut token = [0; NONCE + MAC];
        let (nonce, mac) = token.split_at_mut(NONCE);
        nonce.copy_from_slice(&random::<NONCE>()?);
        // A ring has a secret.
        if let Some(key) = self.0.first() {
            mac.copy_from_slice(&bound(key, nonce, id).finalize().into_bytes());
        }
        Ok(FormToken(URL_SAFE_NO_PAD.encode(token)))
    }

    /// Takes as long for the first key as for the last and for none.
    fn verify(&self, id: &StoreKey, token: &str) -> bool {
        let mut bytes = [0; NONCE + MAC];
        if token.len() != LENGTH || URL_SAFE_NO_PAD.decode_slice(token, &mut bytes) != Ok(bytes.len()) {
            return false;
        }
        let (nonce, mac) = bytes.split_at(NONCE);
        self.0.iter().fold(false, |found, key| found | bound(key, nonce, id).verify_slice(mac).is_ok())
    }
}

/// The nonce has one length, so it can't be taken for a part of the id.
fn bound(key: &Hmac<Sha256>, nonce: &[u8], id: &StoreKey) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(nonce);
    mac.update(id.plain().as_bytes());
    mac
}

impl fmt::Debug for FormKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[u8]) -> FormKeys {
        FormKeys::new(&KeyRing::from_secrets(secrets.iter().map(|byte| [*byte; 32])).unwrap()).unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_own_id_only() {
        let (one, other) = (StoreKey::generate().unwrap(), StoreKey::generate().unwrap());
        let keys = keys(&[1]);
        let token = keys.make(&one).unwrap();
        assert!(keys.verify(&one, token.as_str()));
        assert!(!keys.verify(&other, token.as_str()));
    }

    #[test]
    fn no_two_tokens_have_a_part_in_common() {
        let id = StoreKey::generate().unwrap();
        let keys = keys(&[1]);
        let tokens = [(); 50].map(|()| keys.make(&id).unwrap());
        let mut pieces: Vec<_> = tokens.iter().flat_map(|token| token.as_str().as_bytes().chunks(8)).collect();
        pieces.sort_unstable();
        let count = pieces.len();
        pieces.dedup();
        assert_eq!(pieces.len(), count);
        assert!(tokens.iter().all(|token| keys.verify(&id, token.as_str())));
    }

    #[test]
    fn any_change_makes_it_worthless() {
        let id = StoreKey::generate().unwrap();
        let keys = keys(&[1]);
        let token = keys.make(&id).unwrap();
        let text = token.as_str();
        assert_eq!(text.len(), LENGTH);
        for at in 0..LENGTH {
            let changed = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = [&text[..at], changed, &text[at + 1..]].concat();
            assert!(!keys.verify(&id, &changed), "{at}");
            assert!(!keys.verify(&id, &text[..at]), "{at}");
        }
        for other in [format!("{text}A"), format!("{text}="), format!(" {text}"), "é".repeat(32), String::new()] {
            assert!(!keys.verify(&id, &other), "{other}");
        }
    }

    #[test]
    fn keys_are_rotated() {
        let id = StoreKey::generate().unwrap();
        let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
        let (from_old, from_both) = (old.make(&id).unwrap(), both.make(&id).unwrap());
        let takes = |keys: &FormKeys, token: &FormToken| keys.verify(&id, token.as_str());
        assert!(takes(&both, &from_old) && takes(&both, &from_both) && takes(&new, &from_both));
        assert!(!takes(&old, &from_both) && !takes(&new, &from_old));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let keys = keys(&[1, 2]);
        let token = keys.make(&StoreKey::generate().unwrap()).unwrap();
        assert_eq!(format!("{token:?} {keys:?}"), "FormToken(…) FormKeys(2)");
    }
}
