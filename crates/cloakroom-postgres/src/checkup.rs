//! What the store's guarantees rest on: the server's settings, the table, and its indexes.

use cloakroom::store::{Finding, StoreError, Verdict};
use tokio_postgres::Row;

use crate::error::Call;
use crate::layout::column;
use crate::name::TableName;
use crate::parameter::Parameter;
use crate::server::Server;

/// `$1`: the table as it stands in a statement. It makes nothing where there is no table yet.
const LOOK: &str = "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'), \
    current_setting('synchronous_commit'), current_setting('autovacuum'), pg_is_in_recovery(), \
    (SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass($1::text)), \
    (SELECT count(*) FROM pg_index WHERE indrelid = to_regclass($1::text)), \
    (SELECT count(*) FROM pg_index WHERE indrelid = to_regclass($1::text) AND indisunique AND indisvalid), \
    (SELECT count(*) FROM pg_index WHERE indrelid = to_regclass($1::text) AND NOT indisvalid)";

pub(crate) async fn checkup(server: &Server, name: &TableName) -> Result<Vec<Finding>, StoreError> {
    name.check()?;
    let table = name.to_string();
    let parameters: [Parameter<'_>; 1] = [&table];
    let rows =
        server.connection().await?.execute(LOOK, &parameters).await.map_err(|error| Call::Read.failed(&error))?;
    rows.first().map_or(Ok(Vec::new()), findings)
}

fn findings(row: &Row) -> Result<Vec<Finding>, StoreError> {
    let text = |index, name| column::<&str>(row, index, name);
    let on = |index: usize, name: &'static str, advice: &'static str| {
        let word = text(index, name)?;
        Ok::<_, StoreError>(Finding::judge(name, word == "on", Verdict::Bad, word, advice))
    };
    let commit = text(3, "synchronous_commit")?;
    let mut findings = vec![
        Finding::new("version", Verdict::Good, format!("PostgreSQL {}", text(0, "server_version")?)),
        on(1, "fsync", "a power cut may destroy the table: set fsync = on")?,
        on(2, "full_page_writes", "a power cut may destroy a page of the table: set full_page_writes = on")?,
        Finding::judge(
            "synchronous_commit",
            commit != "off",
            Verdict::Bad,
            commit,
            "a crash of the server may lose the last writes that were confirmed, a log-out too: set synchronous_commit = on",
        ),
        Finding::judge(
            "autovacuum",
            text(4, "autovacuum")? == "on",
            Verdict::Weak,
            text(4, "autovacuum")?,
            "each touch leaves a dead row behind, which somebody has to collect: set autovacuum = on",
        ),
        Finding::judge(
            "server",
            !column::<bool>(row, 5, "pg_is_in_recovery")?,
            Verdict::Bad,
            if column(row, 5, "pg_is_in_recovery")? { "a standby" } else { "a primary" },
            "a standby takes no writes: name the primary",
        ),
    ];
    let Some(persistence) = column::<Option<&str>>(row, 6, "relpersistence")? else {
        findings.push(Finding::new("table", Verdict::Note, "not there yet"));
        return Ok(findings);
    };
    let words = if persistence == "p" { "logged" } else { "unlogged or temporary" };
    let advice = "a crash of the server empties it, which logs everybody out: ALTER TABLE … SET LOGGED";
    findings.push(Finding::judge("table", persistence == "p", Verdict::Bad, words, advice));
    let count = |index| column::<i64>(row, index, "count");
    let (all, unique, invalid) = (count(7)?, count(8)?, count(9)?);
    findings.push(Finding::judge(
        "indexes",
        unique > 0 && invalid == 0,
        Verdict::Bad,
        format!("{all}, of which {unique} unique and {invalid} not valid"),
        "without a unique index on the key two sessions could have one id: compare with `migrations()` of the store",
    ));
    Ok(findings)
}
