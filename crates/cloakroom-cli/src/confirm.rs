//! The question before something ends.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};

/// Asks, unless `--yes` has answered. Without a terminal nobody can, and that is a no.
pub(crate) fn confirm(common: &Common, question: &str) -> Outcome<()> {
    if common.yes {
        return Ok(());
    }
    let input = io::stdin();
    if !input.is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::unconfirmed(format!("{question} There is no terminal to ask on: say --yes")));
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{} [y/N] ", crate::output::printable(question))?;
    terminal.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::unconfirmed("nothing was done")) }
}
