//! Prints what the read models say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use loans::import::Summary;
use loans::report::{Line, Report, differences, table};

const AFTER_HELP: &str = "\
Exit codes:
  0  reported
  1  failed, or the read models do not say what was counted from made-up cases
  2  wrong usage";

/// Reports how a bank's loan applications ended, and who worked most, from the read models alone.
#[derive(Parser)]
#[command(after_help = AFTER_HELP)]
struct Flags {
    /// Address of Postgres: postgres://user:password@host:port/database
    #[arg(
        long,
        env = "FACTUM_POSTGRES",
        value_name = "URL",
        hide_env_values = true
    )]
    postgres: String,
    /// What the import came to, as loans-service wrote it. For made-up cases, the read models are
    /// held against the figures in it
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Print everything once more as one JSON object, on the last line
    #[arg(long)]
    json: bool,
    /// Rows of the workload to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: u32,
}

fn main() -> ExitCode {
    match report(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loans-report: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the read models say what they should.
fn report(flags: &Flags) -> anyhow::Result<bool> {
    let summary = flags.summary.as_deref().map(read).transpose()?;
    let report = Report::read(&flags.postgres, flags.top)?;
    let expected = summary
        .as_ref()
        .and_then(|summary| summary.expected.as_ref());
    let found = expected.map_or(Vec::new(), |expected| {
        differences(&report.figures, expected)
    });
    print!("{}", table(&report));
    for difference in &found {
        eprintln!("loans-report: {difference}");
    }
    if !found.is_empty() {
        eprintln!("loans-report: do the read models hold another import's cases, too?");
    }
    if flags.json {
        let line = Line::new(&report, summary.as_ref());
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(found.is_empty())
}

fn read(file: &Path) -> anyhow::Result<Summary> {
    let text = fs::read(file);
    let text = text.with_context(|| format!("cannot read the summary {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is no summary of an import: import again",
            file.display()
        )
    })
}
