//! The cookie adapter: one JSON request a line on standard input, one answer a line on standard output.

use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().split(b'\n') {
        // Not `lines()`: one that is not UTF-8 gets its answer too.
        writeln!(out, "{}", cloakroom_bench::adapter::answer(&line?))?;
        out.flush()?;
    }
    Ok(())
}
