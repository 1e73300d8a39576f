//! Live sessions in MongoDB.

use anyhow::Result;
use cloakroom_bench::database::Database;
use cloakroom_bench::figures::{Section, Table, microseconds, thousands};
use cloakroom_bench::measure::{INCREMENT, Plan, READ, Subject, measure};
use cloakroom_bench::servers::{CLOAKROOM_MONGODB, Cpus};

use crate::filling::Filling;

const CONNECTIONS: usize = 32;

/// What more live sessions change, for Cloakroom.
pub(crate) fn live(quick: bool, plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let sizes: &[usize] = if quick { &[1_000, 5_000] } else { &[1_000, 100_000, 1_000_000] };
    let mut database = Database::open()?;
    let text = format!(
        "Cloakroom with MongoDB {}, in its native layout; requests of sessions all over the collection. *CPU* is that of the \
         server and that of MongoDB, which may keep half a gigabyte in its cache. What a session takes is told as \
         a document, on the disk, and in the indexes.",
        database.version()
    );
    let mut section = Section::new("Live sessions in MongoDB", text);
    let columns = ["live", "read, CPU µs", "99 %, µs", "increment, CPU µs", "99 %, µs", "bytes a session"];
    let mut table = Table::new("", &columns);
    let uri = database.make();
    let mut subjects = [Subject::start(CLOAKROOM_MONGODB, cpus, Some(&uri), CONNECTIONS)?];
    let mut filling = Filling::default();
    for &size in sizes {
        filling.to(size, &subjects[0].server)?;
        subjects[0].browsers.clone_from(&filling.browsers);
        let mut row = vec![thousands(size as f64)];
        for case in [READ, INCREMENT] {
            for needed in measure(&mut subjects, &case, CONNECTIONS, plan, || database.count())? {
                let [server, mongodb] = [&needed.cpu, &needed.others[1]].map(|cpu| microseconds(cpu.median()));
                row.push(format!("{server} + {mongodb}"));
                row.push(microseconds(needed.most.median()));
            }
        }
        let [document, disk, indexes] = database.bytes()?.map(|bytes| thousands(bytes as f64 / size as f64));
        row.push(format!("{document} / {disk} / {indexes}"));
        table.rows.push(row);
    }
    section.tables.push(table);
    drop(subjects);
    database.clear()?;
    Ok(section)
}
