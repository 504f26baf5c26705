//! `cargo xtask demo`.

mod database;
mod note;
mod place;
mod program;
mod source;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xtask::servers::{self, Addresses, Wanted};

use super::{cargo, say};
use place::Place;
pub(crate) use place::wipe;
use program::{Program, run_all};
use source::Source;

/// Takes a bank's loan applications in as commands, projects the events into Postgres, and reports.
///
/// Builds the programs of examples/loans, starts what they need (Postgres, and Kafka with --kafka;
/// see `cargo xtask up --help`), imports the log of events entry by entry, runs a worker for each of
/// the two read models until it has caught up, and prints what the read models say.
///
/// The cases come from the file of --xes or of FACTUM_XES; else from the real log, if it lies beside
/// the repository (../shared/data); else they are made up. Every source has an embedded log and a
/// Postgres database of its own; on Kafka there is room for one source. A second run appends nothing
/// and prints the same; a run that was broken off, whatever was killed, is finished by the next.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask demo                      on the embedded log
  cargo xtask demo --kafka              on a real Kafka
  cargo xtask demo --xes bank.xes.gz    your own log of events
  cargo xtask demo --generate 1000      a thousand made-up cases
  cargo xtask demo --fresh              once more from an empty log
  cargo xtask demo --json | tail -n 1   the figures as JSON")]
pub(crate) struct Arguments {
    /// Keep the events in Kafka instead of the embedded log
    #[arg(long)]
    kafka: bool,
    /// Begin anew: forget the events and the database of the earlier demo. With --kafka this deletes
    /// the topics bank.loan.events and bank.work.events
    #[arg(long)]
    fresh: bool,
    /// Print the figures once more as one JSON object, on the last line
    #[arg(long)]
    json: bool,
    /// XES file to import, gzipped or not
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    xes: Option<std::path::PathBuf>,
    /// Make up so many cases instead
    #[arg(long, value_name = "CASES")]
    generate: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let source = Source::choose(arguments.xes.clone(), arguments.generate)?;
    build()?;
    let wanted = Wanted {
        kafka: arguments.kafka,
        postgres: true,
        registry: false,
    };
    let addresses = servers::up(wanted, None, &say)?;
    if arguments.fresh {
        Place::forget(&addresses, &source)?;
    }
    let place = Place::open(&addresses, &source)?;
    let begin = Instant::now();
    for (what, programs) in plan(&place, &source, arguments.json) {
        say(&format!("\n== {what}"));
        run_all(&programs, &|| servers::failed(wanted)).with_context(|| {
            format!("the demo ended at \"{what}\"; the same command again goes on from there")
        })?;
    }
    farewell(&place, &addresses, begin);
    Ok(())
}

/// What is run, one after the other; programs of one step at the same time. Only the report has
/// something to say on standard output.
fn plan(place: &Place, source: &Source, json: bool) -> [(&'static str, Vec<Program>); 3] {
    let log = ["--log", &place.log];
    let postgres = ["--postgres", &place.postgres];
    let summary = ["--summary", &place.file("summary.json")];
    let rejected = ["--rejected", &place.file("rejected.jsonl")];
    let import = Program::new("loans-service")
        .with(&["import"])
        .with(&log)
        .with(&summary)
        .with(&rejected)
        .with(&source.flags());
    let worker = |name| {
        let flags = ["--until-end"];
        Program::new(name).with(&log).with(&postgres).with(&flags)
    };
    let report = Program::new("loans-report").with(&postgres).with(&summary);
    let report = report.with(if json { &["--json"] } else { &[] });
    [
        ("import", vec![import]),
        (
            "read models",
            vec![worker("loans-board"), worker("loans-workload")],
        ),
        ("report", vec![report.reporting()]),
    ]
}

fn build() -> Result<()> {
    say("== build (the first time takes minutes)");
    let mut command = cargo();
    command.args(["build", "--release", "--package", "loans", "--bins"]);
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "examples/loans does not build");
    Ok(())
}

fn farewell(place: &Place, addresses: &Addresses, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    let kafka = addresses.kafka.is_some();
    let servers = if kafka { "the servers" } else { "Postgres" };
    let Place { log, postgres, .. } = place;
    say(&format!(
        "\ndone in {seconds:.1} s. Look around:\n\
         psql {postgres}\n\
         cargo run -q -p factum-cli -- projection status --postgres {postgres} --log {log}\n\
         cargo run -q -p factum-cli -- aggregate show ID --aggregate bank.loan --log {log}   (a case_id of loan_board)\n\
         `cargo xtask down` stops {servers}."
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(json: bool) -> Vec<String> {
        let place = Place {
            dir: "/demo".into(),
            log: "local:/demo/log".into(),
            postgres: "postgres://here/demo".into(),
        };
        let source = Source::Generated(Some(7));
        let programs = plan(&place, &source, json)
            .into_iter()
            .flat_map(|(_, step)| step);
        programs.map(|program| program.to_string()).collect()
    }

    #[test]
    fn the_import_comes_first_and_the_report_last() {
        let lines = lines(true);
        assert_eq!(
            lines[0],
            "loans-service import --log local:/demo/log --summary /demo/summary.json \
             --rejected /demo/rejected.jsonl --generate 7"
        );
        for (line, name) in lines[1..3].iter().zip(["loans-board", "loans-workload"]) {
            let flags = "--log local:/demo/log --postgres postgres://here/demo --until-end";
            assert_eq!(*line, format!("{name} {flags}"));
        }
        let report = "loans-report --postgres postgres://here/demo --summary /demo/summary.json";
        assert_eq!(lines[3], format!("{report} --json"));
    }

    #[test]
    fn json_is_asked_for_only_when_wanted() {
        assert!(!lines(false).concat().contains("--json"));
    }
}
