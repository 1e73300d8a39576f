//! An Express app and a Rust app with one database, one secret and one cookie.

use crate::browser::{Browser, COOKIE};
use crate::database::Database;
use crate::layout::Layout;
use cloakroom_interop::process::Server;

pub(crate) struct Pair {
    pub(crate) layout: Layout,
    pub(crate) express: Server,
    pub(crate) rust: Server,
    pub(crate) database: Database,
}

/// What the two are told beside layout and database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) express: &'a [(&'a str, &'a str)],
    pub(crate) rust: &'a [(&'a str, &'a str)],
    /// More options of the Rust side's `STORE`.
    pub(crate) options: &'a str,
    /// Whether Rust keeps ended what it has ended, where that is a matter of choice.
    pub(crate) tombstones: bool,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Setup { express: &[], rust: &[], options: "", tombstones: true }
    }
}

impl Pair {
    pub(crate) fn start(layout: Layout) -> Pair {
        Pair::with(layout, Setup::default())
    }

    pub(crate) fn with(layout: Layout, setup: Setup<'_>) -> Pair {
        let database = Database::new(layout.place);
        // The Rust side waits for nothing, and so goes first.
        let rust = rust(layout, &database, setup);
        Pair { layout, express: express(layout, &database, setup.express), rust, database }
    }

    /// The same Express app once more.
    pub(crate) fn another_express(&self, variables: &[(&str, &str)]) -> Server {
        express(self.layout, &self.database, variables)
    }

    pub(crate) fn another_rust(&self, setup: Setup<'_>) -> Server {
        rust(self.layout, &self.database, setup)
    }

    /// What went wrong in Express since it was asked last.
    pub(crate) fn errors(&self) -> Vec<String> {
        serde_json::from_str(&Browser::default().read(&self.express, "/errors")).unwrap()
    }

    /// Neither side finds the session of this browser.
    pub(crate) fn assert_dead(&self, browser: &Browser) {
        for server in [&self.express, &self.rust] {
            assert_eq!(browser.clone().read(server, "/dump"), "{}");
        }
    }
}

const SECRET: &str = "new,keyboard cat";

fn express(layout: Layout, database: &Database, variables: &[(&str, &str)]) -> Server {
    let uri = database.url("");
    let ours = [("SECRET", SECRET), ("LAYOUT", layout.name), ("STORE", &uri), ("COOKIE", COOKIE)];
    Server::node("peer.js", &[&ours, variables].concat())
}

fn rust(layout: Layout, database: &Database, setup: Setup<'_>) -> Server {
    let tombstones = if setup.tombstones { layout.tombstones } else { "" };
    let options = [&format!("layout={}", layout.rust), tombstones, setup.options];
    let options: Vec<&str> = options.into_iter().filter(|text| !text.is_empty()).collect();
    let uri = database.url(&options.join("&"));
    let ours = [("SECRET", SECRET), ("STORE", uri.as_str()), ("COOKIE", COOKIE), ("RUST_LOG", "warn")];
    Server::rust("reference-server", &[], &[&ours, setup.rust].concat())
}
