//! Figures, as the programs that measure hand them to the page that shows them (`docs/performance.md`).
//!
//! A program measures one part, is called as `PROGRAM --out FILE [--quick]`, and writes the part as JSON to the file.

mod arguments;
mod made;
mod numbers;
mod rounds;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

pub use self::arguments::Arguments;
pub use self::made::Made;
pub use self::numbers::{microseconds, thousands};
pub use self::rounds::Rounds;

/// What one program has measured.
#[derive(Debug, Deserialize, Serialize)]
pub struct Part {
    /// When, where and from what.
    pub made: Made,
    /// The sections of the page, in their order.
    pub sections: Vec<Section>,
}

/// A section of the page.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// How the figures were made and what they mean, as Markdown.
    pub text: String,
    /// Plots, before the tables.
    #[serde(default)]
    pub plots: Vec<Plot>,
    /// The figures.
    #[serde(default)]
    pub tables: Vec<Table>,
}

/// A table. The first column is text, the others are figures.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Table {
    /// A heading of its own; empty for none.
    pub title: String,
    /// The heads of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<String>>,
}

/// A plot, which becomes an SVG file.
#[derive(Debug, Deserialize, Serialize)]
pub struct Plot {
    /// The file's name without its ending: `http-memory`.
    pub file: String,
    /// What it shows, with the unit.
    pub title: String,
    /// The figures.
    pub shape: Shape,
}

/// The figures of a plot.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Bars, in groups.
    Bars(Vec<Group>),
    /// Lines over a logarithmic axis, with a logarithmic one upwards.
    Lines {
        /// What the axis is.
        axis: String,
        /// The lines.
        lines: Vec<Line>,
    },
}

/// Bars that stand together.
#[derive(Debug, Deserialize, Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// Each with its name.
    pub bars: Vec<(String, f64)>,
}

/// A line.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    /// Whose it is.
    pub name: String,
    /// Its points; both numbers above zero.
    pub points: Vec<(f64, f64)>,
}

impl Section {
    /// A section that has nothing yet.
    pub fn new(title: &str, text: String) -> Section {
        Section { title: title.to_owned(), text, ..Section::default() }
    }
}

impl Table {
    /// A table that has no rows yet.
    pub fn new(title: &str, columns: &[&str]) -> Table {
        let columns = columns.iter().copied().map(str::to_owned).collect();
        Table { title: title.to_owned(), columns, rows: Vec::new() }
    }
}

impl Table {
    /// Takes the columns that it lacks from an earlier table, for the rows that both have.
    pub fn complete_from(&mut self, earlier: &Table) {
        let fresh = std::mem::take(&mut self.columns);
        self.columns.clone_from(&earlier.columns);
        self.columns.extend(fresh.iter().filter(|column| !earlier.columns.contains(column)).cloned());
        for row in &mut self.rows {
            let known = earlier.rows.iter().find(|known| known.first() == row.first());
            let cell = |column: &String| {
                let place = |columns: &[String]| columns.iter().position(|each| each == column);
                let ours = place(&fresh).and_then(|at| row.get(at));
                ours.or_else(|| known?.get(place(&earlier.columns)?)).cloned().unwrap_or_default()
            };
            *row = self.columns.iter().map(cell).collect();
        }
    }
}

impl Part {
    /// Writes it for the page.
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("{} can't be written", file.display()))
    }

    /// Reads what a program has written.
    ///
    /// # Errors
    ///
    /// If the file can't be read or is something else.
    pub fn read(file: &Path) -> Result<Part> {
        let text = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not understood", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_what_it_lacks_from_an_earlier_one() {
        let table = |columns: &[&str], rows: &[&[&str]]| {
            let rows = rows.iter().map(|row| row.iter().copied().map(str::to_owned).collect()).collect();
            Table { rows, ..Table::new("t", columns) }
        };
        let earlier = table(&["", "a", "b"], &[&["read", "1", "2"], &["set", "3", "4"]]);
        let mut later = table(&["", "b", "c"], &[&["read", "20", "30"], &["add", "40", "50"]]);
        later.complete_from(&earlier);
        assert_eq!(later.columns, ["", "a", "b", "c"]);
        assert_eq!(later.rows, [["read", "1", "20", "30"], ["add", "", "40", "50"]]);
    }
}
