//! Long lives: many writes in a row, of every kind, and after each the record is what the patches amount to.

use std::time::Duration;

use super::trial::{Answer, Draft, Trial, Verdict, patch, value};
use crate::record::{Expiry, Lifetime};
use crate::store::{Guard, Loaded};

cases! {
    a_long_life_ends_as_its_patches_say,
    a_session_of_a_day_ends_on_time,
}

/// Numbers that look random and are the same each time.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.roll(of.len() as u64)).unwrap_or(0);
        of.get(at).copied().unwrap_or_default()
    }
}

const KEYS: [&str; 7] = ["n", "a", "a.b", "", "$x", "count", "é"];
const VALUES: [&str; 8] = ["1", "null", r#""x""#, "[1,2]", r#"{"a":{"b":1}}"#, "-3", "1.0", "9007199254740993"];

fn any_patch(t: &Trial, dice: &mut Dice, second: i64) -> Verdict<Draft> {
    let mut draft = if dice.roll(12) == 0 { patch().clear() } else { patch() };
    for _ in 0..dice.roll(4) {
        let key = dice.one(&KEYS);
        draft = match dice.roll(3) {
            0 => draft.unset(key),
            1 => draft.set(key, dice.one(&VALUES)),
            // What the patch itself sets must be a number to be added to.
            _ if draft.change(key).is_some() => draft,
            _ => draft.add(key, 3),
        };
    }
    Ok(match dice.roll(8) {
        0 => draft.user(&t.user("ada")?),
        1 => draft.metadata(dice.one(&KEYS), Some(value(dice.one(&VALUES)))),
        2 => draft.metadata(dice.one(&KEYS), None),
        3 => draft.lifetime(Lifetime { idle: Some(Duration::from_secs(dice.roll(9_000))), persistent: None }),
        4 => draft.touch(t.at(second + 5_000)),
        5 => draft.touch(t.at(second + 500)),
        6 => draft.expiry(Expiry::Exactly(t.at(second + 4_000))),
        _ => draft.absolute_end(t.at(second + 80_000)),
    })
}

async fn a_long_life_ends_as_its_patches_say(t: Trial) -> Verdict {
    let mut dice = Dice::new(20_250_614);
    let mut session = t.full_session().await?;
    for second in 1..=250 {
        let (draft, now) = (any_patch(&t, &mut dice, second)?, t.at(second));
        if draft.apply_to(&mut session.record.clone(), now).is_err() {
            t.apply(&session.key, &draft, &Guard::Exists, now).await?.must_be("WrongType", "a patch with a bad add")?;
            t.holds(&session, now).await?;
        } else if dice.roll(5) == 0 {
            t.turn(&mut session, draft, now).await?;
        } else {
            t.write(&mut session, draft, now).await?;
        }
    }
    Ok(())
}

/// Touched each minute for as long as the absolute end allows, as a browser that polls would.
async fn a_session_of_a_day_ends_on_time(t: Trial) -> Verdict {
    let mut record = t.record();
    (record.idle_end, record.absolute_end) = (t.at(120), t.at(3_600));
    let mut session = t.session_of(record).await?;
    for minute in 1..60 {
        t.write(&mut session, patch().touch(t.at(minute * 60 + 120)), t.at(minute * 60)).await?;
    }
    match t.load(&session.key, t.at(3_600)).await? {
        Loaded::Missing => Ok(()),
        other => other.must_be("Missing", "load at the absolute end of a session that was touched each minute"),
    }
}
