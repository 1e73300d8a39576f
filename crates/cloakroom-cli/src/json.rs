//! What `--json` tells of a session. The names of the fields stay.

use cloakroom::record::Data;
use cloakroom::store::Entry;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::times::utc;

/// A session.
#[derive(Debug, Serialize)]
pub(crate) struct SessionJson {
    handle: String,
    user: Option<String>,
    created: Option<String>,
    seen: Option<String>,
    /// When it ends if nobody touches it; null for never.
    ends: Option<String>,
    metadata: BTreeMap<String, Box<RawValue>>,
}

impl SessionJson {
    pub(crate) fn of(entry: &Entry) -> SessionJson {
        SessionJson {
            handle: entry.handle.to_string(),
            user: entry.user.as_ref().map(ToString::to_string),
            created: utc(entry.created),
            seen: utc(entry.seen),
            ends: utc(entry.end),
            metadata: metadata(&entry.metadata),
        }
    }
}

/// The metadata but for what a moving store has noted there: a name of a copy that nobody else has to know.
pub(crate) fn metadata(data: &Data) -> BTreeMap<String, Box<RawValue>> {
    let others = data.iter().filter(|(key, _)| !key.starts_with("cloakroom "));
    others
        .filter_map(|(key, value)| Some((key.to_string(), RawValue::from_string(value.as_json().to_owned()).ok()?)))
        .collect()
}
