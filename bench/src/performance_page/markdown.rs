//! The page as Markdown.

use cloakroom_bench::figures::{Made, Part, Section, Table};

const HEAD: &str = "\
<!-- Written by `cargo xtask bench`: change what measures, not this page. -->

# Performance

What Cloakroom costs, beside others, on one machine and in one run: `cargo xtask bench` measures all of it and writes this page
anew. Figures of another machine differ; what tells something is the relation of figures that stand in one table. The servers
that are compared are in `bench/peers` and `bench/src`, and what they are sent is in `bench/src/measure.rs`.
";

/// The page of these parts, in this order.
pub(crate) fn page(parts: &[(&str, Part)]) -> String {
    let mut page = String::from(HEAD);
    let mut before: Option<&Made> = None;
    for (name, part) in parts {
        if before.is_none_or(|before| !is_same(before, &part.made)) {
            page += &made(&part.made);
        }
        before = Some(&part.made);
        let minutes = part.made.seconds as f64 / 60.0;
        page += &format!("\nThe part `{name}` (`cargo xtask bench {name}`) took {minutes:.1} minutes.\n");
        for section in &part.sections {
            page += &self::section(section);
        }
    }
    page
}

/// Whether both were made of the same, at the same place and on the same day.
fn is_same(one: &Made, other: &Made) -> bool {
    let what = |made: &Made| {
        (
            made.date.clone(),
            made.commit.clone(),
            made.quick,
            made.machine.clone(),
            made.kernel.clone(),
            made.versions.clone(),
        )
    };
    what(one) == what(other)
}

fn made(made: &Made) -> String {
    let mut text = String::new();
    if made.quick {
        text +=
            "\n**Measured in the short form, which shows that all of it works: these figures are worth nothing.**\n";
    }
    let versions: Vec<String> = made.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let rows = [
        ("Date", made.date.clone()),
        ("Commit", made.commit.clone()),
        ("Machine", made.machine.clone()),
        ("Kernel", format!("Linux {}", made.kernel)),
        ("Versions", versions.join(", ")),
    ];
    let rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    text + "\n" + &table(&Table { title: String::new(), columns: vec![String::new(); 2], rows }, "|---|---|")
}

fn section(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n{}\n", section.title, section.text);
    for plot in &section.plots {
        text += &format!("\n![{}](images/{}.svg)\n", plot.title, plot.file);
    }
    for figures in &section.tables {
        text += "\n";
        if !figures.title.is_empty() {
            text += &format!("### {}: {}\n\n", section.title, figures.title);
        }
        text += &table(figures, &format!("|---|{}", "---:|".repeat(figures.columns.len().saturating_sub(1))));
    }
    text
}

fn table(table: &Table, rule: &str) -> String {
    let row = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rows: String = table.rows.iter().map(row).collect();
    format!("{}{rule}\n{rows}", row(&table.columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_becomes_a_page() {
        let mut figures = Table::new("read", &["", "CPU, µs"]);
        figures.rows.push(vec!["Cloakroom".to_owned(), "1.5".to_owned()]);
        let mut costs = Section::new("Costs", "How.".to_owned());
        costs.tables.push(figures);
        let part = Part { made: Made::now(true).ended(), sections: vec![costs] };
        let text = page(&[("http", part)]);
        assert!(
            text.contains("## Costs\n\nHow.\n\n### Costs: read\n\n|  | CPU, µs |\n|---|---:|\n| Cloakroom | 1.5 |\n"),
            "{text}"
        );
        assert!(text.contains("worth nothing") && text.contains("tower-sessions 0.15"), "{text}");
    }
}
