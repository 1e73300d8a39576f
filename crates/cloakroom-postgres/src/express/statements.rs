//! The statements of Express' layout.

use super::layout::ExpressLayout;
use crate::name::{TableName, constant};
use crate::setup::Setup;

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    /// `$1` id, `$2` digest of the key in hex. The session of the id; where there is none, what was rotated away from it.
    pub(crate) load: String,
    /// `$1` digest of the key in hex.
    pub(crate) successor: String,
    /// `$1` id.
    pub(crate) read: String,
    /// `$1` id, `$2` text, `$3` end in seconds, `$4` extras.
    pub(crate) create: String,
    /// `$1` id, `$2` text, end and extras before, `$5` id, `$6` text, `$7` whether there is another end, `$8` that, `$9` extras
    /// after.
    pub(crate) write: String,
    /// `$1` id.
    pub(crate) destroy: String,
    /// `$1` limit, `$2` now.
    pub(crate) sweep: String,
    /// `$1` user, or what the text of such a session has in it.
    pub(crate) list: String,
    /// `$1` id, `$2` user, or the text that told so.
    pub(crate) revoke: String,
    /// `$1` handle, `$2` limit.
    pub(crate) page: String,
    /// `$1` id, `$2` limit.
    pub(crate) export: String,
}

impl Statements {
    pub(crate) fn new(name: &TableName, layout: &ExpressLayout) -> Statements {
        let table = name.to_string();
        // `expire` has no time zone. The package leaves it to the connection's what it means, and so does this.
        let zone = layout.time_zone.as_ref().map(|zone| constant(zone));
        let meant = zone.as_ref().map_or("expire::timestamptz".to_owned(), |zone| format!("expire AT TIME ZONE{zone}"));
        let written = |seconds: &str| match &zone {
            Some(zone) => format!("(to_timestamp({seconds}) AT TIME ZONE{zone})::timestamp(6)"),
            None => format!("to_timestamp({seconds})::timestamp(6)"),
        };
        let end = format!(
            "CASE WHEN isfinite(expire) THEN floor(extract(epoch FROM {meant}) * 1000)::bigint \
             WHEN expire > 'epoch' THEN 9223372036854775807 ELSE -9223372036854775808 END"
        );
        let is_ours = "cloakroom -> 'w' = to_jsonb(expire)";
        let row = format!("sid::text, sess::text, {end}, {is_ours}, cloakroom::text");
        let over = format!(
            "(expire <= {} AND CASE WHEN {is_ours} THEN (cloakroom ->> 'e')::bigint <= $2 ELSE true END \
             OR cloakroom ? 'abs' AND (cloakroom ->> 'abs')::bigint <= $2)",
            written("$2::bigint / 1000.0::float8")
        );
        let was = "cloakroom ? 'p' AND cloakroom ->> 'p'";
        let of_user = if layout.user_at.is_some() {
            "strpos(sess::text, $1) > 0"
        } else {
            "cloakroom ? 'u' AND cloakroom ->> 'u' = $1"
        };
        let still_of_user =
            if layout.user_at.is_some() { "sess::text = $2" } else { "cloakroom ? 'u' AND cloakroom ->> 'u' = $2" };
        let handle = "encode(substr(sha256(convert_to(sid, 'UTF8')), 1, 16), 'hex') COLLATE \"C\"";
        let new_end = written("$8::float8");
        Statements {
            load: format!(
                "WITH found AS MATERIALIZED (SELECT {row} FROM {table} WHERE sid = $1) SELECT *, true FROM found UNION ALL \
                 SELECT {row}, false FROM {table} WHERE NOT EXISTS (SELECT FROM found) AND {was} = $2"
            ),
            successor: format!("SELECT {row} FROM {table} WHERE {was} = $1"),
            read: format!("SELECT {row} FROM {table} WHERE sid = $1"),
            create: format!(
                "INSERT INTO {table} (sid, sess, expire, cloakroom) \
                 SELECT $1, $2::text::json, e, $4::text::jsonb || jsonb_build_object('w', e) FROM (SELECT {} AS e) AS ends \
                 ON CONFLICT (sid) DO NOTHING RETURNING 1",
                written("$3::float8")
            ),
            write: format!(
                "UPDATE {table} SET sid = $5, sess = coalesce($6::text::json, sess), \
                 expire = CASE WHEN $7 THEN {new_end} ELSE expire END, \
                 cloakroom = $9::text::jsonb || jsonb_build_object('w', CASE WHEN $7 THEN {new_end} ELSE expire END) \
                 WHERE sid = $1 AND sess::text = $2 AND {end} = $3 AND cloakroom IS NOT DISTINCT FROM $4::text::jsonb \
                 RETURNING 1"
            ),
            destroy: format!("DELETE FROM {table} WHERE sid = $1 RETURNING {row}"),
            sweep: format!(
                "WITH expired AS MATERIALIZED (SELECT sid FROM {table} WHERE {over} LIMIT $1 FOR UPDATE SKIP LOCKED) \
                 DELETE FROM {table} USING expired WHERE {table}.sid = expired.sid AND {over} RETURNING 1"
            ),
            list: format!("SELECT {row} FROM {table} WHERE {of_user}"),
            revoke: format!("DELETE FROM {table} WHERE sid = $1 AND {still_of_user} RETURNING 1"),
            page: format!("SELECT {row} FROM {table} WHERE {handle} > $1 ORDER BY {handle} LIMIT $2"),
            // In the order of the primary key's own index.
            export: format!("SELECT {row} FROM {table} WHERE sid > $1 ORDER BY sid LIMIT $2"),
        }
    }
}

/// How the table is made where the package has not made it, and what of ours is added to it.
pub(crate) fn setup(name: &TableName) -> Setup {
    let table = name.to_string();
    let steps = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\n    \
                 \"sid\" varchar NOT NULL COLLATE \"default\" PRIMARY KEY,\n    \
                 \"sess\" json NOT NULL,\n    \
                 \"expire\" timestamp(6) NOT NULL\n\
             )"
        ),
        // By the very name that the package gives it, so that there is one.
        format!("CREATE INDEX IF NOT EXISTS \"IDX_session_expire\" ON {table} (\"expire\")"),
        format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS cloakroom jsonb"),
        format!("CREATE INDEX ON {table} ((cloakroom ->> 'p')) WHERE cloakroom ? 'p'"),
        format!("CREATE INDEX ON {table} ((cloakroom ->> 'u')) WHERE cloakroom ? 'u'"),
        format!("CREATE INDEX ON {table} (((cloakroom ->> 'abs')::bigint)) WHERE cloakroom ? 'abs'"),
    ];
    let look = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attname = 'cloakroom' \
                AND NOT attisdropped)";
    Setup::new(look.to_owned(), table, steps)
}
