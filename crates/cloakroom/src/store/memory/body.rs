//! What is in a record beside its times, packed into few bytes while nobody looks at it.

mod common;
mod packing;

pub(super) use self::common::Common;
use crate::record::{Record, Times, UserId};

/// A record as a slot keeps it, the times apart: in place if it is small, or packed in one piece of memory. What is larger stays as
/// it is, since packing it takes time and saves little.
pub(super) enum Body {
    InPlace([u8; IN_PLACE]),
    Packed(Box<[u8]>),
    /// Its times mean nothing.
    Open(Box<Record>),
}

/// As many as a slot has room for without growing.
const IN_PLACE: usize = 31;

/// Keys and values of more bytes are not packed.
const LARGE: usize = 1_000;

impl Body {
    /// Of an empty record.
    pub(super) const EMPTY: Body = Body::InPlace([0; IN_PLACE]);

    /// Keeps this record in place of what it kept. `scratch` is any buffer.
    pub(super) fn keep(&mut self, record: &Record, scratch: &mut Vec<u8>) {
        if record.data.size() + record.metadata.size() > LARGE {
            *self = Body::Open(Box::new(record.clone()));
            return;
        }
        scratch.clear();
        packing::pack(record, scratch);
        if scratch.len() <= IN_PLACE {
            let mut bytes = [0; IN_PLACE];
            bytes[..scratch.len()].copy_from_slice(scratch);
            *self = Body::InPlace(bytes);
            return;
        }
        // What an allocator hands out anyway, so that small changes find room.
        scratch.resize((scratch.len() + 8).next_multiple_of(16) - 8, 0);
        match self {
            Body::Packed(bytes) if bytes.len() == scratch.len() => bytes.copy_from_slice(scratch),
            _ => *self = Body::Packed(scratch.as_slice().into()),
        }
    }

    /// The record that it keeps, with these times.
    pub(super) fn record(&self, times: Times, common: &mut Common) -> Record {
        match self {
            Body::InPlace(bytes) => packing::unpack(bytes, times, common),
            Body::Packed(bytes) => packing::unpack(bytes, times, common),
            Body::Open(record) => {
                let mut record = Record::clone(record);
                record.set_times(times);
                record
            }
        }
    }

    pub(super) fn has_user(&self) -> bool {
        match self {
            Body::InPlace(bytes) => packing::has_user(bytes),
            Body::Packed(bytes) => packing::has_user(bytes),
            Body::Open(record) => record.user.is_some(),
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Body::InPlace(bytes) => packing::user(bytes),
            Body::Packed(bytes) => packing::user(bytes),
            Body::Open(record) => record.user.as_ref().map(UserId::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::record::{Data, Lifetime, Value};

    fn data() -> impl Strategy<Value = Arc<Data>> {
        let value = "[a-z0-9é]{0,300}".prop_map(|text| Value::serialize(&text).unwrap());
        prop::collection::vec((".{0,140}", value), 0..6).prop_map(|pairs| Arc::new(pairs.into_iter().collect()))
    }

    fn empty() -> Record {
        let at = Timestamp::from_millis;
        Record::new(at(1), at(2), at(3))
    }

    fn record() -> impl Strategy<Value = Record> {
        let user = prop::option::of("[a-zé]{1,120}").prop_map(|user| user.map(|user| UserId::new(user).unwrap()));
        let idle = prop::option::of((any::<u64>(), 0..1_000_000_000_u32)).prop_map(|idle| {
            let (seconds, nanos) = idle?;
            Some(Duration::new(seconds, nanos))
        });
        let lifetime = (idle, any::<Option<bool>>()).prop_map(|(idle, persistent)| Lifetime { idle, persistent });
        (data(), data(), user, lifetime).prop_map(|(data, metadata, user, lifetime)| Record {
            data,
            metadata,
            user,
            lifetime,
            ..empty()
        })
    }

    proptest! {
        /// One after the other in one body: each way of keeping comes after each other one.
        #[test]
        fn what_is_kept_comes_back(all in prop::collection::vec(record(), 1..6)) {
            let (mut body, mut scratch) = (Body::EMPTY, b"what was there before".to_vec());
            for mut record in all {
                body.keep(&record, &mut scratch);
                prop_assert_eq!(body.has_user(), record.user.is_some());
                prop_assert_eq!(body.user(), record.user.as_ref().map(UserId::as_str));
                record.seen = Timestamp::from_millis(4);
                prop_assert_eq!(body.record(record.times(), &mut Common::default()), record);
            }
        }
    }

    #[test]
    fn a_small_key_needs_no_memory_of_its_own() {
        let (mut body, mut record) = (Body::EMPTY, empty());
        record.data =
            Arc::new([("theme", Value::from_json(r#""a dark one with blue""#).unwrap())].into_iter().collect());
        assert_eq!(record.data.size(), 27);
        body.keep(&record, &mut Vec::new());
        assert!(matches!(body, Body::InPlace(_)));
        assert_eq!(size_of::<Body>(), 32);
    }

    #[test]
    fn nothing_is_shared() {
        let mut common = Common::default();
        let record = Body::EMPTY.record(empty().times(), &mut common);
        assert!(Arc::ptr_eq(&record.data, &common.nothing()) && Arc::ptr_eq(&record.metadata, &common.nothing()));
        assert_eq!(record, empty());
    }
}
