//! The statements of the native layout.
//!
//! Each of them is one step. An `UPDATE` that had to wait for another goes on with the row as that one left it, and looks at
//! its own row once more; but all else that a statement reads is as it was when the statement began (PostgreSQL's manual,
//! section 13.2.1). So what an update sets and asks for comes from its own row and the parameters alone.

use crate::name::{TableName, constant};
use crate::setup::Setup;

/// The end of a session that lives, in the words of [`Record::is_live`](cloakroom::record::Record::is_live); `$2` is now.
const LIVE: &str = "idle_end > $2 AND absolute_end > $2";

/// All of a record but its data.
const ENTRY: &str =
    "handle::text, user_id, created_at, seen_at, idle_end, absolute_end, own_idle, persistent, metadata::text";

/// What became of a write.
pub(crate) const DONE: i32 = 0;
pub(crate) const CONFLICT: i32 = 1;
pub(crate) const WRONG_TYPE: i32 = 2;

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    /// `$1` key, `$2` now. A row without a handle tells that the key was rotated away.
    pub(crate) load: String,
    /// `$1` to `$12`: all columns.
    pub(crate) create: String,
    /// `$1` key, `$2` now, `$3` version asked for, `$4` exact idle end, `$5` least idle end, `$6` absolute end.
    pub(crate) touch: String,
    /// The same, and `$7` whether the data changes, `$8` whether they are cleared, `$9` keys to set, `$10` keys to unset, `$11`
    /// user, `$12` whether there is a lifetime, `$13` and `$14` that, `$15` metadata to set, `$16` metadata to unset, `$17` how
    /// much the version grows by, `$18` the new key, `$19` until when the old one is remembered.
    pub(crate) write: String,
    /// The same, and `$20` keys to add to, `$21` by how much.
    pub(crate) count: String,
    /// `$1` key, `$2` now.
    pub(crate) destroy: String,
    /// `$1` limit, `$2` now.
    pub(crate) sweep: String,
    /// `$1` user, `$2` now.
    pub(crate) list: String,
    /// `$1` user, `$2` now.
    pub(crate) count_of: String,
    /// `$1` user, `$2` now, `$3` handle.
    pub(crate) revoke: String,
    /// `$1` user, `$2` now, `$3` handle of the one that stays.
    pub(crate) revoke_all: String,
    /// `$1` handle, `$2` now, `$3` limit.
    pub(crate) page: String,
    /// `$1` handle, `$2` now, `$3` limit. As `load`, and behind it the key.
    pub(crate) export: String,
}

impl Statements {
    pub(crate) fn new(name: &TableName) -> Statements {
        let table = name.to_string();
        Statements {
            load: format!(
                "WITH found AS MATERIALIZED (SELECT {ENTRY}, version, data::text FROM {table} WHERE key = $1 AND {LIVE}) \
                 SELECT * FROM found UNION ALL \
                 SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM {table} \
                 WHERE NOT EXISTS (SELECT FROM found) AND previous_key = $1 AND previous_until > $2 AND {LIVE}"
            ),
            create: format!(
                "INSERT INTO {table} (handle, key, user_id, created_at, seen_at, idle_end, absolute_end, own_idle, \
                 persistent, version, metadata, data) \
                 VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12::text::jsonb) \
                 ON CONFLICT (key) DO NOTHING RETURNING 1"
            ),
            touch: told(&table, TIMES, "true", "NULL::bigint[]"),
            write: told(&table, &format!("{TIMES}, {}", changes(KEYS_CHANGED)), "true", "NULL::bigint[]"),
            count: told(&table, &format!("{TIMES}, {}", changes(KEYS_COUNTED)), FITS, NUMBERS),
            destroy: format!("DELETE FROM {table} WHERE key = $1 RETURNING {LIVE}"),
            sweep: format!(
                "WITH expired AS MATERIALIZED (SELECT handle FROM {table} \
                 WHERE garbage_from <= $2::bigint / {GARBAGE_STEP} AND NOT ({LIVE}) \
                 ORDER BY garbage_from LIMIT $1 FOR UPDATE SKIP LOCKED) \
                 DELETE FROM {table} USING expired WHERE {table}.handle = expired.handle AND NOT ({LIVE}) RETURNING 1"
            ),
            list: format!("SELECT {ENTRY} FROM {table} WHERE user_id = $1 AND {LIVE} ORDER BY seen_at DESC, handle"),
            count_of: format!("SELECT count(*) FROM {table} WHERE user_id = $1 AND {LIVE}"),
            revoke: format!(
                "DELETE FROM {table} WHERE user_id = $1 AND {LIVE} AND handle = $3::text::uuid RETURNING 1"
            ),
            // In one order, so that two who do so at once don't wait for each other.
            revoke_all: format!(
                "WITH theirs AS MATERIALIZED (SELECT handle FROM {table} WHERE user_id = $1 AND {LIVE} \
                 AND handle IS DISTINCT FROM $3::text::uuid ORDER BY handle FOR UPDATE) \
                 DELETE FROM {table} USING theirs WHERE {table}.handle = theirs.handle RETURNING 1"
            ),
            page: format!(
                "SELECT {ENTRY} FROM {table} WHERE handle > $1::text::uuid AND {LIVE} ORDER BY handle LIMIT $3"
            ),
            export: format!(
                "SELECT {ENTRY}, version, data::text, key FROM {table} \
                 WHERE handle > $1::text::uuid AND {LIVE} ORDER BY handle LIMIT $3"
            ),
        }
    }
}

/// A touch is all that most requests write. It leaves the row's indexes alone (see [`setup`]), and the data where they are.
const TIMES: &str = "seen_at = CASE WHEN $4::bigint IS NULL AND $5::bigint IS NULL THEN seen_at ELSE greatest(seen_at, $2) END, \
     idle_end = coalesce($4, greatest(idle_end, $5)), absolute_end = coalesce($6, absolute_end)";

const KEYS_CHANGED: &str = "CASE WHEN $8 THEN '{}' ELSE data - $10::text[] END || $9::text::jsonb";

const KEYS_COUNTED: &str = "CASE WHEN $8 THEN '{}' ELSE data - $10::text[] END || $9::text::jsonb || \
     (SELECT jsonb_object_agg(name, (coalesce((data ->> name)::numeric, 0) + by)::text) \
      FROM unnest($20::text[], $21::bigint[]) AS added (name, by))";

/// Whether each key that is added to is missing or holds an integer, and the sum is one too. Not by `EXISTS`, of which the
/// server may make a join.
const FITS: &str = "(SELECT coalesce(bool_and(CASE WHEN NOT data ? name THEN true \
     WHEN data ->> name ~ '^(0|-?[1-9][0-9]{0,18})$' THEN \
     (data ->> name)::numeric + by BETWEEN -9223372036854775808 AND 9223372036854775807 ELSE false END), true) \
     FROM unnest($20::text[], $21::bigint[]) AS added (name, by))";

const NUMBERS: &str = "ARRAY(SELECT (data ->> name)::bigint FROM unnest($20::text[]) WITH ORDINALITY AS added (name, place) \
     ORDER BY place)";

fn changes(keys: &str) -> String {
    format!(
        "data = CASE WHEN $7 THEN {keys} ELSE data END, \
         user_id = coalesce($11, user_id), \
         own_idle = CASE WHEN $12 THEN $13 ELSE own_idle END, \
         persistent = CASE WHEN $12 THEN $14 ELSE persistent END, \
         metadata = metadata - $16::text[] || $15::text::jsonb, \
         version = version + $17, \
         key = coalesce($18, key), \
         previous_key = CASE WHEN $18::bytea IS NULL THEN previous_key ELSE key END, \
         previous_until = coalesce($19, previous_until)"
    )
}

/// An update that tells what became of it: it is done, or why not, or (by any other number) that it has to be tried again,
/// for what stood in its way did so only after the statement had begun. No row: there is no such session.
fn told(table: &str, changes: &str, fits: &str, numbers: &str) -> String {
    let guard = "($3::bigint IS NULL OR version = $3)";
    format!(
        "WITH written AS (UPDATE {table} SET {changes} WHERE key = $1 AND {LIVE} AND {guard} AND {fits} \
         RETURNING version, handle::text, {numbers} AS numbers) \
         SELECT {DONE}, version, handle, numbers FROM written UNION ALL \
         SELECT CASE WHEN NOT {guard} THEN {CONFLICT} WHEN NOT {fits} THEN {WRONG_TYPE} ELSE 3 END, NULL, NULL, NULL \
         FROM {table} WHERE NOT EXISTS (SELECT FROM written) AND key = $1 AND {LIVE}"
    )
}

/// Garbage is found by quarters of an hour. So an index for it is touched only by the touch that crosses into another one:
/// the others change no indexed column, and the row's new version needs no new entry in any index (a heap-only tuple).
const GARBAGE_STEP: i64 = 900_000;

/// How the table is made.
pub(crate) fn setup(name: &TableName) -> Setup {
    let table = name.to_string();
    let steps = vec![
        // Texts are compared byte by byte, as Rust does. There is room for new versions of a row beside it, and dead ones are
        // collected before they make up much of the table.
        format!(
            "CREATE TABLE {table} (\n    \
                 handle uuid PRIMARY KEY,\n    \
                 key bytea NOT NULL UNIQUE,\n    \
                 previous_key bytea,\n    \
                 previous_until bigint,\n    \
                 user_id text COLLATE \"C\",\n    \
                 created_at bigint NOT NULL,\n    \
                 seen_at bigint NOT NULL,\n    \
                 idle_end bigint NOT NULL,\n    \
                 absolute_end bigint NOT NULL,\n    \
                 own_idle bigint,\n    \
                 persistent boolean,\n    \
                 version bigint NOT NULL,\n    \
                 metadata jsonb NOT NULL,\n    \
                 data jsonb NOT NULL,\n    \
                 garbage_from bigint NOT NULL GENERATED ALWAYS AS (least(idle_end, absolute_end) / {GARBAGE_STEP}) STORED\n\
             ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1)"
        ),
        format!("CREATE INDEX ON {table} (previous_key) WHERE previous_key IS NOT NULL"),
        format!("CREATE INDEX ON {table} (user_id) WHERE user_id IS NOT NULL"),
        format!("CREATE INDEX ON {table} (garbage_from)"),
        format!(
            "COMMENT ON TABLE {table} IS {}",
            constant("Sessions of Cloakroom. Times are milliseconds since 1970, data the JSON text of each value.")
        ),
    ];
    // Alone, `to_regclass` would go by what this connection has remembered from before it waited for another process.
    let look = "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1::text))";
    Setup::new(look.to_owned(), table, steps)
}
