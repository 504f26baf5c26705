//! `cargo xtask test`.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::servers::{self, Wanted};

use super::{cargo, say};

/// Packages with tests that need servers; `--fast` runs their unit tests only.
const WITH_SERVERS: &[&str] = &[
    "factum",
    "factum-cli",
    "factum-kafka",
    "factum-postgres",
    "factum-projector",
    "factum-registry",
    "library",
    "loans",
    "loans-evolved",
    "xtask",
];

/// Packages that prove by exhausting states or seeds, which takes minutes: CI runs them behind the tests.
const PROOFS: [&str; 2] = ["factum-model", "factum-simulation"];

/// Runs everything that has to pass before a change is published.
///
/// Formatting, Clippy and the documentation without a warning, then all tests, on a real Kafka,
/// Postgres and schema registry, which are started if they do not run (see `cargo xtask up --help`) and kept for
/// the next time. All steps are run, also after one has failed; at the end stands what each took.
/// Behind it, CI runs what takes longer: `cargo test -p factum-model -p factum-simulation`, and 30 faults
/// (see `cargo xtask chaos --help`).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                      what CI runs; minutes
  cargo xtask test --fast               without servers, while you work
  cargo test -p factum-core             one package; the pure ones need nothing")]
pub(crate) struct Arguments {
    /// Only what needs no server
    #[arg(long)]
    fast: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let begin = Instant::now();
    let mut environment = Vec::new();
    if !arguments.fast {
        let all = Wanted {
            kafka: true,
            postgres: true,
            registry: true,
        };
        environment = servers::up(all, None, &say)?.variables();
    }
    let done: Vec<Done> = steps(arguments.fast)
        .into_iter()
        .map(|step| step.run(&environment))
        .collect::<Result<_>>()?;
    say(&summary(&done, begin.elapsed()));
    let failed = done.iter().filter(|step| !step.passed).count();
    ensure!(failed == 0, "{failed} of {} steps failed", done.len());
    Ok(())
}

struct Step {
    name: &'static str,
    arguments: Vec<&'static str>,
}

struct Done {
    name: &'static str,
    took: Duration,
    passed: bool,
}

fn steps(fast: bool) -> Vec<Step> {
    let step = |name, line: &'static str| Step {
        name,
        arguments: line.split(' ').collect(),
    };
    let mut steps = vec![
        step("format", "fmt --all --check"),
        step("clippy", "clippy --workspace --all-targets -- -D warnings"),
        step("docs", "doc --workspace --no-deps"),
    ];
    let all = || {
        let mut step = step("tests", "test --workspace --no-fail-fast");
        let excluded = PROOFS.into_iter().flat_map(|proof| ["--exclude", proof]);
        step.arguments.extend(excluded);
        step
    };
    if !fast {
        steps.push(all());
        return steps;
    }
    let mut units = step("unit tests", "test --lib --no-fail-fast");
    let mut pure = all();
    pure.name = "pure tests";
    for package in WITH_SERVERS {
        units.arguments.extend(["--package", package]);
        pure.arguments.extend(["--exclude", package]);
    }
    steps.extend([units, pure]);
    steps
}

impl Step {
    fn run(&self, environment: &[(&str, String)]) -> Result<Done> {
        say(&format!(
            "\n== {}: cargo {}",
            self.name,
            self.arguments.join(" ")
        ));
        let begin = Instant::now();
        let mut command: Command = cargo();
        command
            .args(&self.arguments)
            .envs(environment.iter().cloned());
        if self.name == "docs" {
            command.env("RUSTDOCFLAGS", "-D warnings");
        }
        let status = command.status().context("cannot run cargo")?;
        Ok(Done {
            name: self.name,
            took: begin.elapsed(),
            passed: status.success(),
        })
    }
}

fn summary(done: &[Done], all: Duration) -> String {
    let line = |name: &str, took: Duration, end: &str| {
        format!("\n{name:<12}{:>8.1} s  {end}", took.as_secs_f64())
    };
    let outcome = |step: &Done| if step.passed { "ok" } else { "FAILED" };
    let steps = done
        .iter()
        .map(|step| line(step.name, step.took, outcome(step)));
    steps.collect::<String>() + &line("all", all, "servers included")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn fast_leaves_no_package_out_and_runs_no_server_test() {
        let steps = steps(true);
        let line = |name| {
            let step = steps.iter().find(|step| step.name == name).unwrap();
            step.arguments.join(" ")
        };
        for package in WITH_SERVERS {
            assert!(line("unit tests").contains(&format!("--package {package}")));
            assert!(line("pure tests").contains(&format!("--exclude {package}")));
        }
        assert!(line("unit tests").contains("--lib"));
    }

    #[test]
    fn ci_runs_the_proofs_that_the_tests_leave_out() {
        let ci = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/run")).unwrap();
        let tests = steps(false).pop().unwrap().arguments.join(" ");
        for proof in PROOFS {
            assert!(tests.contains(&format!("--exclude {proof}")), "{tests}");
            assert!(ci.contains(&format!("-p {proof}")), "{ci}");
        }
    }

    #[test]
    fn every_package_that_asks_for_servers_is_known() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let packages = |dir: &str| fs::read_dir(workspace.join(dir)).unwrap().flatten();
        for package in packages("crates").chain(packages("examples")) {
            let name = package.file_name().into_string().unwrap();
            if mentions_servers(&package.path().join("tests")) {
                assert!(
                    WITH_SERVERS.contains(&&*name),
                    "{name} is missing in WITH_SERVERS"
                );
            }
        }
    }

    fn mentions_servers(path: &Path) -> bool {
        if let Ok(entries) = fs::read_dir(path) {
            return entries
                .flatten()
                .any(|entry| mentions_servers(&entry.path()));
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        [
            "servers::kafka()",
            "servers::postgres()",
            "servers::registry()",
            "xtask::servers",
        ]
        .iter()
        .any(|call| text.contains(call))
    }

    #[test]
    fn the_summary_names_what_failed() {
        let done = [("format", true), ("tests", false)].map(|(name, passed)| Done {
            name,
            took: Duration::from_millis(1500),
            passed,
        });
        let text = summary(&done, Duration::from_secs(4));
        assert!(text.contains("format           1.5 s  ok"), "{text}");
        assert!(text.contains("tests            1.5 s  FAILED"), "{text}");
    }
}
