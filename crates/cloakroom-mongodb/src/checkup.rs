//! What the store's guarantees rest on: the servers, the write concern, and the indexes.

use cloakroom::store::{Finding, StoreError, Verdict};
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::{Acknowledgment, ReadPreference, SelectionCriteria};

use crate::error::{Call, code};
use crate::place::Place;

/// There is no such collection yet.
const NO_COLLECTION: i32 = 26;

/// `key` is the field that an index has to keep unique; `ends` are those by which the server removes what is over.
pub(crate) async fn checkup(place: &Place, key: Option<&str>, ends: &[&str]) -> Result<Vec<Finding>, StoreError> {
    let hello = place.database.run_command(doc! { "hello": 1 }).await.map_err(|error| Call::Read.failed(&error))?;
    let mut findings = vec![version(place).await, topology(&hello), write_concern(place), read_preference(place)];
    match indexes(place).await {
        Ok(Some(indexes)) => {
            if let Some(key) = key {
                findings.push(unique(&indexes, key));
            }
            findings.extend(ends.iter().map(|end| garbage(&indexes, end)));
        }
        Ok(None) => findings.push(Finding::new("indexes", Verdict::Note, "the collection is not there yet")),
        Err(error) => findings.push(unknown("indexes", &error)),
    }
    Ok(findings)
}

async fn version(place: &Place) -> Finding {
    match place.database.run_command(doc! { "buildInfo": 1 }).await {
        Ok(info) => {
            let version = info.get_str("version").unwrap_or("?");
            let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
            let advice = "the layouts of Express need MongoDB 5.0 or newer";
            Finding::judge("version", major >= 5, Verdict::Bad, format!("MongoDB {version}"), advice)
        }
        Err(error) => unknown("version", &error),
    }
}

fn topology(hello: &Document) -> Finding {
    if hello.get_str("msg").ok() == Some("isdbgrid") {
        return Finding::new("topology", Verdict::Good, "a sharded cluster");
    }
    let Ok(name) = hello.get_str("setName") else {
        return Finding::new("topology", Verdict::Weak, "one server, no replica set")
            .advise("what is lost with its disk is lost; in a layout of Express, a crash in the middle of a rotation ends the session, since there are no transactions");
    };
    let servers = hello.get_array("hosts").map_or(0, Vec::len);
    let words = format!("replica set {name} of {servers}");
    let advice = "a majority of one is one: what is lost with its disk is lost";
    Finding::judge("topology", servers > 1, Verdict::Weak, words, advice)
}

fn write_concern(place: &Place) -> Finding {
    let concern = place.documents.write_concern();
    let acknowledgment = concern.and_then(|concern| concern.w.clone());
    let journal = concern.and_then(|concern| concern.journal).unwrap_or(false);
    let w = match &acknowledgment {
        Some(Acknowledgment::Majority) => "majority".to_owned(),
        Some(Acknowledgment::Nodes(nodes)) => nodes.to_string(),
        Some(_) => "a custom one".to_owned(),
        None => "the server's default".to_owned(),
    };
    Finding::judge(
        "write concern",
        acknowledgment == Some(Acknowledgment::Majority) && journal,
        Verdict::Bad,
        format!("w={w}, journal={journal}"),
        "a fail-over may take back what was confirmed, a log-out too: leave `w` and `journal` out of the URL, or set w=majority&journal=true",
    )
}

fn read_preference(place: &Place) -> Finding {
    let is_primary = match place.database.selection_criteria() {
        None => true,
        Some(SelectionCriteria::ReadPreference(preference)) => *preference == ReadPreference::Primary,
        Some(_) => false,
    };
    let words = if is_primary { "primary" } else { "secondaries" };
    let advice = "a session that has ended may be seen for a while yet: leave `readPreference` out of the URL";
    Finding::judge("read preference", is_primary, Verdict::Bad, words, advice)
}

async fn indexes(place: &Place) -> Result<Option<Vec<IndexModel>>, Error> {
    let mut cursor = match place.documents.list_indexes().await {
        Ok(cursor) => cursor,
        Err(error) if code(&error) == Some(NO_COLLECTION) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut indexes = Vec::new();
    while cursor.advance().await? {
        indexes.push(cursor.deserialize_current()?);
    }
    Ok(Some(indexes))
}

fn is_of(index: &IndexModel, field: &str) -> bool {
    index.keys.len() == 1 && index.keys.contains_key(field)
}

fn unique(indexes: &[IndexModel], key: &str) -> Finding {
    let is_unique = |index: &IndexModel| index.options.as_ref().and_then(|options| options.unique) == Some(true);
    let there = indexes.iter().any(|index| is_of(index, key) && is_unique(index));
    let words = if there { format!("on `{key}`") } else { format!("none on `{key}`") };
    let advice = "two sessions could have one id: let the application start once, which makes it, or remove what stands in its way";
    Finding::judge("unique index", there, Verdict::Bad, words, advice)
}

fn garbage(indexes: &[IndexModel], end: &str) -> Finding {
    let seconds = |index: &IndexModel| index.options.as_ref().and_then(|options| options.expire_after);
    let after = indexes.iter().filter(|index| is_of(index, end)).find_map(seconds);
    let words = match after {
        Some(after) => format!("on `{end}`, {} s after it", after.as_secs()),
        None => format!("none on `{end}`"),
    };
    let advice =
        "what is over stays until `cloakroom purge` removes it: let the application start once, which makes the index";
    Finding::judge("TTL index", after.is_some(), Verdict::Weak, words, advice)
}

fn unknown(subject: &'static str, error: &Error) -> Finding {
    let why = code(error).map_or("no answer".to_owned(), |code| format!("the server refuses (code {code})"));
    Finding::new(subject, Verdict::Unknown, why)
}
