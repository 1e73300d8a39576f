//! The command as operators see it: the real binary, against real stores.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod command;
mod places;
mod seed;

mod backup;
mod doctor;
mod keys;
mod migrate;
mod secrets;
mod sessions;
mod web;
