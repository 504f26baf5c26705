//! Records a bank's event log on a log of events.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use factum::{CheckpointOptions, Components, StatusServer};
use loans::import::{Import, ImportError, Progress, Source, Summary};

/// The service that takes in a bank's loan applications.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Import(ImportFlags),
}

const AFTER_HELP: &str = "\
What is recorded already is recognised: the same import again appends nothing, and one that was broken off \
is finished by the next. Entries that break the rules of the process are reported on standard error.

Exit codes:
  0    everything was carried out; entries that were rejected are counted in the last line
  1    failed: standard error says why
  2    wrong usage
  130  stopped by SIGINT or SIGTERM, after the cases under way; a second one stops it at once";

/// Imports an event log, entry by entry.
///
/// Without --xes and --generate: the file that FACTUM_XES names; else the real log beside the
/// repository, if it is there; else as many made-up cases as it has.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
struct ImportFlags {
    /// XES file to import, gzipped or not
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    xes: Option<PathBuf>,
    /// Make up so many cases instead
    #[arg(long, value_name = "CASES")]
    generate: Option<u64>,
    /// What made-up cases are made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Address of the log: kafka://HOST:PORT or local:DIR
    #[arg(long, env = "FACTUM_LOG", value_name = "URL")]
    log: String,
    /// Partitions of a topic that is not there yet
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    partitions: u32,
    /// Cases under way at once
    #[arg(long, value_name = "N", default_value = "2048")]
    in_flight: std::num::NonZeroUsize,
    /// Folder for checkpoints of the state, so that the next start reads the log's tail only; without
    /// it, every start reads the whole log
    #[arg(long, env = "FACTUM_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// MiB that the state may take in memory; what was not used lately is read from the folder
    #[arg(long, value_name = "MIB", requires = "state")]
    memory: Option<usize>,
    /// Follow the partitions that other nodes own, too, to take them over at once should one be lost. Each
    /// node needs a folder of its own for its state then
    #[arg(long, env = "FACTUM_STANDBY")]
    standby: bool,
    /// File for what the import came to, for loans-report
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// File for rejected entries, as JSON lines
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Address to serve /healthz, /readyz, /status and /metrics on, such as 127.0.0.1:9464; with port
    /// 0, one that is free, which is told on standard error
    #[arg(long, env = "FACTUM_HTTP", value_name = "ADDR")]
    http: Option<String>,
}

impl ImportFlags {
    fn checkpoints(&self) -> Option<CheckpointOptions> {
        Some(CheckpointOptions {
            memory: self.memory.map(|mib| mib << 20),
            ..CheckpointOptions::in_dir(self.state.clone()?)
        })
    }

    fn source(&self) -> Source {
        let seed = self.seed;
        match (&self.xes, self.generate) {
            (Some(file), _) => Source::Xes(file.clone()),
            (None, Some(cases)) => Source::Generated { cases, seed },
            (None, None) => Source::at_hand(seed),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let Command::Import(flags) = Flags::parse().command;
    match import(flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loans-service: {error:#}");
            match error.downcast_ref() {
                Some(ImportError::Stopped) => ExitCode::from(130),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn import(flags: ImportFlags) -> anyhow::Result<()> {
    let import = Import {
        source: flags.source(),
        checkpoints: flags.checkpoints(),
        log: flags.log,
        partitions: flags.partitions,
        in_flight: flags.in_flight.get(),
        standby: flags.standby,
        rejected: flags.rejected,
        components: Components::new(),
    };
    let stop = factum::shutdown_signal();
    let _http = match &flags.http {
        Some(address) => Some(serve(address, &import.components, stop.clone()).await?),
        None => None,
    };
    eprintln!("importing {} into {}", import.source, import.log);
    let log = tokio::select! {
        log = factum::open_log(&import.log) => log?,
        () = stop.clone() => return Err(ImportError::Stopped.into()),
    };
    let told = async {
        stop.await;
        eprintln!("told to stop: finishing the cases under way");
    };
    let progress = Progress::new();
    let run = import.run(log, &progress, told);
    let summary = tokio::select! {
        summary = run => summary,
        () = progress.show() => unreachable!("shows for ever"),
    };
    progress.finish();
    let summary = summary?;
    println!("{summary}");
    flags.summary.map_or(Ok(()), |file| write(&file, &summary))
}

/// Serves the status of the program until it is dropped.
async fn serve(
    address: &str,
    components: &Components,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<StatusServer> {
    let server = StatusServer::start(address, components.clone(), stop).await;
    let server = server.context("cannot serve the status")?;
    eprintln!("status at http://{}/status", server.address());
    Ok(server)
}

fn write(file: &PathBuf, summary: &Summary) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(summary)?;
    fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))
}
