//! The tables of the file, and how an older file becomes one of today.

use cloakroom::store::StoreErrorKind;
use rusqlite::Connection;

use crate::error::Fault;

/// What brings a file from each version to the next. A version that was released never changes.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        idle_end INTEGER NOT NULL,
        absolute_end INTEGER NOT NULL,
        idle INTEGER,
        persistent INTEGER,
        key BLOB NOT NULL UNIQUE,
        previous BLOB,
        previous_until INTEGER,
        user TEXT,
        metadata TEXT NOT NULL,
        data TEXT NOT NULL
    ) STRICT;
    CREATE INDEX session_previous ON session (previous) WHERE previous IS NOT NULL;
    CREATE INDEX session_end ON session (min(idle_end, absolute_end));
    CREATE INDEX session_user ON session (user) WHERE user IS NOT NULL;
"];

/// What this version of the crate knows.
const LATEST: i64 = MIGRATIONS.len() as i64;

/// Says of a file that it is one of ours: `clkr`.
const APPLICATION: i64 = 0x636c_6b72;

/// Whether the file has the tables of today; an error if it never will.
pub(crate) fn is_ready(connection: &Connection) -> Result<bool, Fault> {
    let State { version, application, tables } = state(connection)?;
    if version == 0 && application == 0 && tables == 0 {
        return Ok(false);
    }
    if application != APPLICATION {
        return Err(Fault::new(
            StoreErrorKind::Other,
            "the file is another application's: sessions need one of their own",
        ));
    }
    if version > LATEST {
        let words = format!("the file has version {version}, and this cloakroom-sqlite knows versions up to {LATEST}");
        return Err(Fault::new(StoreErrorKind::Other, words));
    }
    Ok(version == LATEST)
}

/// Brings the file up to date, in one transaction. Several processes may do so at once.
pub(crate) fn migrate(connection: &Connection) -> Result<(), Fault> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let migrated = bring_up_to_date(connection);
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    if !connection.is_autocommit() {
        connection.execute_batch(end)?;
    }
    migrated
}

fn bring_up_to_date(connection: &Connection) -> Result<(), Fault> {
    if is_ready(connection)? {
        return Ok(());
    }
    let version = usize::try_from(state(connection)?.version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(version) {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", LATEST)?;
    Ok(())
}

/// What a file says of itself.
struct State {
    version: i64,
    application: i64,
    tables: i64,
}

/// In one statement, so that it sees one moment: another process may be at work on the file.
fn state(connection: &Connection) -> Result<State, Fault> {
    let sql = "SELECT (SELECT user_version FROM pragma_user_version), \
               (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)";
    Ok(connection
        .query_row(sql, [], |row| Ok(State { version: row.get(0)?, application: row.get(1)?, tables: row.get(2)? }))?)
}
