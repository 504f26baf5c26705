//! What a command left in the log: its events, or the word that it was handled without any.

use uuid::Uuid;

use super::{Commit, Handled, PartitionLog};

/// One commit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handling<'a> {
    Events(&'a Commit),
    Nothing(&'a Handled),
}

impl<'a> Handling<'a> {
    /// All commits of a partition, in their order.
    pub fn all(log: &'a PartitionLog) -> Vec<Self> {
        let events = log.commits.iter().map(Self::Events);
        let mut all: Vec<_> = events
            .chain(log.handled.iter().map(Self::Nothing))
            .collect();
        all.sort_by_key(Self::sequence);
        all
    }

    pub fn account(&self) -> &'a str {
        match self {
            Self::Events(commit) => &commit[0].account,
            Self::Nothing(handled) => &handled.account,
        }
    }

    pub fn command(&self) -> Uuid {
        match self {
            Self::Events(commit) => commit[0].command,
            Self::Nothing(handled) => handled.command,
        }
    }

    /// The offset of its command in the topic of commands.
    pub fn command_offset(&self) -> Option<u64> {
        match self {
            Self::Events(commit) => commit[0].command_offset,
            Self::Nothing(handled) => handled.command_offset,
        }
    }

    fn sequence(&self) -> u64 {
        match self {
            Self::Events(commit) => commit[0].sequence,
            Self::Nothing(handled) => handled.sequence,
        }
    }

    /// Whether the caller was told that nothing happened, and why it never will.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Events(_) => false,
            Self::Nothing(handled) => matches!(
                outcome(&handled.outcome).as_deref(),
                Some("rejected" | "conflict")
            ),
        }
    }

    /// Where it stands.
    pub fn place(&self) -> String {
        let (partition, offset) = match self {
            Self::Events(commit) => (commit[0].partition, commit[0].offset),
            Self::Nothing(handled) => (handled.partition, handled.offset),
        };
        let (account, sequence) = (self.account(), self.sequence());
        format!("partition {partition} offset {offset} (sequence {sequence}, {account})")
    }
}

/// The name of an outcome: the JSON is that name, or an object whose one key it is. `None` if the
/// outcome can't be read.
pub(super) fn outcome(json: &str) -> Option<String> {
    match serde_json::from_str(json).ok()? {
        serde_json::Value::String(name) => Some(name),
        serde_json::Value::Object(fields) if fields.len() == 1 => fields.keys().next().cloned(),
        _ => None,
    }
}
