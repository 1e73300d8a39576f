//! Moving from one store to another: the contract holds in every state of a move, and in every order of who moves, ends and writes.
#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "moving/bringing.rs"]
mod bringing;
#[path = "moving/conformance.rs"]
mod conformance;
#[path = "moving/directory.rs"]
mod directory;
#[path = "moving/failures.rs"]
mod failures;
#[path = "moving/orders.rs"]
mod orders;
#[path = "moving/steps.rs"]
mod steps;
#[path = "moving/support.rs"]
mod support;
