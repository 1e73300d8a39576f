//! Reading what stands where Express keeps its sessions: any document at all, with the session as an object or as a text.

use cloakroom::Timestamp;
use cloakroom::record::{Record, StoreKey};
use cloakroom::store::StoreErrorKind;
use cloakroom_mongodb::ExpressLayout;
use cloakroom_mongodb::fuzzing::{read_express, write_express};

use crate::mongodb_document::is_same;

/// Before the ends in the corpus.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Later than any `Date` of JavaScript can be: such an end is written as none.
const LAST_OF_JAVASCRIPT: Timestamp = Timestamp::from_millis(8_640_000_000_000_000);

/// A document: as it is, and with its outer length made right.
pub fn check(input: &[u8]) {
    let mut whole = input.to_vec();
    if let (Ok(length), Some(start)) = (i32::try_from(input.len()), whole.first_chunk_mut::<4>()) {
        *start = length.to_le_bytes();
        if let Some(last) = whole.last_mut() {
            *last = 0;
        }
    }
    for bytes in [input, &whole] {
        for layout in [
            ExpressLayout::connect_mongodb_session(),
            ExpressLayout::connect_mongodb_session().id_field("sid").expires_key("_ts").user_at("user.id"),
            ExpressLayout::connect_mongo(),
            ExpressLayout::connect_mongo().user_at("passport.user").timestamps(),
        ] {
            check_document(bytes, &layout);
        }
    }
}

fn check_document(bytes: &[u8], layout: &ExpressLayout) {
    let found = match read_express(bytes, layout, NOW) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            return;
        }
    };
    let Some(found) = found else { return };
    assert!(found.record.is_live(NOW), "what is over counts as missing");
    assert_eq!(found.handle.as_str().len(), 32);
    assert!(found.record.data.get("cookie").is_none(), "the cookie is not of the application");
    comes_back(&found.record, layout);
}

/// A session with the same keys, begun here, reads the same.
fn comes_back(record: &Record, layout: &ExpressLayout) {
    let key = StoreKey::generate().expect("random bytes");
    let written = write_express(&key, record, layout, NOW).expect("what was read can be written");
    let again = read_express(&written, layout, NOW).expect("what was written can be read").expect("and it lives");
    let mut expected = record.clone();
    // When it begins and when it was seen the layouts tell as far as they have a place for it, and a new cookie has the
    // attributes that there are and no others.
    (expected.created, expected.seen) = (again.record.created, again.record.seen);
    expected.metadata.clone_from(&again.record.metadata);
    if expected.idle_end > LAST_OF_JAVASCRIPT {
        expected.idle_end = Timestamp::from_millis(i64::MAX);
    }
    is_same(&again.record, &expected);
}
