//! `originalMaxAge`: how long a session of Express lives after each request, and what of a lifetime it says.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Lifetime, Record};

use crate::layout::millis;

/// Beyond it JavaScript has no date (ECMA-262 section 21.4.1.1).
const LAST_DATE: i64 = 8_640_000_000_000_000;

/// No cookie is told to live longer: with it, and the time of today, JavaScript still has a date for its end.
const LONGEST: i64 = 864_000_000_000_000;

/// In milliseconds; none where the session ends with the browser.
pub(crate) type MaxAge = Option<i64>;

/// Whether Express can reckon a date from it; if not, it fails on the session.
pub(crate) fn is_usable(max_age: MaxAge) -> bool {
    max_age.is_none_or(|millis| millis.unsigned_abs() <= LAST_DATE.unsigned_abs())
}

/// Whether JavaScript has a date for it.
pub(crate) fn has_date(time: Timestamp) -> bool {
    time.as_millis().unsigned_abs() <= LAST_DATE.unsigned_abs()
}

/// The lifetime that it stands for.
pub(crate) fn lifetime(max_age: MaxAge) -> Lifetime {
    let idle = max_age.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
    Lifetime { idle, persistent: idle.map(|_| true) }
}

/// The one that a lifetime asks for, where the session has these times.
pub(crate) fn wanted(lifetime: Lifetime, idle_end: Timestamp, seen: Timestamp) -> MaxAge {
    match (lifetime.idle, lifetime.persistent) {
        (Some(idle), Some(true)) => Some(millis(idle).clamp(0, LONGEST)),
        // The cookie outlives the browser and has no time of its own.
        (None, Some(true)) if has_date(idle_end) => {
            Some(idle_end.as_millis().saturating_sub(seen.as_millis()).clamp(0, LONGEST))
        }
        _ => None,
    }
}

/// Whether it says all of the lifetime of a record.
pub(crate) fn says_all(record: &Record, max_age: MaxAge) -> bool {
    let follows = record.lifetime.idle.is_none() && record.lifetime.persistent == Some(true);
    !follows && lifetime(max_age) == record.lifetime
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_becomes_a_max_age_as_near_as_can_be() {
        let at = Timestamp::from_millis;
        let life = |idle: Option<u64>, persistent| Lifetime { idle: idle.map(Duration::from_millis), persistent };
        for (lifetime, max_age, all) in [
            (life(None, None), None, true),
            (life(Some(7), Some(true)), Some(7), true),
            (life(Some(7), None), None, false),
            (life(None, Some(false)), None, false),
            (life(None, Some(true)), Some(80), false),
            (life(Some(u64::MAX), Some(true)), Some(LONGEST), false),
        ] {
            let mut record = Record::new(at(20), at(100), at(200));
            record.lifetime = lifetime;
            assert_eq!(wanted(lifetime, record.idle_end, record.seen), max_age, "{lifetime:?}");
            assert_eq!(says_all(&record, max_age), all, "{lifetime:?}");
        }
        assert_eq!(wanted(life(None, Some(true)), at(i64::MAX), at(0)), None);
        assert!(is_usable(None) && is_usable(Some(-LAST_DATE)) && !is_usable(Some(i64::MIN)));
    }
}
