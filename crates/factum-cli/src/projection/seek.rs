//! `factum projection seek`.

use std::str::FromStr;

use clap::Args;
use factum::jiff::Timestamp;
use factum_projector::{SeekPartition, SeekTo, Skip, VersionState};
use serde_json::json;

use super::choice;
use crate::connection::Log;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Moves the position of one partition forward, past events that the read model is to do without: one that stopped its
worker, most often, whose message names partition and offset; go --to the offset after it. A commit is passed over
whole or not at all. Without --skip it shows what would be passed over, and does nothing. With it, that is written
down for ever, in Postgres, with the role and --reason.

A worker that stopped at an event has written everything before the commit that the event is in, and the position
stands there: only that commit is passed over. Look first all the same. Where a handler failed, where the failure shows
only when events are written together, and while a worker tries an event again (--retries), the position stands at the
start of a batch, and good events may lie between: start a worker with --batch-bytes 1 before, and it comes close.

Workers may run meanwhile, and go on from there without a restart. Whoever waits for an event that was passed over
is told that it is there. What is parked stays parked. Another version of the projection knows nothing of it.

Softer: a worker with `--on-failure park` sets a broken event aside with those behind it of its key, which can be
replayed once the code is mended (`factum dead-letters --help`). Nothing of that is possible for what was skipped.

There is no way back: the rows hold the events before the position, and would count them twice. To apply events
again, raise the projection's VERSION and start a worker: `factum projection rebuild --help`.
The role must own Factum's tables, as the one that made them does.

Examples:
  factum projection seek board --partition 3 --to 1235 --log kafka://localhost:9092
  factum projection seek board --partition 3 --to 1235 --skip --reason 'OPS-17: event of a test'
  factum projection seek feed --partition 0 --to 2026-10-01T00:00:00Z --skip
  factum projection seek feed --partition 0 --to end --skip";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version [default: the live one]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// The topic, where the projection reads several
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// The partition
    #[arg(long, value_name = "N")]
    partition: u32,
    /// Where to go on: the offset of the first record that is not passed over, a moment in ISO 8601 before which
    /// commits are passed over, or `end`
    #[arg(long, value_name = "OFFSET|TIME|end")]
    to: To,
    /// Do it: the read model never shows what is passed over
    #[arg(long)]
    skip: bool,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT", requires = "skip")]
    reason: Option<String>,
    #[command(flatten)]
    log: Log,
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct To(SeekTo);

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let offset = || text.parse().ok().map(SeekTo::Offset);
        let time = || Timestamp::from_str(text).ok().map(SeekTo::Time);
        let to = match text {
            "end" => Some(SeekTo::End),
            "beginning" => Some(SeekTo::Offset(0)),
            _ => offset().or_else(time),
        };
        let odd = || "neither an offset, nor a moment like 2011-10-01T12:00:00Z, nor `end`";
        to.map(Self).ok_or_else(|| odd().to_owned())
    }
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, found) = self.which.find(self.version, &[VersionState::Live]).await?;
        let log = self.log.open().await?;
        let which = SeekPartition {
            projection: &self.which.name,
            version: found.version,
            topic: self.topic.as_deref(),
            partition: self.partition,
        };
        let plan = operations.plan_seek(&*log, which, self.to.0).await?;
        let skip = match self.skip {
            true => operations.skip(&plan, self.reason.as_deref()).await?,
            false => plan,
        };
        if self.which.postgres.json {
            return Ok(output::object(&json(&skip, self.skip))?);
        }
        Ok(output::print(&words(&skip, self.skip))?)
    }
}

fn json(skip: &Skip, done: bool) -> serde_json::Value {
    let first = skip
        .first
        .iter()
        .map(|it| json!({ "offset": it.offset, "id": it.id, "version": it.version }));
    json!({
        "projection": skip.projection, "version": skip.version, "topic": skip.topic,
        "partition": skip.partition, "from": skip.from, "to": skip.to, "events": skip.events,
        "first": first.collect::<Vec<_>>(), "skipped": done
    })
}

fn words(skip: &Skip, done: bool) -> String {
    let Skip {
        projection,
        version,
        partition,
        from,
        to,
        events,
        first,
        ..
    } = skip;
    let does = if done {
        "passes over"
    } else {
        "would pass over"
    };
    let mut words = format!(
        "{projection} version {version} {does} {events} events of partition {partition}, offsets {from} to {}\n",
        to - 1
    );
    for it in first {
        words += &format!("  {}: `{}` version {}\n", it.offset, it.id, it.version);
    }
    if first.len() as u64 != *events {
        words += "  …\n";
    }
    if !done {
        words += "nothing was done: add --skip\n";
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_moments_and_the_end_are_told_apart() {
        let to = |text: &str| text.parse::<To>().map(|it| it.0);
        let time = Timestamp::from_second(1_317_470_400).unwrap();
        assert_eq!(to("12"), Ok(SeekTo::Offset(12)));
        assert_eq!(
            to("beginning"),
            Ok(SeekTo::Offset(0)),
            "which is refused in words"
        );
        assert_eq!(to("2011-10-01T12:00:00Z"), Ok(SeekTo::Time(time)));
        assert_eq!(to("end"), Ok(SeekTo::End));
        to("now").unwrap_err();
    }
}
