//! The partition of events: its records, and what every reader makes of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use factum_core::{
    Claim, CommitReader, EventHeader, Fetched, Header, LogError, LogErrorKind, Offset, Origin,
    Position, RecordRef, Stamp, ValidRecord,
};
use uuid::Uuid;

use crate::Answer;

/// The topic's name, for errors.
pub const TOPIC: &str = "model.account.events";

/// A record of the partition. It is encoded and read by the real code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The account; `None` for claims.
    pub account: Option<u8>,
    /// The header. Its causation id is the attempt, which nobody but the checks looks at.
    pub header: Header<'static>,
    /// What the caller is told, on the record of a command that emitted nothing.
    pub told: Option<Answer>,
}

impl Record {
    /// An event; or, with what the caller is told, the record of a command that emitted nothing.
    pub fn new(
        account: u8,
        header: EventHeader<'static>,
        stamp: Stamp,
        told: Option<Answer>,
    ) -> Self {
        let more = match told {
            Some(_) => 0,
            None => 1 + u64::from(stamp.index),
        };
        let header = EventHeader {
            stamp,
            version: header.version + more,
            ..header
        };
        Self {
            account: Some(account),
            header: match told {
                None => Header::Event(header),
                Some(_) => Header::Handled(header),
            },
            told,
        }
    }

    /// What it says of its command, unless it is a claim.
    pub fn event(&self) -> Option<&EventHeader<'static>> {
        match &self.header {
            Header::Event(event) | Header::Handled(event) => Some(event),
            Header::Claim(_) => None,
        }
    }

    /// A claim.
    pub fn claim(claim: Claim) -> Self {
        Self {
            account: None,
            header: Header::Claim(claim),
            told: None,
        }
    }
}

/// The records, and what is true of them. Logs are compared by a digest of the records.
#[derive(Clone, Debug)]
pub struct Log {
    /// The records, in offset order.
    pub records: Arc<Vec<Record>>,
    /// What is true of them.
    pub facts: Arc<Facts>,
    digest: u64,
}

impl Log {
    /// A log; `facts` finds out what is true of it.
    pub fn new(records: Vec<Record>, facts: impl FnOnce(&[Record]) -> Arc<Facts>) -> Self {
        let mut digest = DefaultHasher::new();
        records.hash(&mut digest);
        Self {
            digest: digest.finish(),
            facts: facts(&records),
            records: records.into(),
        }
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// A valid commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its account.
    pub account: u8,
    /// Its command.
    pub command: u8,
    /// Which of the command's attempts it was.
    pub attempt: u8,
    /// The epoch of its owner.
    pub epoch: u64,
    /// The sequence of its last record.
    pub last: u64,
    /// The offset of the command's own record, if it came through the topic.
    pub offset: Option<Offset>,
    /// What its caller is told, if it emitted nothing.
    pub told: Option<Answer>,
}

/// What is true of a log. Read by [`CommitReader`], the code of every reader.
#[derive(Debug)]
pub struct Facts {
    /// The valid commits, in order.
    pub commits: Vec<Commit>,
    /// The epoch in force.
    pub epoch: u64,
    /// How many records of the commands topic were handled: one more than the newest offset that a
    /// valid commit carries.
    pub progress: Offset,
    /// Event records without effect.
    pub void: usize,
    /// The log can be read.
    pub readable: bool,
    /// Sequences and versions count from 1 without a gap.
    pub dense: bool,
    /// Whoever reads from a stored position, from earlier, or a copy with a doubled stretch, reads
    /// the same commits.
    pub readers_agree: bool,
    /// A log without one of its valid events is refused if a later claim stood on it, and else not.
    pub damage_shows: bool,
}

/// An event as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    account: u8,
    header: EventHeader<'static>,
    told: Option<Answer>,
}

impl Facts {
    /// Reads a log in every way.
    pub fn of(log: &[Record]) -> Self {
        let all = read(log, Position::START);
        let readable = all.is_ok();
        let seen = all.unwrap_or_default();
        let commits: Vec<_> = seen
            .iter()
            .filter(|event| event.header.stamp.index + 1 == event.header.stamp.size)
            .map(commit)
            .collect();
        let events = log.iter().filter(|record| record.event().is_some()).count();
        Self {
            epoch: epoch(log),
            progress: commits
                .iter()
                .filter_map(|commit| commit.offset)
                .max()
                .map_or(0, |newest| newest + 1),
            void: events - seen.len(),
            readable,
            dense: dense(&seen),
            readers_agree: !readable || resumes(log, &seen) && mirrors(log, &seen),
            damage_shows: !readable || seen.iter().all(|gone| damage_shows(log, gone)),
            commits,
        }
    }

    /// The valid commits of a command's events.
    pub fn of_command(&self, command: u8) -> impl Iterator<Item = &Commit> {
        self.commits
            .iter()
            .filter(move |commit| commit.command == command && commit.told.is_none())
    }
}

/// The command's id.
pub fn command_id(command: u8) -> Uuid {
    Uuid::from_u128(u128::from(command) + 1)
}

/// Records as a log gives them, from an offset on.
pub fn fetched(records: &[Record], from: Offset) -> Fetched {
    let mut fetched = Fetched::new(0, from);
    for (record, offset) in records.iter().zip(from..) {
        let key = record
            .account
            .map_or(String::new(), |account| format!("account-{account}"));
        let mut header = Vec::new();
        record.header.encode(&mut header);
        let (key, header, value) = (key.as_bytes(), Some(header.as_slice()), value(record.told));
        let value = &value;
        fetched.push(offset, RecordRef { key, header, value });
    }
    fetched
}

/// An event of the model says nothing.
fn value(told: Option<Answer>) -> Vec<u8> {
    match told {
        None => Vec::new(),
        Some(Answer::Accepted(last)) => vec![b'a', last as u8],
        Some(Answer::Rejected) => vec![b'r'],
        Some(Answer::Fenced) => unreachable!("what nothing came of is not written down"),
    }
}

fn told(value: &[u8]) -> Option<Answer> {
    match value {
        [b'a', last] => Some(Answer::Accepted(u64::from(*last))),
        [b'r'] => Some(Answer::Rejected),
        _ => None,
    }
}

fn read(log: &[Record], position: Position) -> Result<Vec<Seen>, LogErrorKind> {
    let mut seen = Vec::new();
    let mut reader = CommitReader::new(TOPIC, 0, 1, position);
    let taken = reader.read_all(&fetched(log, 0), |record| {
        let (event, told) = match record {
            ValidRecord::Event(event) => (event, None),
            ValidRecord::Handled(handled) => (handled, told(handled.value)),
        };
        let account = event.key.strip_prefix("account-");
        seen.push(Seen {
            account: account.and_then(|it| it.parse().ok()).unwrap_or(u8::MAX),
            header: owned(&event.header),
            told,
        });
        Ok(())
    });
    taken.map_err(|error: LogError| error.kind())?;
    Ok(seen)
}

/// No event of the model names an actor, the one part that is borrowed.
fn owned(header: &EventHeader<'_>) -> EventHeader<'static> {
    let origin = header.origin;
    EventHeader {
        stamp: header.stamp,
        version: header.version,
        time: header.time,
        command: header.command,
        origin: Origin {
            command_offset: origin.command_offset,
            causation: origin.causation,
            ..Origin::default()
        },
    }
}

fn commit(last: &Seen) -> Commit {
    let small = |id: Uuid| id.as_u128() as u8;
    let header = &last.header;
    Commit {
        account: last.account,
        command: small(header.command).wrapping_sub(1),
        attempt: header.origin.causation.map_or(0, small),
        epoch: header.stamp.epoch,
        last: header.stamp.sequence,
        offset: header.origin.command_offset,
        told: last.told,
    }
}

fn epoch(log: &[Record]) -> u64 {
    let mut reader = CommitReader::new(TOPIC, 0, 1, Position::START);
    let _ = reader.read(&fetched(log, 0), |_| Ok(()));
    reader.rule().epoch()
}

fn dense(seen: &[Seen]) -> bool {
    let mut versions = BTreeMap::<u8, u64>::new();
    seen.iter().zip(1..).all(|(event, sequence)| {
        let version = versions.entry(event.account).or_default();
        *version += u64::from(event.told.is_none());
        event.header.version == *version && event.header.stamp.sequence == sequence
    })
}

/// From every position, and from every place before it, the same events follow.
fn resumes(log: &[Record], all: &[Seen]) -> bool {
    positions(log).into_iter().all(|position| {
        let tail = all.get(position.next as usize - 1..);
        (0..=position.offset as usize)
            .all(|start| read(&log[start..], position).ok().as_deref() == tail)
    })
}

fn positions(log: &[Record]) -> Vec<Position> {
    let mut reader = CommitReader::new(TOPIC, 0, 1, Position::START);
    let mut positions = vec![Position::START];
    for (record, offset) in log.iter().zip(0..) {
        let read = reader.read(&fetched(std::slice::from_ref(record), offset), |_| Ok(()));
        if read.is_ok() && reader.position().offset == offset + 1 {
            positions.push(*reader.position());
        }
    }
    positions
}

/// A copy that has any one stretch of the log twice holds the same events.
fn mirrors(log: &[Record], all: &[Seen]) -> bool {
    let doubled = |from: usize, to: usize| [&log[..to], &log[from..]].concat();
    (0..log.len()).all(|from| {
        (from + 1..=log.len())
            .all(|to| read(&doubled(from, to), Position::START).as_deref() == Ok(all))
    })
}

fn damage_shows(log: &[Record], gone: &Seen) -> bool {
    let is_gone = |record: &Record| record.event() == Some(&gone.header);
    let at = log.iter().position(is_gone).unwrap_or(0);
    let stood_on_it = log[at..].iter().any(|record| {
        matches!(record.header, Header::Claim(Claim { floor, .. }) if floor > gone.header.stamp.sequence)
    });
    let rest: Vec<_> = log
        .iter()
        .filter(|record| !is_gone(record))
        .cloned()
        .collect();
    stood_on_it == (read(&rest, Position::START) == Err(LogErrorKind::Damaged))
}
