//! `factum dead-letters discard`.

use clap::Args;
use factum_projector::Discard;
use serde_json::json;

use super::choice::{Letters, Parked};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Without --yes it shows what would be lost, and does nothing. The events stay in the log; the read model never shows them.
Later events of the same keys, parked ones and those to come, are applied to rows without the discarded events. Letters
that stay must still be replayed; where none of a key stays, its events go on. Works while workers run.

Examples:
  factum dead-letters discard --projection board --letter 3:1234
  factum dead-letters discard --projection board --key 173688 --yes";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    of: Parked,
    #[command(flatten)]
    letters: Letters,
    /// Do it
    #[arg(long)]
    yes: bool,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, version) = self.of.find().await?;
        let name = &self.of.projection;
        let filter = self
            .letters
            .filter(&self.of, (&operations, version))
            .await?;
        let discard = match self.yes {
            true => operations.discard(name, version, &filter).await?,
            false => operations.plan_discard(name, version, &filter).await?,
        };
        if discard.letters == 0 {
            return Err(self.of.nothing_fits(version));
        }
        Ok(self.print(version, &discard)?)
    }

    fn print(&self, version: u32, it: &Discard) -> std::io::Result<()> {
        let name = &self.of.projection;
        if self.of.postgres.json {
            return output::object(&json!({
                "projection": name, "version": version, "topics": it.topics, "letters": it.letters, "keys": it.keys,
                "behind": it.behind, "discarded": self.yes,
            }));
        }
        let what = format!(
            "{} letters of {} keys of {name} version {version}, from {}",
            it.letters,
            it.keys,
            it.topics.join(" + ")
        );
        let later = format!(
            "{} letters stay behind them; these and all later events of the keys are applied to rows without the \
             discarded events\n",
            it.behind
        );
        output::print(&match self.yes {
            true => format!("discarded {what}\n{later}"),
            false => format!("would discard {what}\n{later}nothing was done: add --yes\n"),
        })
    }
}
