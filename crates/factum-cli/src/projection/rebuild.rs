//! `factum projection rebuild`.

use clap::Args;
use factum_projector::{Operations, VersionState};
use serde_json::json;

use super::choice;
use super::version::Version;
use super::watch::Watch;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
A rebuild needs a worker of a new version, because the code that makes the rows is in the worker: raise VERSION
and start it. It fills its own tables beside the live ones by itself, and with `--switch auto`, which is its
default, it also leads readers to them. This command asks for the switch where the worker was told
`--switch manual`, watches, or cancels. With --watch it ends with exit code 0 when readers see the version, and with 1
when it is cancelled or dropped meanwhile.

Examples:
  factum projection rebuild board --plan
  factum projection rebuild board --watch
  factum projection rebuild board --cancel";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version that is built [default: the newest one that is not live yet]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Say what would happen, and do nothing: not even ask for the switch
    #[arg(long, conflicts_with_all = ["cancel", "watch"])]
    plan: bool,
    /// Ask for the switch, stay until readers see the version, and show how far it is
    #[arg(long, conflicts_with = "cancel")]
    watch: bool,
    /// Give the version up: nothing of it is left but its number
    #[arg(long)]
    cancel: bool,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let states = [VersionState::Building, VersionState::Cancelled];
        let (operations, found) = self.which.find(self.version, &states).await?;
        let (name, version) = (&self.which.name, found.version);
        if self.plan {
            return self.say(&found, "planned", &plan(&found));
        }
        if self.cancel {
            operations.cancel(name, version).await?;
            return self.say(
                &found,
                "cancelled",
                "cancelled: its tables and positions are gone",
            );
        }
        operations.rebuild(name, version).await?;
        match self.watch {
            true => self.follow(&operations, &found).await,
            false => self.say(&found, "asked", asked(&found)),
        }
    }

    fn say(&self, found: &Version, done: &str, words: &str) -> Result<(), Failure> {
        let (name, version) = (&found.projection, found.version);
        if self.which.postgres.json {
            let answer = json!({ "projection": name, "version": version, "rebuild": done });
            return Ok(output::object(&answer)?);
        }
        Ok(output::print(&format!(
            "{name} version {version}: {words}\n"
        ))?)
    }

    /// Shows how far the version is until it is live. One that was cancelled is unknown until a worker of it starts.
    async fn follow(&self, operations: &Operations, found: &Version) -> Result<(), Failure> {
        if is_cancelled(found) {
            eprintln!("{}", asked(found));
        }
        let watch = Watch::new(operations, &self.which.name, found.version);
        let live = watch.until_live().await?;
        self.say(&live, "done", "readers see it now")
    }
}

fn is_cancelled(found: &Version) -> bool {
    found.state == Some(VersionState::Cancelled)
}

/// What happens next to a version whose rebuild is asked for.
fn asked(found: &Version) -> &'static str {
    match is_cancelled(found) {
        true => "it was cancelled, and may begin again: start a worker of it",
        false => "readers are led to it as soon as it is ready",
    }
}

fn plan(found: &Version) -> String {
    let begins = match is_cancelled(found) {
        true => "it was cancelled; it may begin again when a worker of it starts",
        false => "it is being built beside the live version",
    };
    format!(
        "{begins}, and has applied {} events of {}.\n  \
         Its tables fill from the first event on, indexes that can wait are built, it catches up;\n  \
         then readers are led to it in one transaction. The live version stays, for going back, until it is dropped.",
        found.events,
        found.topics()
    )
}
