//! Random concurrent histories, run through the real middleware and checked against a sequential model.
//!
//! The way of a history: a seed is drawn into a [`plan`]; [`run`] carries it out, with simulated clients whose requests go
//! through a [`SessionLayer`](cloakroom::SessionLayer) to a store, and writes down what was seen from the outside
//! ([`record`]); from that come the operations on each session ([`operation`]), and the [`search`] for an order of them that
//! the sequential [`model`] allows. If there is none, the plan is cut down ([`shrink`]) and what is left of the history is
//! told with its seed ([`print`]).
//!
//! # What is checked
//!
//! Each session must be linearizable, with all its keys together: there is an order of its operations that agrees with real
//! time, and in which each answer is right. An operation is what the store is asked in one step:
//!
//! - a *load*, which a read sees the snapshot of;
//! - a *write*, at commit or at once, with all that was pending. A 200 is a write that took place, a 409 one that did not,
//!   and a 503, or a client that hung up, one that may have taken place at any time after it began;
//! - a *rotation*, which ends an id and begins another in the same step; a *log-out*; a *revocation*, which is one step for
//!   each session that it is about, and not one for all of them.
//!
//! Where servers keep copies ([`nodes`]), a load is as right if it shows what was true a bound ago; but not if its own server has
//! seen or done something later of that session. In the order of operations it may be so much earlier, and that is all.
//!
//! Texts are unique in a history, so that it is known who wrote what was read. At the end, when nobody else does anything,
//! each ticket that there ever was is tried once more. What a violation is called ([`violation`]) is how it shows first.
//!
//! # Who has the next turn
//!
//! On a store in memory, a seed decides it: all clients run on one thread, the store lets others have their turn before
//! and after each call ([`jitter`]), the executor draws who that is, and the clock stands still until it is told
//! otherwise. So a seed is the same history each time. What it does not decide is the ids, on which only the memory store's
//! own order of collecting garbage depends. On a server it is real time that decides, and the seed stands for the plan only.

pub mod check;
mod command;
mod executor;
pub mod jitter;
mod lag;
pub mod model;
mod moving;
mod near;
pub mod nodes;
pub mod operation;
pub mod plan;
mod print;
pub mod record;
pub mod rng;
pub mod run;
pub mod search;
mod service;
pub mod shrink;
pub mod stores;
pub mod torment;
pub mod violation;

pub use command::Command;
