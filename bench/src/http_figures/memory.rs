//! Sessions in memory.

use anyhow::Result;
use cloakroom_bench::figures::{Line, Plot, Section, Shape, Table, microseconds, thousands};
use cloakroom_bench::measure::{CASES, Plan, READ, Subject, measure, nothing};
use cloakroom_bench::servers::{Cpus, IN_MEMORY};

use crate::costs;

const CONNECTIONS: usize = 32;

const MANY: [usize; 3] = [1, 32, 1_000];

/// What each kind of request costs.
pub(crate) fn costs(plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let text = format!(
        "Each server is a process with one worker thread. {} connections send the next request when the last one is answered, so \
         the server is always busy. *CPU* is the processor time of the server's process for a request, in user space and kernel, \
         by the kernel's own figures. *To axum* is the ratio to axum without sessions, *the sessions* what a request costs more \
         than with the same framework without sessions; both are computed within each round. Those without sessions are sent the \
         same requests, with cookies of which they know nothing, and count one number for all. All that stand on axum \
         have the same features of it and of tokio, those that most applications have. The servers take turns in {} rounds; what \
         is told are medians. {}\n\n\
         *Untouched*: the handler does not look at the session. *Read*: it reads a number. *Increment*: it adds one; Cloakroom's \
         never loses one, the others read and write. *New session*: an increment without a cookie. Cloakroom's cookies are \
         always signed, and so are those of express-session; those of tower-sessions and axum_session are not unless asked for. \
         actix-session has the whole session in the cookie, encrypted as it comes (of its stores this is the one that \
         needs no database). *By hand* is the least that a session with a signed id can cost: a map in memory, written for these \
         few routes alone, which ends no session and bounds no memory. Everything else is as it comes, but for a cookie that plain HTTP carries.",
        CONNECTIONS,
        plan.rounds,
        cpus.tell()
    );
    let mut section = Section::new("A request, with sessions in memory", text);
    let mut groups = Vec::new();
    for case in CASES {
        let mut subjects = start(plan, cpus, plan.browsers)?;
        let needed = measure(&mut subjects, &case, CONNECTIONS, plan, nothing)?;
        section.tables.push(costs::table(case.name, &subjects, &needed, false));
        groups.push(costs::bars(case.name, &subjects, &needed));
    }
    section.plots.push(Plot {
        file: "performance-memory".to_owned(),
        title: "Processor time of a request in µs, sessions in memory".to_owned(),
        shape: Shape::Bars(groups),
    });
    Ok(section)
}

/// What more or fewer connections change.
pub(crate) fn connections(plan: &Plan, cpus: &Cpus) -> Result<Section> {
    let text = "The case *read* again. With one connection the server waits for the client after each request, and its processor \
                may sleep meanwhile: then the rate tells of the machine more than of the server. With a thousand connections the \
                server is always busy, and the latency is mostly waiting in line."
        .to_owned();
    let mut section = Section::new("Connections", text);
    let mut lines: Vec<Line> =
        IN_MEMORY.iter().map(|kind| Line { name: kind.name.to_owned(), points: Vec::new() }).collect();
    for connections in MANY {
        let mut subjects = start(plan, cpus, plan.browsers.max(connections))?;
        let needed = measure(&mut subjects, &READ, connections, plan, nothing)?;
        let title =
            if connections == 1 { "1 connection" } else { &format!("{} connections", thousands(connections as f64)) };
        let mut table = Table::new(title, &["", "CPU, µs", "requests/s", "50 %, µs", "99 %, µs"]);
        for ((subject, it), line) in subjects.iter().zip(&needed).zip(&mut lines) {
            table.rows.push(vec![
                subject.kind.name.to_owned(),
                microseconds(it.cpu.median()),
                thousands(it.rate.median()),
                microseconds(it.half.median()),
                microseconds(it.most.median()),
            ]);
            line.points.push((connections as f64, it.most.median()));
        }
        section.tables.push(table);
    }
    section.plots.push(Plot {
        file: "performance-connections".to_owned(),
        title: "99 % of all reads were answered after so many µs".to_owned(),
        shape: Shape::Lines { axis: "connections".to_owned(), lines },
    });
    Ok(section)
}

fn start(plan: &Plan, cpus: &Cpus, browsers: usize) -> Result<Vec<Subject>> {
    let browsers = browsers.max(plan.browsers);
    IN_MEMORY.iter().map(|kind| Subject::start(*kind, cpus, None, browsers)).collect()
}
