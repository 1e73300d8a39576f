//! What can be asked.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::failure::Exit;

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 asked wrongly, 3 nothing found, 4 something is wrong (doctor, keys verify, ticket verify), \
5 not confirmed.

Secrets come from CLOAKROOM_SECRET (several with commas in between, the newest first) or --key-file (one a line), never from \
the arguments. No command prints a session id or a secret.";

/// Looks at the sessions of a store, ends, moves and backs them up, and examines stores and web applications.
#[derive(Debug, Parser)]
#[command(name = "cloakroom", version, about, after_help = AFTER, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all commands understand.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The store: sqlite:PATH, mongodb://…, redis://… or postgres://…
    #[arg(long, global = true, env = "CLOAKROOM_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// JSON for machines, one value a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Does not ask before something ends
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Says what would be done, and changes nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Waits so many seconds for the answer to a call of the store
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) patience: u64,
    /// A file of secrets, one a line, the newest first; it must be its owner's alone
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists sessions
    List(List),
    /// Shows one session
    Show(Show),
    /// Lists a user's sessions
    User(User),
    /// Ends sessions
    Revoke(Revoke),
    /// Removes what is over
    Purge(Purge),
    /// Counts the sessions
    Stats,
    /// Shows which sessions begin and end, by looking again and again
    Watch(Watch),
    /// Examines a store, or a running web application from outside
    Doctor(Doctor),
    /// Makes, changes and checks a key file
    Keys(Keys),
    /// Signs tickets, and tells what one is
    Ticket(Ticket),
    /// Moves all sessions to another store, while both are in use
    Migrate(Migrate),
    /// Writes all sessions into a file
    Backup(Backup),
    /// Puts the sessions of a file back, where they are missing
    Restore(Restore),
    /// Prints completions for a shell
    Completions { shell: Shell },
    /// Prints the manual page
    Man {
        /// Writes a page for each command into this folder
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 50)]
    pub(crate) limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Begins behind this handle
    #[arg(long, value_name = "HANDLE")]
    pub(crate) after: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The session's public name, as `list` tells it
    pub(crate) handle: String,
    /// Also which keys it holds, and how large: this goes through all records
    #[arg(long)]
    pub(crate) data: bool,
}

#[derive(Debug, Args)]
pub(crate) struct User {
    /// Whose sessions
    pub(crate) user: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false, id = "which")]
pub(crate) struct Which {
    /// The one of this handle
    pub(crate) handle: Option<String>,
    /// All of a user's
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// All of these
    #[arg(long, value_name = "WHOM")]
    pub(crate) all_of: Option<Whom>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Whom {
    /// Everybody who is logged in
    Users,
    /// Everybody who is not
    Anonymous,
    /// Both
    Everybody,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// At most so many
    #[arg(long, short = 'n')]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Looks every so many seconds
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    pub(crate) every: u64,
    /// Ends after so many looks
    #[arg(long, value_name = "NUMBER")]
    pub(crate) looks: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// http://… or https://… of a page that begins a session; without it, the store is examined
    #[arg(value_name = "URL")]
    pub(crate) page: Option<String>,
    /// The name of the session cookie, where it is not found by itself
    #[arg(long, value_name = "NAME")]
    pub(crate) cookie: Option<String>,
    /// How to log in: 'POST /login user=ada&password=…'; a body of @FILE is read from there
    #[arg(long, value_name = "REQUEST")]
    pub(crate) login: Option<String>,
    /// How to log out: 'POST /logout'
    #[arg(long, value_name = "REQUEST")]
    pub(crate) logout: Option<String>,
    /// A page that differs for whom is logged in: 'GET /account'; otherwise the first one
    #[arg(long, value_name = "REQUEST")]
    pub(crate) private: Option<String>,
    /// So many sessions are begun to look at their ids
    #[arg(long, default_value_t = 8)]
    pub(crate) samples: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    pub(crate) task: KeysTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysTask {
    /// Makes the key file, with a new random secret
    Generate,
    /// Puts a new secret in front; the others verify what they have signed
    Rotate {
        /// Keeps so many secrets, the new one among them
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
        keep: Option<u64>,
    },
    /// Tells how many secrets there are, and whether they are good
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct Ticket {
    #[command(subcommand)]
    pub(crate) task: TicketTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TicketTask {
    /// Signs a session id from standard input, and writes the ticket into a new file
    Sign {
        /// The file, which must not be there
        #[arg(long, value_name = "PATH")]
        to: PathBuf,
    },
    /// Verifies the ticket on standard input; with a store, also whether its session lives
    Verify,
    /// Tells what the ticket on standard input is made of
    Explain,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The old store
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// The new store
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// So many sessions at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file, which must not be there
    pub(crate) file: PathBuf,
    /// Writes session ids down, where the store keeps them: who has the file then has the sessions
    #[arg(long)]
    pub(crate) with_ids: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A file of `backup`
    pub(crate) file: PathBuf,
    /// So many sessions at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
}

/// What clap has to say instead.
#[derive(Debug)]
pub(crate) struct Refused {
    error: clap::Error,
    given: Vec<String>,
}

/// Reads the arguments.
pub(crate) fn read(given: impl IntoIterator<Item = OsString>) -> Result<Arguments, Refused> {
    let given: Vec<OsString> = given.into_iter().collect();
    Arguments::try_parse_from(&given).map_err(|error| Refused {
        error,
        given: given.iter().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect(),
    })
}

impl Refused {
    pub(crate) fn show(&self) -> ExitCode {
        match self.error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                // Who does not listen any more has no use for it.
                self.error.print().ok();
                Exit::Done.into()
            }
            _ => {
                let text = without_given(&self.error.render().to_string(), &self.given);
                writeln!(std::io::stderr(), "{}", crate::output::printable(text.trim_end())).ok();
                Exit::Usage.into()
            }
        }
    }
}

/// The text without what may be a URL with a password, an id or a secret that was put in the wrong place.
fn without_given(text: &str, given: &[String]) -> String {
    let values = given.iter().flat_map(|argument| {
        let value = argument.strip_prefix("--").and_then(|option| option.split_once('=')).map(|(_, value)| value);
        value.or_else(|| (!argument.starts_with("--")).then_some(argument.as_str()))
    });
    let long = |value: &&str| value.chars().count() >= 12 || value.contains(':');
    values.filter(long).fold(text.to_owned(), |text, value| text.replace(value, "…"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_refused_is_not_quoted() {
        for line in [
            "list mongodb://u:hunter2@h",
            "watch --every=mongodb://u:hunter2@h",
            "ticket verify s%3Ahunter2hunter2.sig",
        ] {
            let given = std::iter::once("cloakroom").chain(line.split(' ')).map(OsString::from);
            let refused = read(given).unwrap_err();
            let text = without_given(&refused.error.render().to_string(), &refused.given);
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
