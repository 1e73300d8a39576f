//! Random concurrent histories, run through the real middleware and checked against a sequential model.

mod command;

pub use command::Command;
