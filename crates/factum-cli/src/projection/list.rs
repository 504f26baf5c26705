//! `factum projection list`.

use clap::Args;
use factum_projector::{ListedProjection, VersionState};

use crate::connection::Postgres;
use crate::failure::Failure;
use crate::output::{self, Cell, Table};

const AFTER_HELP: &str = "\
EVENTS counts the events that the version has come past, from the first one on: applied, parked and skipped ones.
PARKED counts its dead letters: events that it could not apply, and those behind them. SESSIONS counts the
connections that its workers have to this Postgres; none says that no worker runs.

Examples:
  factum projection list
  factum projection list --json | jq 'select(.sessions == 0)'";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    postgres: Postgres,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let projections = self.postgres.operations().await?.list().await?;
        Ok(output::list(&projections, self.postgres.json, table)?)
    }
}

/// What the version is to readers, and whether it is paused.
fn state(it: &ListedProjection) -> String {
    let state = it.state.map_or("-", VersionState::name);
    match it.paused {
        true => format!("{state}, paused"),
        false => state.to_owned(),
    }
}

fn table(projections: &[ListedProjection]) -> Table {
    let mut table = Table::new([
        "projection",
        "version",
        "state",
        "topic",
        "partitions",
        "events",
        "parked",
        "sessions",
    ]);
    for it in projections {
        table.row([
            Cell::text(&it.projection),
            Cell::number(it.version),
            Cell::text(state(it)),
            Cell::text(&it.topic),
            Cell::number(it.partitions),
            Cell::number(it.events),
            Cell::number::<u64>(it.parked),
            Cell::number(it.sessions),
        ]);
    }
    table
}
