//! What the log says of commands that came through it, and of those that emitted nothing.

use factum_core::{
    Event, Handled, Offset, RecordRef, ValidEvent, commands_topic, dead_letters_topic,
};
use factum_engine::Receipt;
use serde::Deserialize;
use uuid::Uuid;

use crate::account::{Account, Moved};
use crate::history::Answer;
use crate::world::World;

/// A record that stands for a command without events.
#[derive(Clone, Debug)]
pub struct Noted {
    /// The account.
    pub id: String,
    /// The command's id.
    pub command: Uuid,
    /// What the caller is told.
    pub answer: Answer,
}

/// A command of the topic of commands, by the commit that it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Its offset.
    pub offset: Offset,
    /// The account.
    pub id: String,
    /// The command's id.
    pub command: Uuid,
}

/// An outcome as it stands in the log, written down here once more.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Done {
        partition: u32,
        sequence: u64,
        version: u64,
        events: u32,
    },
    Rejected(Account),
    Conflict {
        actual: u64,
    },
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

impl Noted {
    /// Reads a valid record.
    pub fn read(valid: &ValidEvent<'_>) -> Self {
        let command = valid.header.command;
        let told = Handled::decode(valid.value).map(|it| serde_json::from_str(it.outcome));
        let answer = match told {
            Some(Ok(Told::Done {
                partition,
                sequence,
                version,
                events,
            })) => Answer::Done(Receipt {
                command,
                partition,
                sequence,
                version,
                events,
            }),
            Some(Ok(Told::Rejected(account))) => Answer::Rejected(account),
            Some(Ok(Told::Conflict { actual })) => Answer::Conflict(actual),
            _ => Answer::Strange,
        };
        Self {
            id: valid.key.to_owned(),
            command,
            answer,
        }
    }
}

impl Covered {
    /// The command of a valid commit, if it came through the log.
    pub fn by(valid: &ValidEvent<'_>) -> Option<Self> {
        Some(Self {
            offset: valid.header.origin.command_offset?,
            id: valid.key.to_owned(),
            command: valid.header.command,
        })
    }

    /// The command that stands at an offset; `None` if a stranger wrote it.
    fn sent(offset: Offset, record: RecordRef<'_>) -> Option<Self> {
        let header: serde_json::Value = serde_json::from_slice(record.header?).ok()?;
        Some(Self {
            offset,
            id: String::from_utf8_lossy(record.key).into_owned(),
            command: header["command"].as_str()?.parse().ok()?,
        })
    }
}

/// How many commands each partition holds.
pub fn sent(world: &World) -> Vec<usize> {
    let mut state = world.state();
    let topic = state.topic(&commands_topic(Moved::AGGREGATE));
    state.partitions(topic).iter().map(Vec::len).collect()
}

/// Whether commits cover the commands of the topic: each once, in order, from the first one on.
pub fn uncovered(world: &World, covered: &[Vec<Covered>]) -> Vec<String> {
    let mut state = world.state();
    let topic = state.topic(&commands_topic(Moved::AGGREGATE));
    let letters = state.topic(&dead_letters_topic(Moved::AGGREGATE));
    let mut violations = Vec::new();
    for (partition, covered) in covered.iter().enumerate() {
        let commands = &state.partitions(topic)[partition];
        let letters: Vec<_> = state.partitions(letters)[partition]
            .iter()
            .filter_map(|record| letter(record.get(0)?))
            .collect();
        for (next, found) in covered.iter().enumerate() {
            let record = commands.get(next).and_then(|record| record.get(0));
            let sent = record.map(|record| Covered::sent(next as Offset, record));
            let fits = match &sent {
                None => false,
                Some(None) => found.offset == next as Offset,
                Some(Some(sent)) => sent == found,
            };
            if !fits {
                violations.push(format!(
                    "{partition}: {found:?} is handled where command {next} was next: {sent:?}"
                ));
                break;
            }
            if letters.contains(&found.offset) != (sent == Some(None)) {
                violations.push(format!("{partition}: {found:?} and the dead letters"));
            }
        }
    }
    violations
}

/// Which command a dead letter is; `None` for what a stranger wrote there.
fn letter(record: RecordRef<'_>) -> Option<Offset> {
    let header: serde_json::Value = serde_json::from_slice(record.header?).ok()?;
    header["offset"].as_u64()
}
