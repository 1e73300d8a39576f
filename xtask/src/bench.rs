//! The comparison with other session layers, and the page that tells of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::interop;
use crate::servers::Needed;
use crate::system::{self, say};
use crate::workspace::{Workspace, cargo};

const PACKAGE: &str = "cloakroom-bench";

/// One part of the comparison. It leaves its figures in a file of its name.
struct Part {
    name: &'static str,
    run: Run,
    /// The servers that it needs beside those that it starts itself.
    servers: Option<Needed>,
}

enum Run {
    /// A program of the package, which is told `--out FILE` and, for the short form, `--quick`.
    Program(&'static str),
    /// The benchmarks in one process: the one that compares is told the same; the other is criterion's.
    Benchmarks,
}

/// All of them, in the order in which they run. The page has a list of its own (`bench/src/performance_page`).
const PARTS: &[Part] = &[
    Part { name: "http", run: Run::Program("http-figures"), servers: Some(MONGODB) },
    Part { name: "micro", run: Run::Benchmarks, servers: None },
    Part { name: "scale", run: Run::Program("scale-figures"), servers: Some(MONGODB) },
    Part { name: "stores", run: Run::Program("store-figures"), servers: Some(Needed::ALL) },
];

const MONGODB: Needed = Needed { redis: false, postgres: false };

/// What is to be done, once all is built.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) servers: Option<Needed>,
    pub(crate) commands: Vec<Command>,
}

/// Builds and installs what the parts that are named need, all if none is named, and says what to run.
///
/// The short form leaves its page in the target directory: it shows that all works, and its figures are worth nothing.
pub(crate) async fn prepare(
    workspace: &Workspace,
    quick: bool,
    out: Option<PathBuf>,
    named: &[String],
) -> Result<Comparison> {
    let parts = choose(named)?;
    let home = workspace.target_directory().join("bench");
    let figures = home.join(if quick { "quick" } else { "figures" });
    fs::create_dir_all(&figures).with_context(|| format!("{} can't be made", figures.display()))?;
    let docs = out.unwrap_or_else(|| if quick { figures.join("docs") } else { workspace.root().join("docs") });

    build(&[], |command| command.args(["--package", PACKAGE, "--bins"])).await?;
    let peers = home.join("peers");
    if parts.iter().any(|part| matches!(part.run, Run::Program(_))) {
        interop::node(workspace, &workspace.root().join("bench").join("peers").join("express")).await?;
        let manifest = workspace.root().join("bench").join("peers").join("Cargo.toml");
        let target = [("CARGO_TARGET_DIR", peers.as_path())];
        build(&target, |command| command.arg("--manifest-path").arg(manifest)).await?;
    }

    let programs = workspace.target_directory().join("release");
    let mut commands = Vec::new();
    for part in &parts {
        let out = figures.join(part.name).with_extension("json");
        for mut command in part.commands(&programs, &figures, &out, quick)? {
            command.env("CLOAKROOM_BENCH_PEER", peers.join("release").join("peer"));
            commands.push(command);
        }
    }
    let mut page = Command::new(programs.join("performance-page"));
    page.arg(&figures).arg(&docs);
    commands.push(page);
    say(&format!("the page will be {}", docs.join("performance.md").display()));
    Ok(Comparison { servers: needed(&parts), commands })
}

impl Part {
    fn commands(&self, programs: &Path, figures: &Path, out: &Path, quick: bool) -> Result<Vec<Command>> {
        let told = |mut command: Command| {
            command.arg("--out").arg(out).args(quick.then_some("--quick"));
            command
        };
        Ok(match self.run {
            Run::Program(name) => vec![told(Command::new(programs.join(name)))],
            Run::Benchmarks => {
                let criterion = figures.join("criterion");
                // Those that are no longer there would stay on the page.
                system::remove(&criterion)?;
                let mut measured = benchmark("middleware");
                measured.args(quick.then_some("--quick")).env("CRITERION_HOME", criterion);
                vec![told(benchmark("side_by_side")), measured]
            }
        })
    }
}

fn choose(named: &[String]) -> Result<Vec<&'static Part>> {
    let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    if let Some(unknown) = named.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no part `{unknown}`; there are {}", names.join(", "));
    }
    Ok(PARTS.iter().filter(|part| named.is_empty() || named.iter().any(|name| name == part.name)).collect())
}

/// What all of these parts need together.
fn needed(parts: &[&Part]) -> Option<Needed> {
    parts
        .iter()
        .filter_map(|part| part.servers)
        .reduce(|one, other| Needed { redis: one.redis || other.redis, postgres: one.postgres || other.postgres })
}

fn benchmark(name: &str) -> Command {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--locked", "--package", PACKAGE, "--bench", name, "--"]);
    command
}

async fn build(variables: &[(&str, &Path)], what: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--release", "--locked"]).envs(variables.iter().copied());
    what(&mut command);
    system::run(command).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_by_name_and_run_in_their_order() {
        let names = |named: &[&str]| {
            let named: Vec<String> = named.iter().copied().map(str::to_owned).collect();
            choose(&named).map(|parts| parts.iter().map(|part| part.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), PARTS.len());
        assert_eq!(names(&["scale", "http"]).unwrap(), ["http", "scale"]);
        assert!(names(&["http", "htpp"]).unwrap_err().to_string().contains("htpp"));
    }

    #[test]
    fn only_parts_that_need_servers_start_them() {
        assert_eq!(needed(&choose(&["micro".to_owned()]).unwrap()), None);
        assert_eq!(needed(&choose(&["http".to_owned()]).unwrap()), Some(MONGODB));
        assert_eq!(needed(&choose(&[]).unwrap()), Some(Needed::ALL));
    }
}
