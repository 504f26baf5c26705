//! What the log says of commands that came through it, and of those that emitted nothing.

use factum_core::{
    Event, Handled, Offset, RecordRef, ValidEvent, commands_topic, dead_letters_topic,
};
use factum_engine::Receipt;
use serde::Deserialize;
use uuid::Uuid;

use crate::account::{Account, Moved};
use crate::facts::Facts;
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
#[derive(Clone, Debug)]
pub struct Covered {
    /// Its offset.
    pub offset: Offset,
    /// The account.
    pub id: String,
    /// The command's id.
    pub command: Uuid,
    /// Whether it emitted events.
    pub emitted: bool,
}

/// A command as it stands in the topic of commands.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    id: String,
    command: Uuid,
    /// Whether it only asks for the answer to one that stands before it.
    again: bool,
}

/// What the topic of commands holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Routed {
    /// Commands, copies included.
    pub commands: u64,
    /// Copies that only ask for an answer.
    pub copies: u64,
    /// Copies whose answer was forgotten.
    pub forgotten: u64,
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
    Forgotten,
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
            Some(Ok(Told::Forgotten)) => Answer::Forgotten,
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
    pub fn by(valid: &ValidEvent<'_>, emitted: bool) -> Option<Self> {
        Some(Self {
            offset: valid.header.origin.command_offset?,
            id: valid.key.to_owned(),
            command: valid.header.command,
            emitted,
        })
    }

    /// Whether it may stand for the command at an offset, which is `None` if a stranger wrote it.
    fn fits(&self, offset: Offset, sent: Option<&Sent>) -> bool {
        let same = |sent: &Sent| (&sent.id, sent.command) == (&self.id, self.command);
        self.offset == offset && sent.is_none_or(same)
    }
}

impl Sent {
    /// The command that stands in a record; `None` if a stranger wrote it.
    fn read(record: RecordRef<'_>) -> Option<Self> {
        let header: serde_json::Value = serde_json::from_slice(record.header?).ok()?;
        Some(Self {
            id: String::from_utf8_lossy(record.key).into_owned(),
            command: header["command"].as_str()?.parse().ok()?,
            again: header["reply_to"]["again"] == true,
        })
    }
}

/// How many commands each partition holds.
pub fn sent(world: &World) -> Vec<usize> {
    let mut state = world.state();
    let topic = state.topic(&commands_topic(Moved::AGGREGATE));
    state.partitions(topic).iter().map(Vec::len).collect()
}

/// What the topic of commands holds in the end.
pub fn routed(world: &World, facts: &Facts) -> Routed {
    let mut state = world.state();
    let topic = state.topic(&commands_topic(Moved::AGGREGATE));
    let records = state.partitions(topic).iter().flatten();
    let sent: Vec<_> = records
        .filter_map(|record| Sent::read(record.get(0)?))
        .collect();
    let forgotten = facts
        .noted
        .iter()
        .filter(|it| it.answer == Answer::Forgotten);
    Routed {
        commands: sent.len() as u64,
        copies: sent.iter().filter(|sent| sent.again).count() as u64,
        forgotten: forgotten.count() as u64,
    }
}

/// Whether commits cover the commands of the topic: each once, in order, from the first one on. And
/// whether what only asks for an answer left no events.
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
            let sent = record.map(Sent::read);
            let fits = |sent: &Option<Sent>| found.fits(next as Offset, sent.as_ref());
            if !sent.as_ref().is_some_and(fits) {
                violations.push(format!(
                    "{partition}: {found:?} is handled where command {next} was next: {sent:?}"
                ));
                break;
            }
            if found.emitted && matches!(&sent, Some(Some(Sent { again: true, .. }))) {
                violations.push(format!("{partition}: {found:?} is a copy, and took effect"));
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
