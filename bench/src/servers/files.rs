//! Open files.

use anyhow::Result;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Lets this process, and the servers that it starts, have as many open files as the system allows. Often it is no more than
/// 1,024 unless somebody asks.
///
/// # Errors
///
/// If the system refuses.
pub fn allow_many_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
