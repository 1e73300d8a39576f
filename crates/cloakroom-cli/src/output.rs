//! What people and machines are told: tables, and JSON.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// Where to write, and for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// A line on standard output.
    pub(crate) fn line(self, line: impl AsRef<str>) -> Outcome<()> {
        write(&printable(line.as_ref()))
    }

    /// One value on a line of its own: what a machine reads.
    pub(crate) fn value(self, value: &impl Serialize) -> Outcome<()> {
        write(&json(value)?)
    }

    /// The one for people, the other for machines.
    pub(crate) fn either(self, line: impl AsRef<str>, value: &impl Serialize) -> Outcome<()> {
        if self.json { self.value(value) } else { self.line(line) }
    }

    /// For people, on standard error: what is no answer.
    pub(crate) fn note(self, line: impl AsRef<str>) {
        // Where standard error is gone, nobody can be told.
        writeln!(io::stderr(), "{}", printable(line.as_ref())).ok();
    }

    /// Whether people look at what goes on.
    pub(crate) fn is_watched(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

/// Rows under a head, each column as wide as it has to be. All of it is written at once: there may be very many.
pub(crate) fn table(output: Output, head: &[&str], rows: &[Vec<String>]) -> Outcome<()> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell).into_owned()).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let rows = rows.iter().map(|row| aligned(row.iter().map(String::as_str), &widths));
    let lines: Vec<String> = std::iter::once(aligned(head.iter().copied(), &widths)).chain(rows).collect();
    output.line(lines.join("\n"))
}

fn aligned<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let padded: Vec<String> = cells.zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

/// A text without what a terminal would obey: users and user agents choose some of them.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_obeyed = |letter: char| letter != '\n' && (letter.is_control() || turns(letter));
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let shown = |letter: char| match letter {
        '\n' => "\n".to_owned(),
        letter if turns(letter) => letter.escape_unicode().to_string(),
        letter if letter.is_control() => letter.escape_default().to_string(),
        letter => letter.to_string(),
    };
    text.chars().map(shown).collect()
}

/// What turns the direction of writing makes a text look like another.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn json(value: &impl Serialize) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Failure::because("the answer is no JSON", error))
}

fn write(line: &str) -> Outcome<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Who has read enough, as `head` does, has closed the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nobody_elses_text() {
        assert_eq!(printable("ada\u{1b}[2J\r\u{7}é"), "ada\\u{1b}[2J\\r\\u{7}é");
        assert_eq!(printable("\u{202e}nimda"), "\\u{202e}nimda");
    }
}
