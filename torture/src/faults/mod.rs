//! Fault runs: a real server fails under load, and each answer is held against what is stored in the end.
//!
//! Each [`Fault`] starts servers of its own, lets clients send requests through the real middleware at its default settings,
//! makes something fail, and waits until it is over. What has to hold, and what a [`Report`] names where it does not:
//!
//! - What was acknowledged is stored, as far as the server promises that. A counter holds what was acknowledged, and at most what is unknown (503) on top.
//! - A read shows all that was acknowledged before it was sent; a session is never empty because a store failed.
//! - A session that was ended stays so.
//! - Each answer comes within 2.5 s, and the first good one within 1 s after the server accepts writes again.
//! - An answer of 503 or 409 sets no cookie.
//! - A request that does not touch its session is answered at once, whatever the database does.

mod command;
mod fault;

mod clock;
mod failover;
mod hang_up;
mod network;
mod processes;

mod app;
mod application;
mod browser;
mod gate;
mod http;
mod lasting;
mod ledger;
mod load;
mod report;

mod store;

mod mongod;
mod postgres;
mod redis;
mod replica_set;

mod family;
mod folder;
mod proxy;
mod server;

pub use self::postgres::{POSTGRES_PROGRAMS, Postgres};
pub use self::redis::{REDIS_SERVER, Redis};
pub use application::Serve;
pub use command::Command;
pub use fault::Fault;
pub use ledger::{ANSWER_WITHIN, UNTOUCHED_WITHIN};
pub use load::Scale;
pub use mongod::{MONGOD, Mongod};
pub use proxy::{Mode, Proxy};
pub use replica_set::ReplicaSet;
pub use report::{HEARD_WITHIN, RECOVERED_WITHIN, Report};
pub use server::{Program, Server};
pub use store::Store;
