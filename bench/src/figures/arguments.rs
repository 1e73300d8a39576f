//! How a program that measures is called.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// What a program that measures is told: `--out FILE [--quick]`.
#[derive(Debug, PartialEq)]
pub struct Arguments {
    /// Where its figures go.
    pub out: PathBuf,
    /// Whether it is to be over soon, at the cost of what the figures are worth.
    pub quick: bool,
}

impl Arguments {
    /// Those of this process. `cargo bench` adds `--bench`, which means nothing here.
    ///
    /// # Errors
    ///
    /// If there are others, or no file.
    pub fn read() -> Result<Arguments> {
        Arguments::from(std::env::args_os().skip(1))
    }

    fn from(given: impl IntoIterator<Item = OsString>) -> Result<Arguments> {
        let (mut out, mut quick) = (None, false);
        let mut given = given.into_iter();
        while let Some(argument) = given.next() {
            match argument.to_str() {
                Some("--out") => out = Some(PathBuf::from(given.next().context("--out needs a file")?)),
                Some("--quick") => quick = true,
                Some("--bench") => {}
                _ => bail!("{} is not understood; there are --out FILE and --quick", argument.to_string_lossy()),
            }
        }
        Ok(Arguments { out: out.context("--out FILE is missing")?, quick })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_needed_and_nothing_else() {
        let read = |line: &str| Arguments::from(line.split_whitespace().map(OsString::from));
        assert_eq!(read("--out f").unwrap(), Arguments { out: "f".into(), quick: false });
        assert_eq!(read("--quick --out f --bench").unwrap(), Arguments { out: "f".into(), quick: true });
        for line in ["", "--quick", "--out", "--out f --slow"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
