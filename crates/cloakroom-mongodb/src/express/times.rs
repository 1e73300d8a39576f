//! What a patch makes of the times of a session, where Express writes them too.

use cloakroom::Timestamp;
use cloakroom::record::{Expiry, Patch};
use mongodb::bson::{Bson, bson};

use super::expression::{all, either, is_number, is_type, number};
use super::extras::{self, EXTRAS};
use super::layout::{ExpressLayout, has_date};
use super::session::{MaxAge, Wanted, max_age};
use crate::layout::{date, millis};

/// The times of a session after the patch, as expressions.
pub(crate) struct Times {
    /// Whether the idle end is written.
    pub(crate) touches: bool,
    pub(crate) end: Bson,
    pub(crate) seen_before: Bson,
    pub(crate) seen: Bson,
    pub(crate) max_age: Bson,
}

impl Times {
    /// With the `originalMaxAge` before and after, where the server can't tell it.
    pub(crate) fn new(patch: &Patch, layout: &ExpressLayout, now: Timestamp, known: Option<(MaxAge, MaxAge)>) -> Times {
        let before = format!("${}", layout.expires_key);
        let to = |end: Timestamp| if has_date(end) { Bson::from(date(end)) } else { "$$REMOVE".into() };
        let end = match patch.expiry {
            Expiry::Keep => before.clone().into(),
            Expiry::Exactly(end) => to(end),
            Expiry::AtLeast(end) if !has_date(end) => to(end),
            // What has no end is later than any.
            Expiry::AtLeast(end) => {
                let earlier = all(vec![is_type(&*before, "date"), bson!({ "$lt": [&before, date(end)] })]);
                either(earlier, date(end), &*before)
            }
        };
        let touches = patch.expiry != Expiry::Keep;
        let max_age_before = known.map_or_else(max_age, |(before, _)| before.bson());
        let seen_before = seen_before(&before, max_age_before.clone(), layout, now);
        let seen = if touches { bson!({ "$max": [seen_before.clone(), date(now)] }) } else { seen_before.clone() };
        let max_age = match (known, patch.lifetime.map(Wanted::by)) {
            (Some((_, after)), _) => after.bson(),
            (None, None) => max_age_before,
            (None, Some(Wanted::Exactly(max_age))) => max_age.bson(),
            (None, Some(Wanted::UntilIdleEnd)) => {
                let life = bson!({ "$subtract": [end.clone(), seen.clone()] });
                let life = bson!({ "$min": [{ "$max": [life, 0_i64] }, MaxAge::WRITTEN] });
                either(is_type(end.clone(), "date"), number(life), Bson::Null)
            }
        };
        Times { touches, end, seen_before, seen, max_age }
    }
}

/// When it was last touched: as this store has written it, or, if the end is another since, as Express must have.
fn seen_before(end: &str, max_age: Bson, layout: &ExpressLayout, now: Timestamp) -> Bson {
    let (kept, kept_end) = (format!("${EXTRAS}.{}", extras::SEEN), format!("${EXTRAS}.{}", extras::END));
    let life = either(is_number(max_age.clone()), bson!({ "$toLong": max_age }), millis(layout.ttl));
    let touched = either(is_type(end, "date"), bson!({ "$subtract": [end, life] }), date(now));
    let unmoved = all(vec![bson!({ "$eq": [kept_end, end] }), is_type(&*kept, "date")]);
    either(unmoved, &*kept, bson!({ "$min": [touched, date(now)] }))
}
