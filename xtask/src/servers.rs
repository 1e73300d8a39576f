//! The servers that the tests talk to.

use std::ffi::OsString;

use anyhow::{Error, Result};

use crate::mongod::Mongod;
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::system::say;
use crate::workspace::Workspace;

/// Who needs Redis and PostgreSQL; everybody else does with MongoDB alone.
const OF_ALL: [&str; 5] =
    ["cloakroom-torture", "cloakroom-bench", "cloakroom-stores", "cloakroom-cli", "cloakroom-interop"];

/// Which servers there have to be, MongoDB apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Needed {
    pub(crate) redis: bool,
    pub(crate) postgres: bool,
}

impl Needed {
    /// By everything.
    pub(crate) const ALL: Needed = Needed { redis: true, postgres: true };

    /// By the packages that the arguments of cargo name.
    pub(crate) fn by(arguments: &[OsString]) -> Needed {
        let named = |name: &str| arguments.iter().any(|argument| argument.to_string_lossy().ends_with(name));
        let all = OF_ALL.iter().any(|name| named(name));
        Needed { redis: all || named("cloakroom-redis"), postgres: all || named("cloakroom-postgres") }
    }
}

/// Those that run. Dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    mongod: Mongod,
    redis: Option<Redis>,
    postgres: Option<Postgres>,
}

impl Servers {
    /// Starts what is needed; what is not there is installed, or downloaded, where that is allowed.
    pub(crate) async fn start(workspace: &Workspace, needed: Needed) -> Result<Servers> {
        let mongod = Mongod::start(workspace).await?;
        say(&format!("{} is at {}", mongod.title(), mongod.uri()));
        let mut servers = Servers { mongod, redis: None, postgres: None };
        if needed.redis {
            let redis = servers.redis.insert(Redis::start(workspace).await?);
            say(&format!("{} is at {}", redis.title(), redis.uri()));
        }
        if needed.postgres {
            let postgres = servers.postgres.insert(Postgres::start(workspace).await?);
            say(&format!("{} is at {}", postgres.title(), postgres.uri()));
        }
        Ok(servers)
    }

    /// What the tests are told of them.
    pub(crate) fn env(&self) -> Vec<(&'static str, OsString)> {
        let mut env = self.mongod.env().to_vec();
        env.extend(self.redis.iter().flat_map(Redis::env));
        env.extend(self.postgres.iter().flat_map(Postgres::env));
        env
    }

    /// How one of them ended, although nothing has stopped it.
    pub(crate) fn lost(&mut self) -> Option<Error> {
        let redis = self.redis.as_mut().map(Redis::server);
        let postgres = self.postgres.as_mut().map(Postgres::server);
        [Some(self.mongod.server()), redis, postgres].into_iter().flatten().find_map(|server| server.lost())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_tested_has_its_servers() {
        let needed = |line: &str| Needed::by(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(needed("-p cloakroom-redis --lib"), Needed { redis: true, postgres: false });
        assert_eq!(needed("--package=cloakroom-postgres"), Needed { redis: false, postgres: true });
        assert_eq!(needed("-p cloakroom"), Needed { redis: false, postgres: false });
        assert_eq!(needed("-p cloakroom-torture"), Needed::ALL);
        assert_eq!(needed("-p cloakroom-cli --test cli"), Needed::ALL);
    }
}
