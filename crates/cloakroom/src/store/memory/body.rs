//! What is in a record beside its times, packed into few bytes while nobody looks at it.

mod common;
mod packing;

use std::sync::Arc;

pub(super) use self::common::Common;
use crate::record::{Data, Lifetime, Record, UserId};

/// What is in a record beside its times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contents {
    pub(super) data: Arc<Data>,
    pub(super) metadata: Arc<Data>,
    pub(super) user: Option<UserId>,
    pub(super) lifetime: Lifetime,
}

impl Contents {
    pub(super) fn of(record: Record) -> Contents {
        let Record { data, metadata, user, lifetime, .. } = record;
        Contents { data, metadata, user, lifetime }
    }

    /// Nothing at all.
    pub(super) fn empty(common: &Common) -> Contents {
        Contents { data: common.nothing(), metadata: common.nothing(), user: None, lifetime: Lifetime::default() }
    }

    fn is_large(&self) -> bool {
        self.data.size() + self.metadata.size() > LARGE
    }
}

/// Contents as a slot keeps them: in place if they are small, or packed in one piece of memory. What is larger stays as it is,
/// since packing it takes time and saves little.
pub(super) enum Body {
    InPlace([u8; IN_PLACE]),
    Packed(Box<[u8]>),
    Open(Box<Contents>),
}

/// As many as a slot has room for without growing.
const IN_PLACE: usize = 31;

/// Keys and values of more bytes are not packed.
const LARGE: usize = 1_000;

impl Body {
    /// Of no contents.
    pub(super) const EMPTY: Body = Body::InPlace([0; IN_PLACE]);

    /// Keeps these contents in place of what it kept. `scratch` is any buffer.
    pub(super) fn keep(&mut self, contents: &Contents, scratch: &mut Vec<u8>) {
        if contents.is_large() {
            *self = Body::Open(Box::new(contents.clone()));
            return;
        }
        scratch.clear();
        packing::pack(contents, scratch);
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

    /// What it keeps.
    pub(super) fn contents(&self, common: &mut Common) -> Contents {
        match self {
            Body::InPlace(bytes) => packing::unpack(bytes, common),
            Body::Packed(bytes) => packing::unpack(bytes, common),
            Body::Open(contents) => Contents::clone(contents),
        }
    }

    pub(super) fn has_user(&self) -> bool {
        match self {
            Body::InPlace(bytes) => packing::has_user(bytes),
            Body::Packed(bytes) => packing::has_user(bytes),
            Body::Open(contents) => contents.user.is_some(),
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Body::InPlace(bytes) => packing::user(bytes),
            Body::Packed(bytes) => packing::user(bytes),
            Body::Open(contents) => contents.user.as_ref().map(UserId::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::record::Value;

    fn data() -> impl Strategy<Value = Arc<Data>> {
        let value = "[a-z0-9é]{0,300}".prop_map(|text| Value::serialize(&text).unwrap());
        prop::collection::vec((".{0,140}", value), 0..6).prop_map(|pairs| Arc::new(pairs.into_iter().collect()))
    }

    fn contents() -> impl Strategy<Value = Contents> {
        let user = prop::option::of("[a-zé]{1,120}").prop_map(|user| user.map(|user| UserId::new(user).unwrap()));
        let idle = prop::option::of((any::<u64>(), 0..1_000_000_000_u32)).prop_map(|idle| {
            let (seconds, nanos) = idle?;
            Some(Duration::new(seconds, nanos))
        });
        let lifetime = (idle, any::<Option<bool>>()).prop_map(|(idle, persistent)| Lifetime { idle, persistent });
        (data(), data(), user, lifetime).prop_map(|(data, metadata, user, lifetime)| Contents {
            data,
            metadata,
            user,
            lifetime,
        })
    }

    proptest! {
        /// One after the other in one body: each way of keeping comes after each other one.
        #[test]
        fn what_is_kept_comes_back(all in prop::collection::vec(contents(), 1..6)) {
            let (mut body, mut scratch) = (Body::EMPTY, b"what was there before".to_vec());
            for contents in all {
                body.keep(&contents, &mut scratch);
                prop_assert_eq!(body.has_user(), contents.user.is_some());
                prop_assert_eq!(body.user(), contents.user.as_ref().map(UserId::as_str));
                prop_assert_eq!(body.contents(&mut Common::default()), contents);
            }
        }
    }

    #[test]
    fn a_small_key_needs_no_memory_of_its_own() {
        let (mut body, mut contents) = (Body::EMPTY, Contents::empty(&Common::default()));
        contents.data =
            Arc::new([("theme", Value::from_json(r#""a dark one with blue""#).unwrap())].into_iter().collect());
        assert_eq!(contents.data.size(), 27);
        body.keep(&contents, &mut Vec::new());
        assert!(matches!(body, Body::InPlace(_)));
        assert_eq!(size_of::<Body>(), 32);
    }

    #[test]
    fn nothing_is_shared() {
        let mut common = Common::default();
        let contents = Body::EMPTY.contents(&mut common);
        assert!(Arc::ptr_eq(&contents.data, &common.nothing()) && Arc::ptr_eq(&contents.metadata, &common.nothing()));
        assert_eq!(contents, Contents::empty(&common));
    }
}
