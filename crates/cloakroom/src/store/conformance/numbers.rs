//! Adding: the store itself counts, tells the truth, and applies nothing of a patch that it can't count.

use std::time::Duration;

use super::trial::{Answer, Draft, Session, Trial, Verdict, patch, value};
use crate::record::{Expiry, Lifetime};
use crate::store::Guard;

cases! {
    add_returns_the_new_number,
    add_to_a_missing_key_counts_from_zero,
    add_comes_back_for_every_key,
    add_is_exact_beyond_2_to_the_53,
    add_reaches_the_ends_of_i64,
    add_beyond_i64_is_refused,
    add_to_what_is_no_integer_is_refused,
    add_to_a_float_is_refused,
    one_bad_number_refuses_the_whole_patch,
    the_token_outlives_a_refused_patch,
}

async fn add_returns_the_new_number(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    for by in [1, 5, -20, 0, 7, i64::from(u32::MAX)] {
        t.write(&mut session, patch().add("n", by), t.now).await?;
    }
    Ok(())
}

async fn add_to_a_missing_key_counts_from_zero(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    t.write(&mut session, patch().add("up", 3), t.now).await?;
    t.write(&mut session, patch().add("down", -3), t.now).await?;
    t.write(&mut session, patch().add("zero", 0), t.now).await?;
    t.write(&mut session, patch().unset("up"), t.now).await?;
    t.write(&mut session, patch().add("up", 1), t.now).await
}

async fn add_comes_back_for_every_key(t: Trial) -> Verdict {
    let mut session = t.full_session().await?;
    let three = || patch().add("n", 1).add("a", 10).add("z", -100).set("word", "1").touch(t.at(7_000));
    t.write(&mut session, three(), t.at(1)).await?;
    t.write(&mut session, three(), t.at(2)).await
}

async fn add_is_exact_beyond_2_to_the_53(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let edge = 1_i64 << 53;
    t.write(&mut session, patch().set_value("k", edge.into()).set_value("m", (-edge).into()), t.now).await?;
    for _ in 0..3 {
        t.write(&mut session, patch().add("k", 1).add("m", -1), t.now).await?;
    }
    t.write(&mut session, patch().add("fresh", edge + 1), t.now).await
}

async fn add_reaches_the_ends_of_i64(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let near = patch().set_value("top", (i64::MAX - 1).into()).set_value("bottom", (i64::MIN + 1).into());
    t.write(&mut session, near, t.now).await?;
    t.write(&mut session, patch().add("top", 1).add("bottom", -1), t.now).await?;
    t.write(&mut session, patch().add("top", i64::MIN).add("bottom", i64::MAX), t.now).await?;
    t.write(&mut session, patch().add("straight", i64::MAX).add("down", i64::MIN), t.now).await
}

/// Expects WrongType, and that nothing has changed.
async fn refused(t: &Trial, session: &Session, patch: Draft, of: &str) -> Verdict {
    t.apply(&session.key, &patch, &Guard::Exists, t.at(1)).await?.must_be("WrongType", of)?;
    t.holds(session, t.at(1)).await.map(drop)
}

async fn add_beyond_i64_is_refused(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    let ends = patch().set_value("top", i64::MAX.into()).set_value("bottom", i64::MIN.into());
    t.write(&mut session, ends, t.now).await?;
    refused(&t, &session, patch().add("top", 1), "an add of 1 to i64::MAX").await?;
    refused(&t, &session, patch().add("bottom", -1), "an add of -1 to i64::MIN").await?;
    refused(&t, &session, patch().add("top", i64::MAX), "an add of i64::MAX to itself").await?;
    refused(&t, &session, patch().add("bottom", i64::MIN), "an add of i64::MIN to itself").await?;
    refused(&t, &session, patch().add("n", i64::MAX), "an add of i64::MAX to 7").await
}

async fn add_to_what_is_no_integer_is_refused(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    for json in [r#""7""#, r#""""#, "null", "true", "false", "[]", "[7]", "{}", r#"{"n":7}"#] {
        t.write(&mut session, patch().set("k", json), t.now).await?;
        refused(&t, &session, patch().add("k", 1), &format!("an add to {json}")).await?;
        refused(&t, &session, patch().add("k", 0), &format!("an add of 0 to {json}")).await?;
    }
    Ok(())
}

async fn add_to_a_float_is_refused(t: Trial) -> Verdict {
    let mut session = t.session().await?;
    for json in ["1.0", "1.5", "-0.0", "1e3", "1e300"] {
        t.write(&mut session, patch().set("k", json), t.now).await?;
        refused(&t, &session, patch().add("k", 1), &format!("an add to the float {json}")).await?;
    }
    Ok(())
}

async fn one_bad_number_refuses_the_whole_patch(t: Trial) -> Verdict {
    let mut record = t.full_record()?;
    let pairs = [("a word", r#""x""#), ("b", "7"), ("big", "9223372036854775807"), ("z word", r#""x""#)];
    record.data = std::sync::Arc::new(pairs.into_iter().map(|(key, json)| (key, value(json))).collect());
    let session = t.session_of(record).await?;
    let all = || {
        patch()
            .set("aa", "1")
            .set("zz", "1")
            .unset("b")
            .user(&session.record.user.clone().unwrap_or_else(|| unreachable!("a full session has a user")))
            .metadata("agent", None)
            .metadata("place", Some(value("1")))
            .lifetime(Lifetime { idle: Some(Duration::from_secs(5)), persistent: None })
            .expiry(Expiry::Exactly(t.at(9_000)))
            .absolute_end(t.at(10_000))
    };
    refused(&t, &session, all().add("a word", 1), "a patch with an add to a word").await?;
    refused(&t, &session, all().add("z word", 1), "a patch with an add to a word").await?;
    refused(&t, &session, all().add("big", 1), "a patch with an add beyond i64").await?;
    refused(&t, &session, patch().add("a word", 1).add("b", 1), "adds of which the first is bad").await?;
    refused(&t, &session, patch().add("b", 1).add("z word", 1), "adds of which the second is bad").await?;
    refused(&t, &session, patch().add("b", 1).add("big", 1).add("new", 1), "adds of which one overflows").await?;
    refused(&t, &session, patch().add("a word", 1).unset("b").touch(t.at(9_000)), "a touch with a bad add").await
}

async fn the_token_outlives_a_refused_patch(t: Trial) -> Verdict {
    let session = t.session().await?;
    refused(&t, &session, patch().add("word", 1).set("k", "1"), "an add to a word").await?;
    t.holds(&session, t.at(1)).await?;
    let guard = Guard::Unchanged(session.token);
    t.apply(&session.key, &patch().set("k", "1"), &guard, t.at(1)).await?.must_be("Done", "apply with the token")
}
