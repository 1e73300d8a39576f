//! The `Set-Cookie` line that a cookie becomes.

use std::time::SystemTime;

use http::HeaderValue;

use super::error::{CookieError, CookieErrorKind};
use super::rules;
use super::set_cookie::SetCookie;
use super::warning::CookieWarning;

impl SetCookie {
    /// The line, for now: [`to_header_value_at`](Self::to_header_value_at) with the system's time.
    /// If a lifetime over 400 days has to be cut, the log says so.
    ///
    /// ```
    /// use cloakroom::cookie::SetCookie;
    ///
    /// assert_eq!(SetCookie::new("theme", "dark")?.to_header_value()?, "theme=dark");
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`to_header_value_at`](Self::to_header_value_at).
    pub fn to_header_value(&self) -> Result<HeaderValue, CookieError> {
        let now = SystemTime::now();
        if self.warnings(now).contains(&CookieWarning::Capped) {
            tracing::warn!(cookie = %self.name, "{}", CookieWarning::Capped);
        }
        self.to_header_value_at(now)
    }

    /// The line, at the given time: that is what a lifetime over 400 days is cut by, as browsers
    /// would cut it. The header value is marked as sensitive, so that it does not show in logs.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use cloakroom::cookie::SetCookie;
    ///
    /// let ten_years = Duration::from_secs(10 * 365 * 24 * 3600);
    /// let cookie = SetCookie::new("theme", "dark")?.max_age(ten_years).expires(UNIX_EPOCH + ten_years);
    /// assert_eq!(
    ///     cookie.to_header_value_at(UNIX_EPOCH)?,
    ///     "theme=dark; Max-Age=34560000; Expires=Fri, 05 Feb 1971 00:00:00 GMT"
    /// );
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What a browser would not keep:
    /// - [`CookieErrorKind::Prefix`] if the name's [`Prefix`](super::Prefix) promises what the
    ///   attributes don't hold;
    /// - [`CookieErrorKind::NeedsSecure`] for `SameSite=None` or `Partitioned` without `Secure`;
    /// - [`CookieErrorKind::TooLong`] if name and value together are over 4,096 bytes.
    pub fn to_header_value_at(&self, now: SystemTime) -> Result<HeaderValue, CookieError> {
        rules::check(self)?;
        let mut line = String::with_capacity(self.name.as_str().len() + self.value.as_str().len() + 128);
        line.push_str(self.name.as_str());
        line.push('=');
        line.push_str(self.value.as_str());
        let mut attribute = |name: &str, value: &str| {
            line.push_str(name);
            line.push_str(value);
        };
        if let Some(max_age) = self.max_age {
            attribute("; Max-Age=", &rules::capped_max_age(max_age).to_string());
        }
        if let Some(domain) = &self.domain {
            attribute("; Domain=", domain);
        }
        if let Some(path) = &self.path {
            attribute("; Path=", path);
        }
        if let Some(expires) = self.expires {
            attribute("; Expires=", &httpdate::fmt_http_date(rules::capped_expires(expires, now)));
        }
        if self.http_only {
            attribute("; HttpOnly", "");
        }
        if self.secure {
            attribute("; Secure", "");
        }
        if self.partitioned {
            attribute("; Partitioned", "");
        }
        if let Some(priority) = self.priority {
            attribute("; Priority=", priority.as_str());
        }
        if let Some(same_site) = self.same_site {
            attribute("; SameSite=", same_site.as_str());
        }
        let mut header = HeaderValue::try_from(line).map_err(|error| {
            CookieError::new(CookieErrorKind::Value, "the cookie can't be put in a header").caused_by(error)
        })?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// What a browser would do to the cookie that may not be meant, wherever it is set from.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use cloakroom::cookie::{CookieWarning, SetCookie};
    ///
    /// let cookie = SetCookie::new("theme", "dark")?.max_age(Duration::from_millis(900));
    /// assert_eq!(cookie.warnings(UNIX_EPOCH), [CookieWarning::Expired]);
    /// # Ok::<(), cloakroom::cookie::CookieError>(())
    /// ```
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<CookieWarning> {
        rules::warnings(self, now)
    }
}
