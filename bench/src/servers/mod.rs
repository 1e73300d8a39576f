//! The servers that are measured, as processes of their own.

mod cpus;
mod files;
mod process;
mod usage;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

pub use self::cpus::Cpus;
pub use self::files::allow_many_files;
pub use self::process::Server;
pub(crate) use self::usage::kilobytes;
pub use self::usage::{available_memory, cpu_time, resident_bytes};

/// Names the program with the peers in Rust.
pub const PEER: &str = "CLOAKROOM_BENCH_PEER";

/// For the reference server to keep all that is made: the others know no bound.
const MEMORY: &str = "memory:?capacity=100000000";

/// For the reference server to take values of a megabyte.
const LIMIT: &str = "4000000";

/// A kind of server that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// What it is called in tables.
    pub name: &'static str,
    /// The server without sessions that its costs are over, by name; its own if it is one.
    pub bare: &'static str,
    /// Where the sessions are.
    pub place: Place,
    program: Program,
}

/// Where the sessions of a server are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// There are none.
    Nowhere,
    /// In the memory of the process.
    Memory,
    /// In the cookie.
    Cookie,
    /// In MongoDB.
    Mongodb,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    /// The reference server, with options of its connection string.
    Reference(&'static str),
    /// A peer in Rust, by its name.
    Peer(&'static str),
    /// An app of Express, by its name.
    Express(&'static str),
}

const fn kind(name: &'static str, bare: &'static str, place: Place, program: Program) -> Kind {
    Kind { name, bare, place, program }
}

/// axum without sessions, which all are compared with.
pub const AXUM: Kind = kind("axum, no sessions", "axum, no sessions", Place::Nowhere, Program::Peer("axum"));

const ACTIX: Kind =
    kind("actix-web, no sessions", "actix-web, no sessions", Place::Nowhere, Program::Peer("actix-web"));

/// Express without sessions.
pub const EXPRESS: Kind =
    kind("Express, no sessions", "Express, no sessions", Place::Nowhere, Program::Express("express"));

/// Cloakroom in memory.
pub const CLOAKROOM: Kind = kind("Cloakroom", AXUM.name, Place::Memory, Program::Reference(""));

/// All that keep their sessions in memory, or in the cookie, and what they stand on.
pub const IN_MEMORY: [Kind; 10] = [
    AXUM,
    CLOAKROOM,
    kind("by hand", AXUM.name, Place::Memory, Program::Peer("by-hand")),
    kind("tower-sessions", AXUM.name, Place::Memory, Program::Peer("tower-sessions")),
    kind("tower-sessions, signed", AXUM.name, Place::Memory, Program::Peer("tower-sessions-signed")),
    kind("axum_session", AXUM.name, Place::Memory, Program::Peer("axum_session")),
    ACTIX,
    kind("actix-session, cookie", ACTIX.name, Place::Cookie, Program::Peer("actix-session")),
    EXPRESS,
    kind("express-session", EXPRESS.name, Place::Memory, Program::Express("memory")),
];

/// Cloakroom with MongoDB.
pub const CLOAKROOM_MONGODB: Kind = kind("Cloakroom", AXUM.name, Place::Mongodb, Program::Reference("layout=native"));

/// All that keep their sessions in MongoDB.
pub const IN_MONGODB: [Kind; 7] = [
    CLOAKROOM_MONGODB,
    kind("Cloakroom, near cache", AXUM.name, Place::Mongodb, Program::Reference("layout=native&near=1")),
    kind(
        "Cloakroom as connect-mongodb-session",
        AXUM.name,
        Place::Mongodb,
        Program::Reference("layout=connect-mongodb-session"),
    ),
    kind("Cloakroom as connect-mongo", AXUM.name, Place::Mongodb, Program::Reference("layout=connect-mongo")),
    kind("axum_session_mongo", AXUM.name, Place::Mongodb, Program::Peer("axum_session-mongo")),
    kind("connect-mongodb-session", EXPRESS.name, Place::Mongodb, Program::Express("connect-mongodb-session")),
    kind("connect-mongo", EXPRESS.name, Place::Mongodb, Program::Express("connect-mongo")),
];

impl Kind {
    /// Whether it has sessions at all.
    pub fn has_sessions(&self) -> bool {
        self.place != Place::Nowhere
    }

    /// Starts it, on the processor that is the servers'. Those that keep their sessions in MongoDB are told the connection
    /// string of a database.
    ///
    /// # Errors
    ///
    /// If its program is not there, or does not listen.
    pub fn start(&self, cpus: &Cpus, database: Option<&str>) -> Result<Server> {
        let mut command = self.command(database)?;
        command.env("PORT", "0").env("NODE_ENV", "production");
        Server::start(command, cpus).with_context(|| format!("{} can't be started", self.name))
    }

    fn command(&self, database: Option<&str>) -> Result<Command> {
        Ok(match self.program {
            Program::Reference(options) => {
                let mut command = Command::new(beside_this_program("reference-server")?);
                command.env("SECRET", "keyboard cat").env("LIMIT", LIMIT);
                match database {
                    Some(uri) => {
                        let join = if uri.contains('?') { '&' } else { '?' };
                        command.env("STORE", format!("{uri}{join}{options}"))
                    }
                    None => command.env("STORE", MEMORY),
                };
                command
            }
            Program::Peer(name) => {
                let program = std::env::var_os(PEER).context("the peers are not built: run `cargo xtask bench`")?;
                let mut command = Command::new(program);
                command.arg(name).envs(database.map(|uri| ("STORE", uri)));
                command
            }
            Program::Express(name) => {
                let mut command = Command::new("node");
                command.arg(express().join("server.js")).arg(name).envs(database.map(|uri| ("STORE", uri)));
                command
            }
        })
    }
}

/// The folder of the apps of Express.
pub fn express() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("express")
}

fn beside_this_program(name: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe().context("where this program is, is not known")?.with_file_name(name))
}
