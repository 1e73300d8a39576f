//! Tests against a real MongoDB: `cargo xtask test` starts one and names it in `CLOAKROOM_TEST_MONGODB`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod scratch;

mod conformance;

mod commands;
mod contract;
mod directory;
mod documents;
mod durability;
mod express;
mod feed;
mod indexes;
mod outage;
