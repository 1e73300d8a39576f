//! That the document tells of each event.

/// The names, as the code has them.
fn names() -> Vec<&'static str> {
    let code = include_str!("event.rs");
    let names = code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Event::")?.split_once(" => \"")?.1.strip_suffix("\","));
    names.collect()
}

#[test]
fn each_event_is_in_the_document_and_has_a_name_of_its_own() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let document = std::fs::read_to_string(path).unwrap();
    let names = names();
    assert!(names.len() > 20, "the code is read: {names:?}");
    for name in &names {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        assert!(document.contains(&format!("| `{name}`")), "{name} has no row");
    }
}
