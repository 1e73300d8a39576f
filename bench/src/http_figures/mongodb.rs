//! Sessions in MongoDB.

use anyhow::Result;
use cloakroom_bench::database::Database;
use cloakroom_bench::figures::{Plot, Section, Shape};
use cloakroom_bench::measure::{CASES, Plan, Subject, measure};
use cloakroom_bench::servers::{AXUM, Cpus, EXPRESS, IN_MONGODB};

use crate::costs;

const CONNECTIONS: usize = 32;

/// What each kind of request costs, the server and MongoDB.
pub(crate) fn costs(plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let mut database = Database::open()?;
    let text = format!(
        "As above, with sessions in MongoDB {}, a replica set of one node on the same machine. *Operations* is how many a request \
         takes by MongoDB's own counters (`serverStatus().opcounters`), *MongoDB's CPU* the processor time of its process for a \
         request. MongoDB takes time from servers and load, so rates and latencies tell less here than processor times.\n\n\
         *Near cache*: the same store behind a `NearCache`, which reads from its own memory what MongoDB's change stream has told \
         nothing of. *Cloakroom as …* keeps its sessions as that package does, so that both can serve them together. tower-sessions \
         is missing: no store for MongoDB that is published fits its version 0.15 (tower-sessions-mongodb-store 0.11 \
         is for tower-sessions 0.11). axum_session_mongo keeps every session in the process too, and reads it there: \
         what another process writes it does not see. The packages of Express load the session at each request with a \
         cookie, and save or touch it.",
        database.version()
    );
    let mut section = Section::new("A request, with sessions in MongoDB", text);
    let mut groups = Vec::new();
    for case in CASES {
        let mut subjects = Vec::new();
        for kind in [AXUM, EXPRESS].into_iter().chain(IN_MONGODB) {
            let uri = kind.has_sessions().then(|| database.make());
            subjects.push(Subject::start(kind, cpus, uri.as_deref(), plan.browsers)?);
        }
        let needed = measure(&mut subjects, &case, CONNECTIONS, plan, || database.count())?;
        section.tables.push(costs::table(case.name, &subjects, &needed, true));
        groups.push(costs::bars(case.name, &subjects, &needed));
        drop(subjects);
        database.clear()?;
    }
    section.plots.push(Plot {
        file: "performance-mongodb".to_owned(),
        title: "Processor time of a request in µs, sessions in MongoDB".to_owned(),
        shape: Shape::Bars(groups),
    });
    Ok(section)
}
