//! `docs/security.md` names a test for what it claims; each of them exists.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn document() -> String {
    std::fs::read_to_string(docs().join("security.md")).unwrap()
}

/// The links to tests, each as the test's name and the label of its file.
fn links(text: &str) -> Vec<(&str, &str)> {
    let named = text.split("[`").skip(1).filter_map(|rest| rest.split_once('`'));
    named.filter_map(|(name, rest)| Some((name, rest.strip_prefix("][")?.split_once(']')?.0))).collect()
}

/// Whether a file has a test of this name.
fn has_test(code: &str, name: &str) -> bool {
    let lines: Vec<_> = code.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").and_then(|rest| rest.split_once('(')).is_some_and(|(found, _)| found == name)
    };
    let is_marked = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    lines.windows(2).any(|pair| is_marked(pair[0]) && is_it(pair[1]))
}

#[test]
fn each_test_that_the_document_names_exists() {
    let text = document();
    let files: BTreeMap<_, _> = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect();
    let links = links(&text);
    assert!(links.len() > 80, "the document is read: {}", links.len());
    for (name, label) in &links {
        let path = files.get(label).unwrap_or_else(|| panic!("{name} is in no file: {label}"));
        let code = std::fs::read_to_string(docs().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(has_test(&code, name), "{path} has no test {name}");
    }
    for label in files.keys() {
        assert!(links.iter().any(|(_, each)| each == label), "nothing is named in {label}");
    }
}

#[test]
fn each_row_tells_what_shows_it() {
    let text = document();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ") && !line.ends_with("shown by |")).collect();
    assert!(rows.len() > 60, "the document is read: {}", rows.len());
    for row in rows {
        let last = row.trim_end_matches('|').rsplit_once('|').unwrap().1.trim();
        assert!(last == "–" || last.starts_with("[`"), "{row}");
    }
}
