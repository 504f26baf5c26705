//! `factum-chaos`: one chaos run, or the judgement of one that was kept.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use factum_chaos::plan::draw;
use factum_chaos::run::{self, Setting};
use tracing_subscriber::EnvFilter;
use xtask::servers::factum_dir;

/// Breaks a real Kafka, a real Postgres and everything between them under load, and judges the log.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(RunFlags),
    /// Show which faults a seed draws
    Plan {
        /// What they are drawn from
        #[arg(long, value_name = "S")]
        seed: u64,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 30)]
        faults: usize,
    },
    /// Judge once more what a run left in its folder
    Judge {
        /// The folder
        dir: PathBuf,
    },
}

/// Run once
#[derive(Args)]
struct RunFlags {
    /// How many faults
    #[arg(long, value_name = "N", default_value_t = 30)]
    faults: usize,
    /// Soak for so many minutes: half the load, a fault a minute, and no program may grow
    #[arg(long, value_name = "MINUTES", conflicts_with = "faults", value_parser = clap::value_parser!(u32).range(3..))]
    soak: Option<u32>,
    /// What faults and commands are drawn from; random if it is not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// How many brokers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = brokers)]
    brokers: usize,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
    /// Keep history, topic, rows and logs of a good run too
    #[arg(long)]
    keep: bool,
}

fn brokers(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let good = match Flags::parse().command {
        Command::Run(flags) => run(&flags).await,
        Command::Plan { seed, faults } => {
            plan(seed, faults);
            Ok(true)
        }
        Command::Judge { dir } => judge(&dir),
    };
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(flags: &RunFlags) -> Result<bool> {
    let seed = flags
        .seed
        .unwrap_or_else(|| rand::random_range(0..1_000_000));
    let dir = factum_dir().join(format!("chaos/seed-{seed}-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    log_to(&dir.join("load.log"))?;
    let setting = Setting {
        faults: flags.faults,
        soak: flags.soak,
        seed,
        brokers: flags.brokers,
        dir: dir.canonicalize()?,
    };
    eprintln!(
        "seed {seed}: --seed {seed} draws the same faults and commands, though not the same moments"
    );
    let report = run::run(&setting).await;
    let good = report
        .as_ref()
        .is_ok_and(|report| report.violations.is_empty());
    if good && !flags.keep {
        std::fs::remove_dir_all(&dir)?;
    } else {
        eprintln!("history, topic, rows and logs: {}", dir.display());
    }
    let report = report?;
    eprintln!("\n{report}");
    if flags.json {
        println!("{}", report.json());
    }
    Ok(good)
}

/// What the clients of the topic say goes to a file, as what the programs say.
fn log_to(path: &Path) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(File::create(path)?))
        .init();
    Ok(())
}

fn plan(seed: u64, faults: usize) {
    for step in draw(seed, faults) {
        let faults = step
            .iter()
            .map(|it| format!("{} for {:?}", it.kind, it.hold));
        println!("{}", faults.collect::<Vec<_>>().join(", and "));
    }
}

fn judge(dir: &std::path::Path) -> Result<bool> {
    let verdict = run::judge_again(dir)?;
    verdict
        .violations
        .iter()
        .for_each(|it| println!("VIOLATION {it}"));
    println!("{:#?}", verdict.figures);
    Ok(verdict.violations.is_empty())
}
