//! `cloakroom`, the operators' command: looks at the sessions of a store, ends, moves and backs them up, and examines
//! stores and web applications.

mod arguments;
mod run;

mod commands;
mod doctor;

mod find;
mod patience;
mod progress;
mod store;
mod threads;
mod walk;

mod key_file;
mod secrets;

mod confirm;
mod failure;
mod json;
mod output;
mod times;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(refused) => return refused.show(),
    };
    let outcome = run::run(&arguments);
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => failure.show(),
    }
}
