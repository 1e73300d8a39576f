//! The commands, one a file.

pub(crate) mod list;
pub(crate) mod purge;
pub(crate) mod revoke;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod watch;

pub(crate) mod keys;
pub(crate) mod ticket;

pub(crate) mod backup;
mod backup_file;
pub(crate) mod migrate;
pub(crate) mod restore;

pub(crate) mod completions;
