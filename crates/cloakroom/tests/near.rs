//! The near cache over the memory store: what it may serve, and what it never may.
#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "support/mod.rs"]
mod site;
#[path = "near/support.rs"]
mod support;

#[path = "near/conformance.rs"]
mod conformance;
#[path = "near/directory.rs"]
mod directory;
#[path = "near/reads.rs"]
mod reads;
#[path = "near/requests.rs"]
mod requests;
#[path = "near/stalls.rs"]
mod stalls;
