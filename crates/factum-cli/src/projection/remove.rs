//! `factum projection drop`.

use clap::Args;
use factum_projector::VersionState;
use serde_json::json;

use super::choice;
use super::version::Version;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Without --yes it shows what would go, and does nothing. The live version can be dropped only when it is the last
one: then the projection is gone, and a worker that starts begins at the first event.

Example:
  factum projection drop board --version 1 --yes";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version
    #[arg(long, value_name = "N")]
    version: u32,
    /// Do it
    #[arg(long)]
    yes: bool,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, found) = self.which.find(Some(self.version), &[]).await?;
        let name = &self.which.name;
        if self.yes {
            operations.drop_version(name, self.version).await?;
        }
        if self.which.postgres.json {
            let answer = json!({
                "projection": name, "version": self.version, "state": found.state,
                "topics": found.topics, "partitions": found.partitions, "events": found.events,
                "parked": found.parked, "dropped": self.yes
            });
            return Ok(output::object(&answer)?);
        }
        let what = what(&found);
        let words = match self.yes {
            true => format!("dropped {what}\n"),
            false => format!("would drop {what}\nnothing was done: add --yes\n"),
        };
        Ok(output::print(&words)?)
    }
}

/// What goes with a version.
fn what(found: &Version) -> String {
    let Version {
        projection,
        version,
        partitions,
        events,
        ..
    } = found;
    let topics = found.topics();
    let live = match found.state {
        Some(VersionState::Live) => ", which is live: readers see it",
        _ => "",
    };
    let parked = found.parked.map_or("its".into(), |it| it.to_string());
    format!(
        "{projection} version {version}{live}: its tables, its positions in {partitions} partitions of {topics}, \
         {events} applied events' worth of rows, and {parked} dead letters"
    )
}
