//! Rows as records: which column holds what.
//!
//! A session is one row, and its data one text: a JSON object in which each value keeps its own text to the byte. A small session
//! is then one look-up to read and one page to write. SQLite runs within the process, so to read a row, apply the patch to it
//! and write it back is one step under the lock of the write transaction, for other processes too, and costs no round trip; a
//! patch means there what [`Patch::apply_to`](cloakroom::record::Patch::apply_to) says, since it is what runs. A row for each key
//! would cost a look-up for each, and SQLite's own JSON functions would write numbers and keys in their own way.
//!
//! What a touch changes stands before the texts and keeps its size, so that SQLite leaves the pages of a large text alone.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::record::{Data, Handle, Lifetime, Record, UserId};
use cloakroom::store::{Entry, Found, Token};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::error::Fault;
use crate::text::{from_text, to_text};

/// The columns that [`Stored`] is made of, but for the data.
pub(crate) const COLUMNS: &str = "id, version, created, seen, idle_end, absolute_end, idle, persistent, user, metadata";
/// The place of the data behind them, where it is selected.
pub(crate) const DATA: usize = 10;

/// The version of a new record.
pub(crate) const FIRST_VERSION: i64 = 1;

/// A row as it was read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) record: Record,
}

impl Stored {
    /// A row of [`COLUMNS`]. The data is empty.
    pub(crate) fn without_data(row: &Row<'_>) -> Result<Stored, Fault> {
        let time = |index| row.get(index).map(Timestamp::from_millis);
        let mut record = Record::new(time(2)?, time(4)?, time(5)?);
        record.seen = time(3)?;
        let idle: Option<i64> = row.get(6)?;
        let idle = idle.map(|millis| u64::try_from(millis).map(Duration::from_millis)).transpose();
        record.lifetime = Lifetime { idle: idle.map_err(|_| Fault::corrupt("idle"))?, persistent: row.get(7)? };
        let user = row.get_ref(8)?.as_str_or_null().map_err(|_| Fault::corrupt("user"))?;
        record.user = user.map(UserId::new).transpose().map_err(|_| Fault::corrupt("user"))?;
        record.metadata = data(row.get_ref(9)?, "metadata")?;
        Ok(Stored { id: row.get(0)?, version: row.get(1)?, record })
    }

    /// A row of [`COLUMNS`] and the data.
    pub(crate) fn with_data(row: &Row<'_>) -> Result<Stored, Fault> {
        let mut stored = Stored::without_data(row)?;
        stored.record.data = data(row.get_ref(DATA)?, "data")?;
        Ok(stored)
    }

    pub(crate) fn token(&self) -> Token {
        Token::version(self.version)
    }

    pub(crate) fn handle(&self) -> Handle {
        handle(self.id)
    }

    pub(crate) fn into_found(self) -> Found {
        let (token, handle) = (self.token(), self.handle());
        Found::new(self.record, token, handle)
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry::new(self.handle(), &self.record)
    }
}

/// A handle is the id, in hex, so that their orders are the same.
pub(crate) fn handle(id: i64) -> Handle {
    Handle::new(format!("{id:016x}"))
}

/// The id of a handle, if a session can have it.
pub(crate) fn id_of(handle: &Handle) -> Option<i64> {
    let id = i64::from_str_radix(handle.as_str(), 16).ok()?;
    (format!("{id:016x}") == handle.as_str()).then_some(id)
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The text of data or metadata, as a column holds it.
pub(crate) fn text(data: &Data) -> String {
    to_text(data)
}

fn data(value: ValueRef<'_>, column: &'static str) -> Result<Arc<Data>, Fault> {
    let text = value.as_str().map_err(|_| Fault::corrupt(column))?;
    from_text(text).map(Arc::new).ok_or_else(|| Fault::corrupt(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_have_the_order_of_their_ids_and_others_have_none() {
        let ids = [0, 1, 15, 16, 255, 1 << 40, i64::MAX];
        let handles = ids.map(handle);
        assert!(handles.is_sorted());
        assert_eq!(handles.map(|handle| id_of(&handle)), ids.map(Some));
        for text in [
            "",
            "0",
            "-000000000000001",
            "+000000000000001",
            "00000000000000FF",
            "ffffffffffffffff",
            "00000000000000ffé",
        ] {
            assert_eq!(id_of(&Handle::new(text)), None, "{text}");
        }
    }
}
