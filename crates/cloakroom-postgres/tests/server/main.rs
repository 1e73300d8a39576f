//! Tests against a real PostgreSQL, which `CLOAKROOM_TEST_POSTGRES` names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod scratch;

mod conformance;

mod contract;
mod directory;
mod express;
mod feed;
mod outage;
mod proxy;
mod rows;
mod setup;
mod statements;
