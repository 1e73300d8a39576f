//! The proof of Cloakroom's promises, beyond what a test of one behaviour can show.
//!
//! `cargo xtask test` runs the short forms of it, `cargo xtask torture` the long ones.

pub mod history;

pub mod faults;

pub mod revocation;
