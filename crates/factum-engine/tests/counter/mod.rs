//! The aggregate of these tests, and an independent reader of its log.

use std::sync::Arc;

use factum_core::{Aggregate, CommitReader, DecodeError, Event, EventLog, Position, events_topic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Counts up to a limit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    total: u64,
}

impl Counter {
    /// What it has come to.
    #[allow(dead_code, reason = "not every test looks at it")]
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added(pub u64, pub Vec<u8>);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(dead_code, reason = "not every test sends all of them")]
pub enum Command {
    /// Emits one event for each number.
    Add(Vec<u64>),
    /// Emits an event that its own codec refuses to read.
    Unreadable,
    /// Emits an event of so many bytes.
    Fill(usize),
    Panic,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached;

pub const LIMIT: u64 = 1_000_000;

impl Event for Added {
    const AGGREGATE: &'static str = "test.counter";

    fn name(&self) -> &'static str {
        "Added"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
        out.extend_from_slice(&self.1);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let (number, rest) = value
            .split_first_chunk()
            .ok_or_else(|| DecodeError::new("too short"))?;
        match u64::from_le_bytes(*number) {
            u64::MAX => Err(DecodeError::new("too large a number")),
            number => Ok(Added(number, rest.to_vec())),
        }
    }
}

impl Aggregate for Counter {
    type Command = Command;
    type Event = Added;
    type Rejection = LimitReached;

    fn decide(&self, command: Command) -> Result<Vec<Added>, LimitReached> {
        match command {
            Command::Add(numbers) if self.total + numbers.iter().sum::<u64>() > LIMIT => {
                Err(LimitReached)
            }
            Command::Add(numbers) => Ok(numbers
                .into_iter()
                .map(|number| Added(number, vec![]))
                .collect()),
            Command::Fill(bytes) => Ok(vec![Added(0, vec![7; bytes])]),
            Command::Unreadable => Ok(vec![Added(u64::MAX, vec![])]),
            Command::Panic => panic!("a mistake in the domain"),
        }
    }

    fn apply(&mut self, event: &Added) {
        self.total += event.0;
    }
}

/// A valid event, as an independent reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code, reason = "not every test looks at all of it")]
pub struct Seen {
    pub id: String,
    pub partition: u32,
    pub sequence: u64,
    pub version: u64,
    pub command: Uuid,
    pub number: u64,
}

/// Reads every valid event of the counter's topic.
#[allow(dead_code, reason = "not every test looks at the log itself")]
pub async fn read_all(log: &Arc<dyn EventLog>) -> Vec<Seen> {
    let topic = log
        .open(&events_topic(Added::AGGREGATE), None)
        .await
        .unwrap();
    let mut seen = Vec::new();
    for partition in 0..topic.partitions() {
        let end = topic.end(partition).await.unwrap();
        let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
        let mut commits =
            CommitReader::new(topic.name(), partition, topic.partitions(), Position::START);
        let mut at = 0;
        while at < end {
            for fetched in reader.next().await.unwrap() {
                at = fetched.next;
                commits
                    .read(&fetched, |event| {
                        seen.push(Seen {
                            id: event.key.to_owned(),
                            partition,
                            sequence: event.header.stamp.sequence,
                            version: event.header.version,
                            command: event.header.command,
                            number: Added::decode(event.value).unwrap().0,
                        });
                        Ok(())
                    })
                    .unwrap();
            }
        }
    }
    seen
}
