//! `factum projection status`.

use std::collections::BTreeMap;

use clap::Args;
use factum_projector::{PartitionProgress, VersionState};

use super::choice;
use crate::connection::Postgres;
use crate::failure::Failure;
use crate::output::{self, Cell, Table};

const AFTER_HELP: &str = "\
LAG is in records. Its end is what the partition's worker last saw, some seconds ago; with --log the log is
asked. EVENTS counts those up to OFFSET: applied, parked and skipped ones. PARKED counts dead letters. SECONDS is how long ago the log ended where the partition is projected to, so what readers see is not
older; only its worker knows that, and only of the time that it runs. RATE is in events a second, of all of
the worker's partitions. A dash says that it is not known; no worker was seen for half a minute, perhaps.
ERROR is what interrupts the worker, with what error the last one ended (shown until the partition has got past it,
or is known to be at its end), or why a step of a rebuild failed.

Examples:
  factum projection status board --log kafka://localhost:9092
  factum projection status --json | jq 'select(.lag > 10000 or .error)'";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The projection's name [default: all]
    name: Option<String>,
    /// Address of the log, to ask where partitions end: kafka://localhost:9092 or local:DIR
    #[arg(long, env = "FACTUM_LOG", value_name = "URL")]
    log: Option<String>,
    #[command(flatten)]
    postgres: Postgres,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let operations = self.postgres.operations().await?;
        let mut partitions = operations.status().await?;
        if let Some(name) = &self.name {
            partitions.retain(|it| it.projection == *name);
            if partitions.is_empty() {
                return Err(choice::without_partitions(name, operations.list().await?));
            }
        }
        if let Some(log) = &self.log {
            partitions = ends(log, partitions).await?;
        }
        Ok(output::list(&partitions, self.postgres.json, table)?)
    }
}

/// Asks the log where the partitions end.
async fn ends(
    log: &str,
    partitions: Vec<PartitionProgress>,
) -> Result<Vec<PartitionProgress>, Failure> {
    let log = factum::open_log(log).await?;
    let (mut topics, mut known) = (BTreeMap::new(), Vec::new());
    for it in partitions {
        if !topics.contains_key(&it.topic) {
            topics.insert(it.topic.clone(), log.open(&it.topic, None).await?);
        }
        let end = topics[&it.topic].end(it.partition).await?;
        known.push(it.with_end(end));
    }
    Ok(known)
}

/// What went wrong, and whether the worker is dead of it.
fn error(it: &PartitionProgress) -> String {
    let error = it.error.clone().unwrap_or_default();
    match &it.failure {
        Some(failure) if failure.error == error => {
            let address = failure.address.as_deref().unwrap_or("a local socket");
            let (worker, at) = (&failure.worker, &failure.at);
            format!("worker {worker} at {address} ended {at}: {error}")
        }
        _ => error,
    }
}

fn table(partitions: &[PartitionProgress]) -> Table {
    let mut table = Table::new([
        "projection",
        "version",
        "state",
        "topic",
        "partition",
        "offset",
        "events",
        "parked",
        "lag",
        "seconds",
        "rate",
        "worker",
        "error",
    ]);
    for it in partitions {
        let state = it.state.map_or("-", VersionState::name);
        let paused = if it.paused { ", paused" } else { "" };
        let skipped = match it.skipped {
            Some(events @ 1..) => format!(", {events} skipped"),
            _ => String::new(),
        };
        table.row([
            Cell::text(&it.projection),
            Cell::number(it.version),
            Cell::text(format!("{state}{paused}{skipped}")),
            Cell::text(&it.topic),
            Cell::number(it.partition),
            Cell::number(it.offset),
            Cell::number(it.events),
            Cell::number::<u64>(it.parked),
            Cell::number::<u64>(it.lag),
            Cell::number::<u64>(it.lag_seconds),
            Cell::number::<u64>(it.per_second),
            Cell::text(it.worker.as_deref().unwrap_or("-")),
            Cell::text(error(it)),
        ]);
    }
    table
}
