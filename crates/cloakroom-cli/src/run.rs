//! Which command it is.

use crate::arguments::{Arguments, Command};
use crate::commands::{backup, completions, keys, list, migrate, purge, restore, revoke, show, stats, ticket, watch};
use crate::doctor;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    let runtime = runtime.map_err(|error| Failure::because("no threads could be started", error))?;
    let outcome = runtime.block_on(carry_out(arguments));
    // Not dropped: at the end of a runtime MongoDB's driver panics if a connection was about to be made.
    std::mem::forget(runtime);
    outcome
}

async fn carry_out(arguments: &Arguments) -> Outcome {
    let common = &arguments.common;
    let output = Output { json: common.json };
    match &arguments.command {
        Command::List(task) => list::list(common, output, task).await,
        Command::Show(task) => show::show(common, output, task).await,
        Command::User(task) => list::user(common, output, task).await,
        Command::Revoke(task) => revoke::revoke(common, output, &task.which).await,
        Command::Purge(task) => purge::purge(common, output, task).await,
        Command::Stats => stats::stats(common, output).await,
        Command::Watch(task) => watch::watch(common, output, task).await,
        Command::Doctor(task) => doctor::doctor(common, output, task).await,
        Command::Keys(keys) => keys::keys(common, output, &keys.task),
        Command::Ticket(ticket) => ticket::ticket(common, output, &ticket.task).await,
        Command::Migrate(task) => migrate::migrate(common, output, task).await,
        Command::Backup(task) => backup::backup(common, output, task).await,
        Command::Restore(task) => restore::restore(common, output, task).await,
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man { to } => completions::man(to.as_deref()),
    }
}
