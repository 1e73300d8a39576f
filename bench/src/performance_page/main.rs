//! Writes the page of figures: `performance-page FIGURES DOCS`.
//!
//! Takes the parts that lie in the folder `FIGURES`, as `cargo xtask bench` has left them there, and writes
//! `DOCS/performance.md` with its plots in `DOCS/images`.

mod markdown;
mod micro;
mod svg;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cloakroom_bench::figures::Part;

/// The parts in the order of the page.
const PARTS: [&str; 4] = ["http", "micro", "scale", "stores"];

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: performance-page FIGURES DOCS";
    let (figures, docs) = (arguments.next().context(usage)?, arguments.next().context(usage)?);
    let mut parts = Vec::new();
    for name in PARTS {
        let file = figures.join(name).with_extension("json");
        if file.is_file() {
            let mut part = Part::read(&file)?;
            if name == "micro" {
                part.sections.push(micro::section(&figures.join("criterion"))?);
            }
            parts.push((name, part));
        }
    }
    let images = docs.join("images");
    fs::create_dir_all(&images).with_context(|| format!("{} can't be made", images.display()))?;
    for plot in parts.iter().flat_map(|(_, part)| &part.sections).flat_map(|section| &section.plots) {
        write(&images.join(&plot.file).with_extension("svg"), &svg::draw(plot))?;
    }
    write(&docs.join("performance.md"), &markdown::page(&parts))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("{} can't be written", file.display()))
}
