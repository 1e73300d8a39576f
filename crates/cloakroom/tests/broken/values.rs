//! Faults in how keys and values are kept.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::record::{Change, Data, Patch, Record, StoreKey, Value};
use cloakroom::store::{
    Applied, Capabilities, Created, Guard, KeyRules, Loaded, MemoryStore, Store, StoreFuture, Written,
};

use super::{Wrong, found, json, with_data, without_changes};

/// Gives a type keys or values that it keeps otherwise, in `create` and in `apply`.
macro_rules! mangle {
    ($name:ident, |$key:ident, $value:ident| $body:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl $name {
            fn kept($key: &str, $value: &Value) -> (Arc<str>, Value) {
                $body
            }
        }

        impl Wrong for $name {
            fn create<'a>(
                &'a self,
                inner: &'a MemoryStore,
                key: &'a StoreKey,
                record: &'a Record,
                now: Timestamp,
            ) -> StoreFuture<'a, Created> {
                let data: Data = record.data.iter().map(|(name, value)| $name::kept(name, value)).collect();
                let record = with_data(record, data);
                StoreFuture::new(async move { inner.create(key, &record, now).await })
            }

            fn apply<'a>(
                &'a self,
                inner: &'a MemoryStore,
                key: &'a StoreKey,
                patch: &'a Patch,
                guard: &'a Guard,
                now: Timestamp,
            ) -> StoreFuture<'a, Applied> {
                let mut kept = without_changes(patch);
                for (name, change) in patch.changes() {
                    match change {
                        Change::Set(value) => {
                            let (name, value) = $name::kept(name, value);
                            kept.set(name, value);
                        }
                        Change::Unset => kept.unset($name::kept(name, &Value::from(0)).0),
                        Change::Add(by) => drop(kept.add($name::kept(name, &Value::from(0)).0, *by)),
                    }
                }
                StoreFuture::new(async move { inner.apply(key, &kept, guard, now).await })
            }
        }
    };
}

mangle!(DotsAreMangled, |key, value| (key.replace('.', "_").into(), value.clone()));

mangle!(KeysFoldCase, |key, value| (key.to_lowercase().into(), value.clone()));

mangle!(KeysEndAtNul, |key, value| (key.split('\0').next().unwrap_or_default().into(), value.clone()));

mangle!(IntegersAreFloats, |key, value| {
    let rounded = value.as_i64().map(|number| Value::from(number as f64 as i64));
    (key.into(), rounded.unwrap_or_else(|| value.clone()))
});

mangle!(WholeFloatsAreIntegers, |key, value| {
    let whole = value.as_json().strip_suffix(".0").and_then(|text| Value::from_json(text).ok());
    (key.into(), whole.unwrap_or_else(|| value.clone()))
});

mangle!(FloatsAreReadRoughly, |key, value| {
    let float = value.as_json().parse::<f64>().ok().filter(|_| value.as_i64().is_none());
    (key.into(), float.and_then(|float| Value::serialize(&(float as f32)).ok()).unwrap_or_else(|| value.clone()))
});

mangle!(ExtendedJsonIsUnderstood, |key, value| {
    let number = value.as_json().strip_prefix(r#"{"$numberLong":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    let number = number.and_then(|number| Value::from_json(number).ok());
    (key.into(), number.unwrap_or_else(|| value.clone()))
});

mangle!(TextsEndAtNul, |key, value| {
    let cut = value.deserialize::<String>().ok().and_then(|text| Some(text.split_once('\0')?.0.to_owned()));
    (key.into(), cut.and_then(|cut| Value::serialize(&cut).ok()).unwrap_or_else(|| value.clone()))
});

mangle!(EmptyObjectsAreNull, |key, value| {
    let empty = value.as_json() == "{}";
    (key.into(), if empty { json("null") } else { value.clone() })
});

mangle!(DeepValuesAreCut, |key, value| {
    let deep = value.as_json().starts_with(&"[".repeat(65));
    (key.into(), if deep { json("[]") } else { value.clone() })
});

/// Numbers in texts are numbers.
#[derive(Debug, Default)]
pub(crate) struct TextsAreAddedTo;

impl Wrong for TextsAreAddedTo {
    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(async move {
            let applied = inner.apply(key, patch, guard, now).await?;
            let Some(found) = found(inner, key, now).await?.filter(|_| matches!(applied, Applied::WrongType)) else {
                return Ok(applied);
            };
            for (name, change) in patch.changes() {
                let text = found.record.data.get(name).and_then(|value| value.deserialize::<String>().ok());
                let number = text.and_then(|text| text.parse::<i64>().ok());
                if let (Change::Add(by), Some(number)) = (change, number) {
                    let mut set = Patch::default();
                    set.set(name.clone(), Value::from(number + by));
                    let numbers = vec![(name.clone(), number + by)];
                    if let Applied::Done(written) = inner.apply(key, &set, guard, now).await? {
                        return Ok(Applied::Done(Written::new(written.token, numbers)));
                    }
                }
            }
            Ok(applied)
        })
    }
}

/// Removes what a dotted key would be the path of.
#[derive(Debug, Default)]
pub(crate) struct DottedKeysArePaths;

impl Wrong for DottedKeysArePaths {
    fn apply<'a>(
        &'a self,
        inner: &'a MemoryStore,
        key: &'a StoreKey,
        patch: &'a Patch,
        guard: &'a Guard,
        now: Timestamp,
    ) -> StoreFuture<'a, Applied> {
        StoreFuture::new(async move {
            let mut other = patch.clone();
            for (name, change) in patch.changes() {
                let Some((first, rest)) = name.split_once('.').filter(|_| *change == Change::Unset) else { continue };
                let Loaded::Found(found) = inner.load(key, now).await? else { continue };
                let value = found.record.data.get(first).and_then(|value| value.deserialize().ok());
                if let Some(serde_json::Value::Object(mut object)) = value {
                    object.remove(rest);
                    other.set(first, json(&serde_json::Value::Object(object).to_string()));
                }
            }
            inner.apply(key, &other, guard, now).await
        })
    }
}

/// Takes keys which it says that it can't keep.
#[derive(Debug, Default)]
pub(crate) struct KeepsWhatItRefuses;

impl Wrong for KeepsWhatItRefuses {
    fn capabilities(&self, inner: &MemoryStore) -> Capabilities {
        inner.capabilities().with_keys(&KeyRules { reserved: &["cookie"], nul: false })
    }
}
