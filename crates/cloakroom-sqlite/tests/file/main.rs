//! Tests on files of their own, among the temporary files.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod scratch;

mod conformance;

mod contract;
mod directory;
mod faults;
mod group;
mod killed;
mod opening;
mod processes;
mod rows;
mod space;
