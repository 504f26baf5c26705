//! `factum projection switch`.

use std::time::Duration;

use clap::Args;
use factum::ProjectorError;
use factum_projector::{Operations, SwitchError};
use serde_json::json;

use super::choice;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Readers are led to the version in one transaction, and never go back in time: a version that is behind the
live one is refused. To go back to an old version, keep its workers running until it is dropped.
The role must own the tables, as the one that made them does.

A version that reads a topic which the live one does not is waited for until it shows all events that this topic
holds now: the log alone knows which these are, so --log must say where it is. With exit code 3 it was not in time.

Examples:
  factum projection switch board --to 1
  factum projection switch board --to 2 --log kafka://localhost:9092";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version that readers are to see
    #[arg(long, value_name = "N")]
    to: u32,
    /// Address of the log, for a version that reads another topic than the live one: kafka://localhost:9092 or
    /// local:DIR
    #[arg(long, env = "FACTUM_LOG", value_name = "URL")]
    log: Option<String>,
    /// Seconds to wait for such a version
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u32,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, found) = self.which.find(Some(self.to), &[]).await?;
        let (name, version) = (&self.which.name, found.version);
        self.switch(&operations, version).await?;
        if self.which.postgres.json {
            return Ok(output::object(
                &json!({ "projection": name, "live": version }),
            )?);
        }
        Ok(output::print(&format!(
            "readers of {name} see version {version} now\n"
        ))?)
    }

    /// The log is asked only where it must be.
    async fn switch(&self, operations: &Operations, version: u32) -> Result<(), Failure> {
        let name = &self.which.name;
        match (operations.switch(name, version).await, &self.log) {
            (Err(ProjectorError::Switch(SwitchError::Added { .. })), Some(log)) => {
                let log = factum::open_log(log).await?;
                let timeout = Duration::from_secs(self.timeout.into());
                let switched = operations.switch_when_caught_up(&*log, name, version, timeout);
                Ok(switched.await?)
            }
            (switched, _) => Ok(switched?),
        }
    }
}
