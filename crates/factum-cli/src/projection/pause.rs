//! `factum projection pause` and `resume`.

use clap::Args;
use factum_projector::VersionState;
use serde_json::json;

use super::choice;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Works while workers run, without a restart. When `pause` returns, the version commits nothing more until
`resume`: what was under way is committed before, or never. Readers go on reading; whoever waits for a write
waits. Nothing is lost or counted twice.

Examples:
  factum projection pause board
  factum projection resume board --version 2";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version [default: the live one]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

impl Flags {
    pub(crate) async fn run(self, paused: bool) -> Result<(), Failure> {
        let (operations, found) = self.which.find(self.version, &[VersionState::Live]).await?;
        let (name, version) = (&self.which.name, found.version);
        operations.pause(name, version, paused).await?;
        let done = if paused { "paused" } else { "resumed" };
        if self.which.postgres.json {
            let answer = json!({ "projection": name, "version": version, "paused": paused });
            return Ok(output::object(&answer)?);
        }
        Ok(output::print(&format!(
            "{done} {name} version {version}\n"
        ))?)
    }
}
