//! `factum dead-letters replay`.

use std::time::{Duration, Instant};

use clap::Args;
use factum_projector::{Operations, Replay, ReplayProgress};
use serde::Serialize;

use super::choice::{Letters, Parked};
use crate::failure::Failure;
use crate::output;

/// How often the letters are looked at.
const LOOK: Duration = Duration::from_millis(100);

const AFTER_HELP: &str = "\
Letters of a key are applied in order. So whatever holds one of these letters back is asked for with it: earlier letters
of its keys and, where one of them is of several keys, of those. A worker that runs begins at once; otherwise the next one that
starts. A letter that fails again stays, with what is behind it.

With --wait, this ends when every letter was tried: exit code 0 if none stays, 1 if some do, and 3 if the time
was over first; the letters are still asked for then.

Examples:
  factum dead-letters replay --projection board --key 173688 --wait 30
  factum dead-letters replay --projection board --all";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    of: Parked,
    #[command(flatten)]
    letters: Letters,
    /// Wait so long for how it ends
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
}

/// What was asked for, and how it ended, in JSON.
#[derive(Serialize)]
struct Answer<'r> {
    #[serde(flatten)]
    replay: &'r Replay,
    #[serde(flatten)]
    progress: Option<&'r ReplayProgress>,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, version) = self.of.find().await?;
        let name = &self.of.projection;
        let filter = self
            .letters
            .filter(&self.of, (&operations, version))
            .await?;
        let replay = operations.replay(name, version, &filter).await?;
        if replay.letters == 0 {
            return Err(self.of.nothing_fits(version));
        }
        let progress = match self.wait {
            Some(seconds) => Some(ended(&operations, &replay, seconds).await?),
            None => None,
        };
        self.print(&replay, progress.as_ref())?;
        match progress {
            Some(it) if it.waiting > 0 => Err(Failure::NotReplayed {
                waiting: it.waiting,
                seconds: self.wait.unwrap_or_default(),
            }),
            Some(it) if it.stay > 0 => Err(Failure::Stayed {
                letters: it.stay,
                errors: reasons(&it.errors),
            }),
            _ => Ok(()),
        }
    }

    fn print(&self, replay: &Replay, progress: Option<&ReplayProgress>) -> std::io::Result<()> {
        if self.of.postgres.json {
            return output::object(&Answer { replay, progress });
        }
        let (name, version, letters) = (&replay.projection, replay.version, replay.letters);
        let mut text = format!("asked to replay {letters} letters of {name} version {version}");
        if replay.before > 0 {
            text += &format!(", and {} that hold these back", replay.before);
        }
        text += &format!(", from {}", replay.topics.join(" + "));
        if let Some(it) = progress {
            text += &format!(
                "\n{} are gone, {} stay, {} were not tried yet",
                it.gone, it.stay, it.waiting
            );
        }
        output::print(&(text + "\n"))
    }
}

/// Why letters stay. Those that did not fail are behind others, also such as this build has found keys for.
fn reasons(errors: &[String]) -> String {
    match errors {
        [] => "none failed, but they are behind letters that stay. `factum dead-letters list --all` shows all; ask again".into(),
        errors => format!("these failed, or wait behind one that did\n  {}", errors.join("\n  ")),
    }
}

/// How the replay stands when every letter was tried, or the time is over.
async fn ended(
    operations: &Operations,
    replay: &Replay,
    seconds: u32,
) -> Result<ReplayProgress, Failure> {
    let end = Instant::now() + Duration::from_secs(seconds.into());
    loop {
        let progress = operations.replay_progress(replay).await?;
        if progress.waiting == 0 || Instant::now() >= end {
            return Ok(progress);
        }
        tokio::time::sleep(LOOK).await;
    }
}
