//! What each method of the contract does on a connection: within the write transaction, but for [`load`].

use cloakroom::Timestamp;
use cloakroom::record::{Patch, Record};
use cloakroom::store::{Applied, Created, Guard, Loaded, Rotated, SUPERSEDED_FOR, StoreErrorKind, Token, Written};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use crate::error::Fault;
use crate::row::{COLUMNS, DATA, FIRST_VERSION, Stored, handle, millis, text};

pub(crate) type Digest = [u8; 32];

/// The place behind the data in what [`load`] selects.
const SUPERSEDED: usize = DATA + 1;
/// What ended so long ago is removed when others come. Calls bring their own time and overtake each other, so it is not for a
/// little that anything is garbage.
const GRACE_MILLIS: i64 = 60_000;
/// More than come, so that garbage does not pile up.
const REMOVED_FOR_EACH: usize = 2;
/// How often a new id is looked for.
const ATTEMPTS: usize = 8;
/// Of the file, a quarter may be free for what comes. Of the rest, a sweep gives back so many pages at a time.
const GIVEN_BACK: i64 = 256;

/// Finds the record of a key, or the one that had it before. One statement, so that it sees one moment.
pub(crate) fn load(connection: &Connection, key: &Digest, now: Timestamp) -> Result<Loaded, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, data, FALSE FROM session WHERE key = ?1 UNION ALL \
         SELECT {COLUMNS}, NULL, TRUE FROM session WHERE previous = ?1 AND previous_until > ?2"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query(params![key, now.as_millis()])?;
    while let Some(row) = rows.next()? {
        let is_superseded: bool = row.get(SUPERSEDED)?;
        let stored = if is_superseded { Stored::without_data(row)? } else { Stored::with_data(row)? };
        if stored.record.is_live(now) {
            return Ok(if is_superseded { Loaded::Superseded } else { Loaded::Found(stored.into_found()) });
        }
    }
    Ok(Loaded::Missing)
}

/// Inserts a record, and removes a little of what has ended.
pub(crate) fn create(connection: &Connection, key: &Digest, record: &Record, now: Timestamp) -> Result<Created, Fault> {
    remove_garbage(connection, REMOVED_FOR_EACH, now)?;
    // The time first, so that new rows lie together; then chance, so that a handle tells nothing of other sessions.
    let mut insert = connection.prepare_cached(
        "INSERT INTO session (id, version, created, seen, idle_end, absolute_end, idle, persistent, key, user, metadata, data) \
         VALUES ((?1 & 0x1ffffffffff) << 22 | (random() & 0x3fffff), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (key) DO NOTHING",
    )?;
    let (metadata, data) = (text(&record.metadata), text(&record.data));
    let mut attempts = 0;
    let inserted = loop {
        attempts += 1;
        // Where very many come at once, or time stands still, the time does not tell them apart.
        let place = if attempts < ATTEMPTS / 2 { now.as_millis() } else { random(connection)? };
        let inserted = insert.execute(params![
            place,
            FIRST_VERSION,
            record.created.as_millis(),
            record.seen.as_millis(),
            record.idle_end.as_millis(),
            record.absolute_end.as_millis(),
            record.lifetime.idle.map(millis),
            record.lifetime.persistent,
            key,
            record.user.as_ref().map(|user| user.as_str()),
            metadata,
            data,
        ]);
        match inserted {
            Err(error) if attempts < ATTEMPTS && is_id_taken(&error) => {}
            inserted => break inserted?,
        }
    };
    if inserted == 0 {
        return Ok(Created::Taken);
    }
    let id = connection.last_insert_rowid();
    Ok(Created::Done { token: Token::version(FIRST_VERSION), handle: handle(id) })
}

fn random(connection: &Connection) -> Result<i64, Fault> {
    Ok(connection.prepare_cached("SELECT random()")?.query_row([], |row| row.get(0))?)
}

fn is_id_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_extended_error_code() == Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

/// Changes the record of a key.
pub(crate) fn apply(
    connection: &Connection,
    key: &Digest,
    patch: &Patch,
    guard: &Guard,
    now: Timestamp,
) -> Result<Applied, Fault> {
    Ok(match change(connection, key, None, patch, guard, now)? {
        Ok((written, _)) => Applied::Done(written),
        Err(Refusal::Gone) => Applied::Gone,
        Err(Refusal::Conflict) => Applied::Conflict,
        Err(Refusal::WrongType) => Applied::WrongType,
    })
}

/// Changes the record of a key, and the key.
pub(crate) fn rotate(
    connection: &Connection,
    old: &Digest,
    new: &Digest,
    patch: &Patch,
    guard: &Guard,
    now: Timestamp,
) -> Result<Rotated, Fault> {
    if connection.prepare_cached("SELECT 1 FROM session WHERE key = ?1")?.exists([new])? {
        return Ok(Rotated::Taken);
    }
    Ok(match change(connection, old, Some(new), patch, guard, now)? {
        Ok((written, id)) => Rotated::Done { written, handle: handle(id) },
        Err(Refusal::Gone) => Rotated::Gone,
        Err(Refusal::Conflict) => Rotated::Conflict,
        Err(Refusal::WrongType) => Rotated::WrongType,
    })
}

/// Removes the record of a key; tells whether it was live.
pub(crate) fn destroy(connection: &Connection, key: &Digest, now: Timestamp) -> Result<bool, Fault> {
    let sql = "DELETE FROM session WHERE key = ?1 RETURNING idle_end > ?2 AND absolute_end > ?2";
    let mut delete = connection.prepare_cached(sql)?;
    let was_live = delete.query_row(params![key, now.as_millis()], |row| row.get(0)).optional()?;
    Ok(was_live.unwrap_or(false))
}

/// Removes at most `limit` records that have ended, the first ones first; tells how many. Then gives pages back.
pub(crate) fn sweep(connection: &Connection, limit: usize, now: Timestamp) -> Result<usize, Fault> {
    let removed = remove_ended(connection, limit, now.as_millis())?;
    give_back(connection)?;
    Ok(removed)
}

/// Removes at most `limit` records that ended a while ago; tells how many.
pub(crate) fn remove_garbage(connection: &Connection, limit: usize, now: Timestamp) -> Result<usize, Fault> {
    remove_ended(connection, limit, now.as_millis().saturating_sub(GRACE_MILLIS))
}

fn remove_ended(connection: &Connection, limit: usize, at: i64) -> Result<usize, Fault> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE min(idle_end, absolute_end) <= ?1 \
         ORDER BY min(idle_end, absolute_end) LIMIT ?2)",
    )?;
    Ok(delete.execute(params![at, i64::try_from(limit).unwrap_or(i64::MAX)])?)
}

/// Free pages are used again by what comes. Only where many sessions have gone for good does the file become smaller.
fn give_back(connection: &Connection) -> Result<(), Fault> {
    let number = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    let (free, all) = (number("PRAGMA freelist_count")?, number("PRAGMA page_count")?);
    let too_many = (free - all / 4).min(GIVEN_BACK);
    if too_many > 0 {
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({too_many})"))?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok(())
}

/// Why a record was not changed.
enum Refusal {
    Gone,
    Conflict,
    WrongType,
}

/// Changes the record of a key, and the key where there is a new one. Gives the id too.
fn change(
    connection: &Connection,
    key: &Digest,
    new: Option<&Digest>,
    patch: &Patch,
    guard: &Guard,
    now: Timestamp,
) -> Result<Result<(Written, i64), Refusal>, Fault> {
    let changes_keys = patch.clears() || patch.changes().len() > 0;
    let Some(before) = find(connection, key, changes_keys)?.filter(|stored| stored.record.is_live(now)) else {
        return Ok(Err(Refusal::Gone));
    };
    if let Guard::Unchanged(token) = guard
        && *token != before.token()
    {
        return Ok(Err(Refusal::Conflict));
    }
    let mut after = before.record.clone();
    let Ok(numbers) = patch.apply_to(&mut after, now) else { return Ok(Err(Refusal::WrongType)) };
    let version = before.version.wrapping_add(i64::from(patch.changes_data()));

    let mut update = Update::default();
    update.set_if(version != before.version, "version", || version.into());
    update.set_if(after.seen != before.record.seen, "seen", || after.seen.as_millis().into());
    update.set_if(after.idle_end != before.record.idle_end, "idle_end", || after.idle_end.as_millis().into());
    let absolute_end = after.absolute_end;
    update.set_if(absolute_end != before.record.absolute_end, "absolute_end", || absolute_end.as_millis().into());
    if after.lifetime != before.record.lifetime {
        update.set("idle", after.lifetime.idle.map(millis).into());
        update.set("persistent", after.lifetime.persistent.map(i64::from).into());
    }
    if let Some(new) = new {
        update.set("key", new.to_vec().into());
        update.set("previous", key.to_vec().into());
        update.set("previous_until", (now + SUPERSEDED_FOR).as_millis().into());
    }
    let user = after.user.as_ref().map(|user| user.as_str().to_owned());
    update.set_if(after.user != before.record.user, "user", || user.into());
    update.set_if(patch.metadata().len() > 0, "metadata", || text(&after.metadata).into());
    update.set_if(changes_keys, "data", || text(&after.data).into());
    update.run(connection, before.id)?;
    Ok(Ok((Written::new(Token::version(version), numbers), before.id)))
}

fn find(connection: &Connection, key: &Digest, with_data: bool) -> Result<Option<Stored>, Fault> {
    let sql = if with_data {
        format!("SELECT {COLUMNS}, data FROM session WHERE key = ?1")
    } else {
        format!("SELECT {COLUMNS} FROM session WHERE key = ?1")
    };
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let stored = if with_data { Stored::with_data(row) } else { Stored::without_data(row) };
    stored.map(Some)
}

/// The columns of a row that change, and no others: an index of a column that is not named is left alone.
#[derive(Default)]
struct Update {
    columns: String,
    values: Vec<Value>,
}

impl Update {
    fn set(&mut self, column: &'static str, value: Value) {
        if !self.columns.is_empty() {
            self.columns.push_str(", ");
        }
        self.columns.push_str(column);
        self.columns.push_str(" = ?");
        self.values.push(value);
    }

    fn set_if(&mut self, changed: bool, column: &'static str, value: impl FnOnce() -> Value) {
        if changed {
            self.set(column, value());
        }
    }

    fn run(mut self, connection: &Connection, id: i64) -> Result<(), Fault> {
        if self.values.is_empty() {
            return Ok(());
        }
        let sql = format!("UPDATE session SET {} WHERE id = ?", self.columns);
        self.values.push(id.into());
        match connection.prepare_cached(&sql)?.execute(params_from_iter(self.values))? {
            1 => Ok(()),
            // It was read in the same transaction.
            _ => Err(Fault::new(StoreErrorKind::Other, "a row has vanished")),
        }
    }
}
