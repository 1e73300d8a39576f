//! Sessions in MongoDB.

use anyhow::Result;
use cloakroom_bench::database::Database;
use cloakroom_bench::figures::{Plot, Section, Shape, Table};
use cloakroom_bench::load::{Cookies, Jar, Load};
use cloakroom_bench::measure::{CASES, Plan, Subject, measure};
use cloakroom_bench::servers::{AXUM, CLOAKROOM_MONGODB, Cpus, EXPRESS, IN_MONGODB};

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

/// What a session is asked for, and the route of the reference server that does so. What ends it comes last.
const ASKED: [(&str, &str, &str); 10] = [
    ("untouched", "GET", "/"),
    ("read", "GET", "/read"),
    ("set, not read", "POST", "/ext/unread/set/k/v"),
    ("remove, not read", "POST", "/ext/unread/unset/k"),
    ("increment, not read", "POST", "/ext/unread/incr"),
    ("set", "POST", "/set/k/v"),
    ("increment", "POST", "/incr"),
    ("update", "POST", "/update"),
    ("rotation, at a log-in", "POST", "/login/ada"),
    ("log-out, not read", "POST", "/ext/unread/logout"),
];

/// How many operations of MongoDB a request takes.
pub(crate) fn operations(plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let text = "By MongoDB's own counters again, Cloakroom's native layout: each browser sends one request of each kind. What is *not \
                read* is written through `UnreadSession`, which does not load the session before; all else through `Session`, which \
                does. The counters count what drivers ask for now and then on their own, too.";
    let mut section = Section::new("Operations of MongoDB", text.to_owned());
    let mut table = Table::new("", &["", "operations"]);
    let mut database = Database::open()?;
    let uri = database.make();
    let Subject { server, mut browsers, .. } = Subject::start(CLOAKROOM_MONGODB, cpus, Some(&uri), plan.browsers)?;
    let requests = browsers.len();
    // On one connection, since of several the quicker would take the turns of the others, and some browsers come twice.
    let load = |method, path| Load::new(method, path, 1, requests);
    let mut forged = vec![Jar::foreign(); requests];
    let mut count = |name: &str, load: Load<'_>, browsers: &mut Vec<Jar>| -> Result<()> {
        let [before, _] = database.count()?;
        load.run(server.address(), browsers)?;
        let [after, _] = database.count()?;
        table.rows.push(vec![name.to_owned(), format!("{:.2}", (after - before) / requests as f64)]);
        Ok(())
    };
    count("forged ticket, read", load("GET", "/read").cookies(Cookies::Send), &mut forged)?;
    count("new session", load("POST", "/incr"), &mut forged)?;
    for (name, method, path) in ASKED {
        count(name, load(method, path).cookies(Cookies::Send), &mut browsers)?;
    }
    drop(server);
    database.clear()?;
    section.tables.push(table);
    Ok(section)
}
