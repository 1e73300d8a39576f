//! What the tests of this package share: servers as processes of their own, and a real browser.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

pub mod chromium;
pub mod http;
pub mod process;
