//! `cargo xtask bench`.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::servers::{self, Wanted};

use super::{cargo, say};

/// Measures Factum beside the raw limit of its tools, in the same run and on the same bytes.
///
/// `append`: commands and imports beside plain rdkafka. `project`: a read model from the first event
/// beside plain consuming and plain COPY. `follow`: how fast a read model with all its rows catches up, and how
/// far it is behind. `rebuild`: what commands and readers
/// notice while one is built anew. `route`: commands through the log beside those that are called
/// in the owner's process. `handover`, `takeover`, `restart`: how long callers wait
/// when a node stops, is killed, or starts. `history`: the events of one aggregate, through the index. `wait`: as
/// many as there are wait for a read model at once (WAITERS, 10,000), on a log in memory. `dump`: the events of a topic
/// that `factum events dump` shows. `avro`:
/// generated code beside code written by hand and beside other codecs, and how long 500 schemas take; it needs no
/// server. All others run on a real Kafka and a real Postgres, which are started if
/// they do not run (see `cargo xtask up --help`). Leave the machine alone meanwhile.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench append              a table
  cargo xtask bench project --json      one JSON object a line:
                                        {\"bench\",\"case\",\"value\",\"unit\",\"limit\",\"ratio\"}")]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(value_enum)]
    bench: Bench,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Bench {
    /// From a command to its acknowledged events
    Append,
    /// From the log to the read model's rows
    Project,
    /// From further events to rows that are there: many at once, and one at a time
    Follow,
    /// Commands and readers while a read model of 5 million events is built anew
    Rebuild,
    /// From a command in another process, through the log, to its answer
    Route,
    /// A partition without an owner, when that is stopped
    Handover,
    /// A partition without an owner, when that is killed
    Takeover,
    /// A service of 5 million events and large states, with the memory it needs and with half of it
    Restart,
    /// The events of one aggregate among 5 million, and what it costs to have them at hand
    History,
    /// Thousands who wait for a read model at once
    Wait,
    /// The events of a topic, shown by `factum events dump`
    Dump,
    /// From an event to its bytes and back
    Avro,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (name, postgres) = match arguments.bench {
        Bench::Avro => return avro(arguments.json),
        Bench::Append => ("append", false),
        Bench::Project => ("project", true),
        Bench::Follow => ("follow", true),
        Bench::Rebuild => ("rebuild", true),
        Bench::Route => ("route", false),
        Bench::Handover => ("handover", false),
        Bench::Takeover => ("takeover", false),
        Bench::Restart => ("restart", false),
        Bench::History => ("history", false),
        Bench::Wait => ("wait", true),
        Bench::Dump => ("dump", false),
    };
    let (package, kafka) = match arguments.bench {
        Bench::Wait => ("factum-projector", false),
        Bench::Dump => ("factum-cli", true),
        _ => ("loans", true),
    };
    let wanted = Wanted {
        kafka,
        postgres,
        registry: false,
    };
    let addresses = servers::up(wanted, None, &say)?;
    let mut command = cargo();
    command.args(["bench", "--package", package, "--bench", name]);
    finish(command.envs(addresses.variables()), name, arguments.json)
}

/// Without servers: nothing is logged.
fn avro(json: bool) -> Result<()> {
    for name in ["avro", "many"] {
        let mut command = cargo();
        command.args(["bench", "--package", "factum-build-tests", "--bench", name]);
        finish(&mut command, name, json)?;
    }
    Ok(())
}

fn finish(command: &mut Command, name: &str, json: bool) -> Result<()> {
    command.args(if json { &["--", "--json"][..] } else { &[] });
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "the bench {name} failed");
    Ok(())
}
