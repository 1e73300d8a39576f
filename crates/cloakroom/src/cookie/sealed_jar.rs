use super::error::CookieError;
use super::jar::CookieJar;
use super::keys::KeyRing;
use super::seal::Seal;
use super::set_cookie::SetCookie;

/// A [`CookieJar`] read through a [`KeyRing`]: only values that a key of the ring made are seen.
///
/// Made by [`CookieJar::signed`], [`CookieJar::encrypted`] and [`CookieJar::express_signed`].
///
/// ```
/// use cloakroom::cookie::{CookieJar, KeyRing, SealedJar};
///
/// let (jar, keys) = (CookieJar::new(), KeyRing::generate()?);
/// let sealed: SealedJar<'_> = jar.signed(&keys);
/// assert_eq!(sealed.get("user"), None);
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SealedJar<'a> {
    jar: &'a CookieJar,
    keys: &'a KeyRing,
    seal: Seal,
}

/// A [`CookieJar`] written and read through a [`KeyRing`].
///
/// Made by [`CookieJar::signed_mut`], [`CookieJar::encrypted_mut`] and
/// [`CookieJar::express_signed_mut`].
///
/// ```
/// use cloakroom::cookie::{CookieJar, KeyRing, SealedJarMut, SetCookie};
///
/// let (mut jar, keys) = (CookieJar::new(), KeyRing::generate()?);
/// let mut sealed: SealedJarMut<'_> = jar.encrypted_mut(&keys);
/// sealed.add(SetCookie::new("user", "ada")?)?;
/// assert_eq!(sealed.get("user").as_deref(), Some("ada"));
/// # Ok::<(), cloakroom::cookie::CookieError>(())
/// ```
#[derive(Debug)]
pub struct SealedJarMut<'a> {
    jar: &'a mut CookieJar,
    keys: &'a KeyRing,
    seal: Seal,
}

impl<'a> SealedJar<'a> {
    pub(super) fn new(jar: &'a CookieJar, keys: &'a KeyRing, seal: Seal) -> Self {
        Self { jar, keys, seal }
    }

    /// The text of a cookie. Of equal names the first that one of the keys made, among the first
    /// sixteen: a sibling domain can put a forged one in front, and should not be able to hide ours
    /// behind it.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    ///
    /// let keys = KeyRing::generate()?;
    /// let mut jar = CookieJar::new();
    /// jar.signed_mut(&keys).add(SetCookie::new("user", "ada")?)?;
    /// assert_eq!(jar.signed(&keys).get("user").as_deref(), Some("ada"));
    /// assert_eq!(jar.signed(&KeyRing::generate()?).get("user"), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn get(&self, name: impl AsRef<str>) -> Option<String> {
        let name = name.as_ref();
        self.seal.open(self.keys, name, self.jar.get_all_raw(name))
    }
}

impl<'a> SealedJarMut<'a> {
    pub(super) fn new(jar: &'a mut CookieJar, keys: &'a KeyRing, seal: Seal) -> Self {
        Self { jar, keys, seal }
    }

    /// As [`SealedJar::get`].
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing};
    ///
    /// assert_eq!(CookieJar::new().signed_mut(&KeyRing::generate()?).get("user"), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn get(&self, name: impl AsRef<str>) -> Option<String> {
        SealedJar::new(self.jar, self.keys, self.seal).get(name)
    }

    /// Sets a cookie with the response, its value sealed with the newest key.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    ///
    /// let mut jar = CookieJar::new();
    /// jar.signed_mut(&KeyRing::generate()?).add(SetCookie::new("user", "ada")?.path("/")?)?;
    /// assert_eq!(jar.iter().count(), 1);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`CookieJar::add`], with the length of the sealed value; and
    /// [`CookieErrorKind::Random`](super::CookieErrorKind::Random) for an encrypted one if the
    /// operating system has no random bytes.
    pub fn add(&mut self, mut cookie: SetCookie) -> Result<(), CookieError> {
        cookie.value = self.seal.seal(self.keys, &cookie.name, &cookie.value.decoded())?;
        self.jar.add(cookie)
    }

    /// Removes a cookie from the browser, as [`CookieJar::remove`].
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    ///
    /// let keys = KeyRing::generate()?;
    /// let mut jar = CookieJar::new();
    /// let user = SetCookie::new("user", "ada")?.path("/")?;
    /// jar.signed_mut(&keys).add(user.clone())?;
    /// jar.signed_mut(&keys).remove(&user)?;
    /// assert_eq!(jar.signed(&keys).get("user"), None);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`CookieJar::remove`].
    pub fn remove(&mut self, cookie: &SetCookie) -> Result<(), CookieError> {
        self.jar.remove(cookie)
    }
}

/// The jar through a [`KeyRing`]: only values that a key of the ring made are seen.
impl CookieJar {
    /// Signed cookies: the visitor can read them, but not change them nor use one as another.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    ///
    /// let keys = KeyRing::generate()?;
    /// let mut jar = CookieJar::new();
    /// jar.signed_mut(&keys).add(SetCookie::new("user", "ada")?)?;
    /// assert_eq!(jar.signed(&keys).get("user").as_deref(), Some("ada"));
    /// assert!(jar.get("user").is_some_and(|raw| raw.starts_with("ada.")));
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn signed<'a>(&'a self, keys: &'a KeyRing) -> SealedJar<'a> {
        SealedJar::new(self, keys, Seal::Signed)
    }

    /// [`signed`](Self::signed), for writing.
    ///
    /// ```
    /// # use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    /// let mut jar = CookieJar::new();
    /// jar.signed_mut(&KeyRing::generate()?).add(SetCookie::new("user", "ada")?)?;
    /// # assert!(jar.get("user").is_some());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn signed_mut<'a>(&'a mut self, keys: &'a KeyRing) -> SealedJarMut<'a> {
        SealedJarMut::new(self, keys, Seal::Signed)
    }

    /// Encrypted cookies: the visitor can't even read them.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    ///
    /// let keys = KeyRing::generate()?;
    /// let mut jar = CookieJar::new();
    /// jar.encrypted_mut(&keys).add(SetCookie::new("user", "ada")?)?;
    /// assert_eq!(jar.encrypted(&keys).get("user").as_deref(), Some("ada"));
    /// assert!(!jar.get("user").is_some_and(|raw| raw.contains("ada")));
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn encrypted<'a>(&'a self, keys: &'a KeyRing) -> SealedJar<'a> {
        SealedJar::new(self, keys, Seal::Encrypted)
    }

    /// [`encrypted`](Self::encrypted), for writing.
    ///
    /// ```
    /// # use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    /// let mut jar = CookieJar::new();
    /// jar.encrypted_mut(&KeyRing::generate()?).add(SetCookie::new("user", "ada")?)?;
    /// # assert!(jar.get("user").is_some());
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn encrypted_mut<'a>(&'a mut self, keys: &'a KeyRing) -> SealedJarMut<'a> {
        SealedJarMut::new(self, keys, Seal::Encrypted)
    }

    /// Cookies signed as Express does it (`req.signedCookies`), for those that an Express app shares.
    /// The signature knows neither name nor purpose: the visitor can put one cookie's value in
    /// another, and a text signed so is as good as a session ticket with that text as id. Don't sign
    /// so what a visitor may choose.
    ///
    /// ```
    /// use cloakroom::cookie::{CookieJar, KeyRing};
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_static("fruit=s%3Aapple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn%2BnQWKhyR2j0qJpY"));
    /// let keys = KeyRing::weak(["tobiiscool"])?;
    /// assert_eq!(CookieJar::from_headers(&headers).express_signed(&keys).get("fruit").as_deref(), Some("apple"));
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn express_signed<'a>(&'a self, keys: &'a KeyRing) -> SealedJar<'a> {
        SealedJar::new(self, keys, Seal::Express)
    }

    /// [`express_signed`](Self::express_signed), for writing.
    ///
    /// ```
    /// # use cloakroom::cookie::{CookieJar, KeyRing, SetCookie};
    /// let mut jar = CookieJar::new();
    /// jar.express_signed_mut(&KeyRing::weak(["tobiiscool"])?).add(SetCookie::new("fruit", "apple")?)?;
    /// assert_eq!(jar.get("fruit").as_deref(), Some("s:apple.Qbi9QyXFSRaSHIUdadeAhIjl0qTn+nQWKhyR2j0qJpY"));
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn express_signed_mut<'a>(&'a mut self, keys: &'a KeyRing) -> SealedJarMut<'a> {
        SealedJarMut::new(self, keys, Seal::Express)
    }
}
