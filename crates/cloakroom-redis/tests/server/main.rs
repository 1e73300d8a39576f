//! Tests against a real Redis or Valkey, which `CLOAKROOM_TEST_REDIS` names as `redis://…`. What needs a cluster, or a server that
//! can be killed, starts its own: the `redis-server` of the path, or the one that `CLOAKROOM_REDIS_SERVER` names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod process;
mod scratch;

mod conformance;

mod cluster;
mod commands;
mod contract;
mod directory;
mod durability;
mod express;
mod feed;
mod outage;
