//! `factum dead-letters show`.

use std::path::PathBuf;

use clap::Args;
use factum_core::ConsistencyToken;
use factum_projector::{DeadLetter, LetterFilter};
use serde::Serialize;
use serde_json::Value;

use super::choice::Parked;
use crate::aggregate::{Decoded, Schemas};
use crate::failure::Failure;
use crate::output::{self, hex};

const AFTER_HELP: &str = "\
The event's value is shown in hexadecimal, with its frame, as it is in the log; with --schemas it is decoded.

Example:
  factum dead-letters show 3:1234 --projection board --schemas schemas";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The letter
    #[arg(value_name = "PARTITION:SEQUENCE")]
    letter: ConsistencyToken,
    #[command(flatten)]
    of: Parked,
    /// Folder of the Avro schemas that the value is read with
    #[arg(long, env = "FACTUM_SCHEMAS", value_name = "DIR")]
    schemas: Option<PathBuf>,
}

/// A letter as it is printed in JSON.
#[derive(Serialize)]
struct Shown<'l> {
    #[serde(flatten)]
    letter: &'l DeadLetter,
    /// The framed value, in hexadecimal.
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'l Value>,
    /// Why there is no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'l str>,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let schemas = self.schemas.as_deref().map(Schemas::read).transpose()?;
        let (operations, version) = self.of.find().await?;
        let filter = LetterFilter {
            topic: self.of.topic.clone(),
            letter: Some((self.letter.partition, self.letter.sequence)),
            ..LetterFilter::of(&self.of.projection, version)
        };
        let filter = self.of.of_one_topic(&operations, filter).await?;
        let found = operations.dead_letter(&filter).await?;
        let (letter, value) = found.ok_or_else(|| Failure::NoLetter {
            name: self.of.projection.clone(),
            version,
            letter: self.letter.to_string(),
        })?;
        let decoded = schemas.map(|schemas| schemas.decode(&value));
        Ok(self.print(&letter, &value, decoded.as_ref())?)
    }

    fn print(
        &self,
        letter: &DeadLetter,
        value: &[u8],
        decoded: Option<&Decoded>,
    ) -> std::io::Result<()> {
        if !self.of.postgres.json {
            return output::print(&text(letter, value, decoded));
        }
        output::object(&Shown {
            letter,
            value: hex(value),
            data: decoded
                .and_then(|it| it.as_ref().ok())
                .map(|(_, data)| data),
            unreadable: decoded.and_then(|it| it.as_ref().err()).map(|why| &**why),
        })
    }
}

fn text(it: &DeadLetter, value: &[u8], decoded: Option<&Decoded>) -> String {
    let keys = match it.keys.is_empty() {
        true => "not known, or none: the whole aggregate is parked".to_owned(),
        false => it.keys.join(" "),
    };
    let value = match decoded {
        None => hex(value),
        Some(Ok((name, data))) => format!("{name} {data}"),
        Some(Err(why)) => format!("{}\n            cannot be read: {why}", hex(value)),
    };
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    let lines = [
        (
            "projection",
            format!("{} version {}", it.projection, it.version),
        ),
        ("letter", format!("{}:{}", it.partition, it.sequence)),
        (
            "in the log",
            format!(
                "{} partition {} offset {}",
                it.topic, it.partition, it.offset
            ),
        ),
        (
            "aggregate",
            format!("{} at version {}", it.aggregate, it.aggregate_version),
        ),
        ("event", or(&it.event, "cannot be decoded by the worker")),
        ("keys", keys),
        ("parked", it.parked_at.clone()),
        ("replay", or(&it.replay_asked_at, "not asked for")),
        ("attempts", it.attempts.to_string()),
        (
            "error",
            or(&it.error, "none: it waits behind another letter"),
        ),
        ("value", value),
    ];
    let lines = lines.map(|(name, text)| format!("{name:<10}  {text}\n"));
    lines.concat()
}
