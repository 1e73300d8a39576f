//! Making many sessions soon.

use anyhow::Result;
use cloakroom_bench::load::{Cookies, Jar, Load};
use cloakroom_bench::servers::Server;

/// How many browsers are kept of all: enough for the requests of a measurement to be all over the store.
const KEPT: usize = 20_000;

/// A server with live sessions.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// How many sessions it has.
    pub(crate) live: usize,
    /// Some of the browsers.
    pub(crate) browsers: Vec<Jar>,
}

impl Filling {
    /// Makes sessions until there are so many.
    pub(crate) fn to(&mut self, live: usize, server: &Server) -> Result<()> {
        let missing = live.saturating_sub(self.live);
        // Each time the same number, over all that are new, so that old and new sessions are among them.
        let every = missing.div_ceil(KEPT).max(1);
        let load = Load { in_a_row: 8, ..Load::new("POST", "/incr", 32, missing) };
        load.cookies(Cookies::Collect(every)).run(server.address(), &mut self.browsers)?;
        self.live += missing;
        Ok(())
    }
}
