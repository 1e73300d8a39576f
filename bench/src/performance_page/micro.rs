//! What criterion has left.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use cloakroom_bench::figures::{Section, Table, thousands};
use serde_json::Value;

/// The medians of the benchmarks in criterion's folder.
pub(crate) fn section(folder: &Path) -> Result<Section> {
    let text = "The same requests with criterion, which measures one after the other: `cargo bench -p cloakroom-bench --bench \
                middleware`. Good for a comparison with an earlier run of the same line, and less good for one between lines."
        .to_owned();
    let mut section = Section::new("Calls in process, by criterion", text);
    let mut table = Table::new("", &["", "median, ns", "95 % confidence"]);
    let mut rows = Vec::new();
    collect(folder, &mut rows)?;
    rows.sort();
    table.rows = rows;
    section.tables.push(table);
    Ok(section)
}

/// The folders are as deep as the names of groups and benchmarks need.
fn collect(folder: &Path, rows: &mut Vec<Vec<String>>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == "new") {
            rows.push(row(&path)?);
        } else if path.is_dir() {
            collect(&path, rows)?;
        }
    }
    Ok(())
}

fn row(folder: &Path) -> Result<Vec<String>> {
    let read = |name: &str| -> Result<Value> {
        let file = folder.join(name);
        let text = fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let (benchmark, estimates) = (read("benchmark.json")?, read("estimates.json")?);
    let number = |value: &Value| value.as_f64().map(thousands).context("estimates.json has no numbers");
    let median = &estimates["median"];
    let range = &median["confidence_interval"];
    let name = benchmark["function_id"].as_str().context("benchmark.json has no name")?;
    let (lowest, highest) = (number(&range["lower_bound"])?, number(&range["upper_bound"])?);
    Ok(vec![name.to_owned(), number(&median["point_estimate"])?, format!("{lowest}–{highest}")])
}
