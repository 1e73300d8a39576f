//! What browsers drop and change, as far as it can be told from one whole cookie.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::attribute::SameSite;
use super::error::{CookieError, CookieErrorKind};
use super::name::Prefix;
use super::set_cookie::SetCookie;
use super::warning::CookieWarning;

/// Name and value together (RFC 6265bis, 5.6 and 5.7).
const MAX_PAIR: usize = 4096;

/// No browser keeps a cookie longer (RFC 6265bis, 5.5).
const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 3600);

/// The last second of the year 9999, the last that an HTTP date can name.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

pub(super) fn check(cookie: &SetCookie) -> Result<(), CookieError> {
    let name = &cookie.name;
    let length = name.as_str().len() + cookie.value.as_str().len();
    if length > MAX_PAIR {
        return Err(CookieError::new(
            CookieErrorKind::TooLong,
            format!("name and value of the cookie `{name:.64}` have {length} bytes; browsers drop one over {MAX_PAIR}"),
        ));
    }
    if let Some(prefix) = name.prefix()
        && let Some(what) = broken_promise(prefix, cookie)
    {
        return Err(CookieError::new(
            CookieErrorKind::Prefix,
            format!("the cookie `{name}` begins with {prefix} and so needs {what}; browsers drop it"),
        ));
    }
    let needs_secure = if cookie.same_site == Some(SameSite::None) {
        Some("SameSite=None")
    } else {
        cookie.partitioned.then_some("Partitioned")
    };
    match needs_secure {
        Some(attribute) if !cookie.secure => Err(CookieError::new(
            CookieErrorKind::NeedsSecure,
            format!("the cookie `{name}` is {attribute} without Secure; browsers drop it"),
        )),
        _ => Ok(()),
    }
}

/// What the prefix asks for and the attributes don't have.
fn broken_promise(prefix: Prefix, cookie: &SetCookie) -> Option<&'static str> {
    let http = matches!(prefix, Prefix::Http | Prefix::HostHttp);
    let host = matches!(prefix, Prefix::Host | Prefix::HostHttp);
    if !cookie.secure {
        Some("Secure")
    } else if http && !cookie.http_only {
        Some("HttpOnly")
    } else if host && cookie.domain.is_some() {
        Some("to be without Domain")
    } else if host && cookie.path.as_deref() != Some("/") {
        Some("Path=/")
    } else {
        None
    }
}

pub(super) fn warnings(cookie: &SetCookie, now: SystemTime) -> Vec<CookieWarning> {
    let mut warnings = Vec::new();
    if is_expired(cookie, now) {
        warnings.push(CookieWarning::Expired);
    }
    if cookie.max_age.is_some_and(|max_age| max_age.as_secs() > MAX_LIFETIME.as_secs())
        || cookie.expires.is_some_and(|expires| expires > latest(now))
    {
        warnings.push(CookieWarning::Capped);
    }
    if cookie.path.as_deref().is_some_and(|path| !path.trim_start_matches(' ').starts_with('/')) {
        warnings.push(CookieWarning::PathIgnored);
    }
    warnings
}

/// Whether the cookie removes itself. `Max-Age` goes before `Expires`.
pub(super) fn is_expired(cookie: &SetCookie, now: SystemTime) -> bool {
    match (cookie.max_age, cookie.expires) {
        (Some(max_age), _) => max_age.as_secs() == 0,
        (None, Some(expires)) => expires <= now,
        (None, None) => false,
    }
}

pub(super) fn capped_max_age(max_age: Duration) -> u64 {
    max_age.min(MAX_LIFETIME).as_secs()
}

pub(super) fn capped_expires(expires: SystemTime, now: SystemTime) -> SystemTime {
    // Outside of these bounds an HTTP date does not exist.
    expires.min(latest(now)).clamp(UNIX_EPOCH, UNIX_EPOCH + LAST_DATE)
}

fn latest(now: SystemTime) -> SystemTime {
    now.checked_add(MAX_LIFETIME).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_http() -> SetCookie {
        SetCookie::new("__Host-Http-a", "1").unwrap().path("/").unwrap().secure(true).http_only(true)
    }

    #[test]
    fn the_error_says_what_the_prefix_needs() {
        assert!(check(&host_http()).is_ok());
        for (cookie, needed) in [
            (host_http().secure(false), "Secure"),
            (host_http().http_only(false), "HttpOnly"),
            (host_http().path("").unwrap(), "Path=/"),
            (host_http().path("/a").unwrap(), "Path=/"),
            (host_http().domain("a.b").unwrap(), "Domain"),
        ] {
            let error = check(&cookie).unwrap_err();
            assert_eq!(error.kind(), CookieErrorKind::Prefix);
            assert!(error.to_string().contains(needed), "{error}");
        }
    }

    #[test]
    fn times_that_no_date_can_name_do_not_panic() {
        let last = UNIX_EPOCH + LAST_DATE;
        assert_eq!(capped_expires(UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH), UNIX_EPOCH);
        assert_eq!(capped_expires(last + MAX_LIFETIME, last), last);
        assert_eq!(capped_max_age(Duration::MAX), 34_560_000);
        // Far from now on both sides; some systems can't even name these.
        for far in [Duration::from_secs(1 << 62), Duration::from_secs(i64::MAX as u64)] {
            let times = [UNIX_EPOCH.checked_add(far), UNIX_EPOCH.checked_sub(far)];
            for time in times.into_iter().flatten() {
                httpdate::fmt_http_date(capped_expires(time, time));
                assert!(host_http().expires(time).to_header_value_at(time).is_ok());
            }
        }
    }

    #[test]
    fn max_age_goes_before_expires() {
        let past = host_http().expires(UNIX_EPOCH);
        let now = UNIX_EPOCH + Duration::from_secs(1);
        assert!(is_expired(&past, now));
        assert!(!is_expired(&past.clone().max_age(Duration::from_secs(1)), now));
        assert!(is_expired(&past.max_age(Duration::from_millis(999)), now));
    }
}
