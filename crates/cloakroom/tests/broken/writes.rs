//! Faults of `apply`.

use cloakroom::Timestamp;
use cloakroom::record::{Change, Expiry, Patch, Record, StoreKey, Value};
use cloakroom::store::{Applied, Guard, Loaded, MemoryStore, Store, StoreFuture, Token, Written};

use super::{Wrong, copy_metadata, found, json, pause, touch, whole, without_changes, without_keys};

/// Gives a type a wrong `apply`.
macro_rules! apply {
    ($(#[$doc:meta])* $name:ident, |$inner:ident, $key:ident, $patch:ident, $guard:ident, $now:ident| $body:expr) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Wrong for $name {
            fn apply<'a>(
                &'a self,
                $inner: &'a MemoryStore,
                $key: &'a StoreKey,
                $patch: &'a Patch,
                $guard: &'a Guard,
                $now: Timestamp,
            ) -> StoreFuture<'a, Applied> {
                StoreFuture::new(async move { $body })
            }
        }
    };
}

fn fresh(now: Timestamp) -> Record {
    let later = Timestamp::from_millis(now.as_millis() + 3_600_000);
    Record::new(now, later, later)
}

apply!(UpsertInApply, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    if matches!(applied, Applied::Gone) && patch.changes_data() {
        inner.create(key, &fresh(now), now).await?;
        return inner.apply(key, patch, &Guard::Exists, now).await;
    }
    Ok(applied)
});

apply!(TouchInserts, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    if matches!(applied, Applied::Gone) && !patch.changes_data() {
        inner.create(key, &fresh(now), now).await?;
    }
    Ok(applied)
});

apply!(
    /// Right in a row, wrong in parallel.
    WritesTheWholeRecord,
    |inner, key, patch, guard, now| {
        let Some(found) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
        let mut record = found.record;
        let Ok(numbers) = patch.apply_to(&mut record, now) else { return Ok(Applied::WrongType) };
        pause().await;
        let applied = inner.apply(key, &whole(&record, patch), guard, now).await?;
        Ok(match applied {
            Applied::Done(written) => Applied::Done(Written::new(written.token, numbers)),
            other => other,
        })
    }
);

apply!(TouchWritesTheWholeRecord, |inner, key, patch, guard, now| {
    if patch.changes_data() {
        return inner.apply(key, patch, guard, now).await;
    }
    let Some(found) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
    pause().await;
    inner.apply(key, &whole(&found.record, patch), guard, now).await
});

apply!(
    /// What a destroyed session was comes back with the write that had loaded it.
    WritesBackWhatItLoaded,
    |inner, key, patch, guard, now| {
        let Some(found) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
        pause().await;
        match inner.apply(key, patch, guard, now).await? {
            Applied::Gone => {
                inner.create(key, &found.record, now).await?;
                inner.apply(key, patch, &Guard::Exists, now).await
            }
            other => Ok(other),
        }
    }
);

apply!(AddLoadsThenWrites, |inner, key, patch, guard, now| {
    let Some(found) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
    let Ok(numbers) = patch.apply_to(&mut found.record.clone(), now) else { return Ok(Applied::WrongType) };
    pause().await;
    let mut plain = without_changes(patch);
    for (name, change) in patch.changes() {
        match change {
            Change::Set(value) => plain.set(name.clone(), value.clone()),
            Change::Unset => plain.unset(name.clone()),
            Change::Add(_) => {}
        }
    }
    for (name, number) in &numbers {
        plain.set(name.clone(), Value::from(*number));
    }
    Ok(match inner.apply(key, &plain, guard, now).await? {
        Applied::Done(written) => Applied::Done(Written::new(written.token, numbers)),
        other => other,
    })
});

apply!(AtLeastShortens, |inner, key, patch, guard, now| {
    let mut patch = patch.clone();
    if let Expiry::AtLeast(end) = patch.expiry {
        patch.expiry = Expiry::Exactly(end);
    }
    inner.apply(key, &patch, guard, now).await
});

apply!(ExactlyNeverShortens, |inner, key, patch, guard, now| {
    let mut patch = patch.clone();
    if let Expiry::Exactly(end) = patch.expiry {
        patch.expiry = Expiry::AtLeast(end);
    }
    inner.apply(key, &patch, guard, now).await
});

apply!(EveryWriteTouches, |inner, key, patch, guard, now| {
    let mut patch = patch.clone();
    if patch.expiry == Expiry::Keep {
        patch.expiry = Expiry::AtLeast(now);
    }
    inner.apply(key, &patch, guard, now).await
});

apply!(TouchLeavesSeen, |inner, key, patch, guard, now| {
    match found(inner, key, now).await? {
        Some(found) => inner.apply(key, patch, guard, found.record.seen).await,
        None => Ok(Applied::Gone),
    }
});

apply!(GuardIgnored, |inner, key, patch, _guard, now| inner.apply(key, patch, &Guard::Exists, now).await);

apply!(GoneIsAConflict, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    let guarded = matches!(guard, Guard::Unchanged(_));
    Ok(if guarded && matches!(applied, Applied::Gone) { Applied::Conflict } else { applied })
});

apply!(ConflictStillTouches, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    if matches!(applied, Applied::Conflict) {
        inner.apply(key, &touch(patch.expiry), &Guard::Exists, now).await?;
    }
    Ok(applied)
});

/// The token is of the data, and leaves out the rest.
#[derive(Debug, Default)]
pub(crate) struct TokenOfDataOnly;

fn token_of(record: &Record) -> Token {
    let parts: Vec<_> = record.data.iter().map(|(key, value)| format!("{key}={}", value.as_json())).collect();
    Token::body(parts.join(";").into_bytes())
}

impl Wrong for TokenOfDataOnly {
    fn load<'a>(&'a self, inner: &'a MemoryStore, key: &'a StoreKey, now: Timestamp) -> StoreFuture<'a, Loaded> {
        StoreFuture::new(async move {
            Ok(match inner.load(key, now).await? {
                Loaded::Found(mut found) => {
                    found.token = token_of(&found.record);
                    Loaded::Found(found)
                }
                other => other,
            })
        })
    }

    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(async move {
            let Some(before) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
            if matches!(guard, Guard::Unchanged(token) if *token != token_of(&before.record)) {
                return Ok(Applied::Conflict);
            }
            let applied = inner.apply(key, patch, &Guard::Unchanged(before.token), now).await?;
            let Applied::Done(written) = applied else { return Ok(applied) };
            let after = found(inner, key, now).await?;
            let token = after.map_or(written.token, |after| token_of(&after.record));
            Ok(Applied::Done(Written::new(token, written.numbers)))
        })
    }
}

fn numbers(applied: Applied, change: impl FnOnce(&mut Written)) -> Applied {
    match applied {
        Applied::Done(mut written) => {
            change(&mut written);
            Applied::Done(written)
        }
        other => other,
    }
}

apply!(NumbersAreTheOldOnes, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    Ok(numbers(applied, |written| {
        for (name, number) in &mut written.numbers {
            if let Some(Change::Add(by)) = patch.change(name) {
                *number = number.wrapping_sub(*by);
            }
        }
    }))
});

apply!(OnlyTheFirstNumberComesBack, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    Ok(numbers(applied, |written| written.numbers.truncate(1)))
});

apply!(PartOfABadPatchIsApplied, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    if matches!(applied, Applied::WrongType) {
        let mut sets = Patch::default();
        for (name, change) in patch.changes() {
            match change {
                Change::Set(value) => sets.set(name.clone(), value.clone()),
                Change::Unset => sets.unset(name.clone()),
                Change::Add(_) => {}
            }
        }
        inner.apply(key, &sets, guard, now).await?;
    }
    Ok(applied)
});

apply!(OverflowWraps, |inner, key, patch, guard, now| {
    let applied = inner.apply(key, patch, guard, now).await?;
    let Some(found) = found(inner, key, now).await? else { return Ok(applied) };
    if !matches!(applied, Applied::WrongType) {
        return Ok(applied);
    }
    let mut wrapped = Patch::default();
    for (name, change) in patch.changes() {
        let before = found.record.data.get(name).and_then(Value::as_i64);
        if let (Change::Add(by), Some(before)) = (change, before) {
            wrapped.set(name.clone(), Value::from(before.wrapping_add(*by)));
        }
    }
    if wrapped.is_empty() { Ok(applied) } else { inner.apply(key, &wrapped, guard, now).await }
});

apply!(ObjectsAreMerged, |inner, key, patch, guard, now| {
    let Some(found) = found(inner, key, now).await? else { return Ok(Applied::Gone) };
    let mut merged = patch.clone();
    for (name, change) in patch.changes() {
        let Change::Set(value) = change else { continue };
        let before = found.record.data.get(name).and_then(|value| value.deserialize().ok());
        let (Some(serde_json::Value::Object(mut before)), Ok(serde_json::Value::Object(after))) =
            (before, value.deserialize())
        else {
            continue;
        };
        before.extend(after);
        merged.set(name.clone(), json(&serde_json::Value::Object(before).to_string()));
    }
    inner.apply(key, &merged, guard, now).await
});

apply!(NullUnsets, |inner, key, patch, guard, now| {
    let mut other = patch.clone();
    for (name, change) in patch.changes() {
        if matches!(change, Change::Set(value) if value.as_json() == "null") {
            other.unset(name.clone());
        }
    }
    inner.apply(key, &other, guard, now).await
});

apply!(ClearComesLast, |inner, key, patch, guard, now| {
    let mut other = patch.clone();
    if patch.clears() {
        other.clear();
    }
    inner.apply(key, &other, guard, now).await
});

apply!(ClearTakesTheMetadata, |inner, key, patch, guard, now| {
    let mut other = patch.clone();
    if let Some(found) = found(inner, key, now).await?.filter(|_| patch.clears()) {
        found.record.metadata.iter().for_each(|(name, _)| other.unset_metadata(name.clone()));
    }
    inner.apply(key, &other, guard, now).await
});

apply!(UserIsBoundOnce, |inner, key, patch, guard, now| {
    let mut other = patch.clone();
    if found(inner, key, now).await?.is_some_and(|found| found.record.user.is_some()) {
        other.user = None;
    }
    inner.apply(key, &other, guard, now).await
});

apply!(AppliesInTwoSteps, |inner, key, patch, guard, now| {
    let (mut first, mut second) = (without_keys(patch), Patch::default());
    for (name, change) in patch.changes() {
        match change {
            Change::Set(value) => first.set(name.clone(), value.clone()),
            Change::Unset => first.unset(name.clone()),
            Change::Add(by) => drop(first.add(name.clone(), *by)),
        }
    }
    copy_metadata(patch, &mut second);
    let applied = inner.apply(key, &first, guard, now).await?;
    if !matches!(applied, Applied::Done(_)) || second.is_empty() {
        return Ok(applied);
    }
    pause().await;
    Ok(match (applied, inner.apply(key, &second, &Guard::Exists, now).await?) {
        (Applied::Done(first), Applied::Done(second)) => Applied::Done(Written::new(second.token, first.numbers)),
        (_, other) => other,
    })
});

apply!(AbsoluteEndIsIgnoredByApply, |inner, key, patch, guard, now| {
    let earlier = Timestamp::from_millis(0);
    match found(inner, key, earlier).await? {
        Some(found) if found.record.idle_end > now => inner.apply(key, patch, guard, earlier).await,
        _ => Ok(Applied::Gone),
    }
});
