//! `completions` and `man`.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::{Exit, Failure, Outcome};

pub(crate) fn completions(shell: Shell) -> Outcome {
    clap_complete::generate(shell, &mut Arguments::command(), "cloakroom", &mut io::stdout());
    Ok(Exit::Done)
}

pub(crate) fn man(to: Option<&Path>) -> Outcome {
    let failed = |error| Failure::because("the manual page", error);
    match to {
        Some(folder) => clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?,
        None => clap_mangen::Man::new(Arguments::command()).render(&mut io::stdout()).map_err(failed)?,
    }
    Ok(Exit::Done)
}
