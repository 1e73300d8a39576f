//! Tests over stores of several kinds, and looks at what they are given.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod scratch;

mod conformance;

mod bound;
mod rings;
mod steps;
mod stored;
