//! The reader rule, written from its description: which records of a partition are facts.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::avro::{self, Event};
use super::header::{self, ClaimHeader, EventHeader, Header};
use super::{Kind, RawRecord, Violation};

/// A valid event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Its number in the partition.
    pub sequence: u64,
    /// Its number in the account.
    pub version: u64,
    /// The account.
    pub account: String,
    /// The id of its command.
    pub command: Uuid,
    /// The offset of its command in the topic of commands, if it came that way.
    pub command_offset: Option<u64>,
    /// What it says.
    pub event: Event,
}

/// A command that was handled and emitted nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Its number in the partition.
    pub sequence: u64,
    /// The account's version, which it does not change.
    pub version: u64,
    /// The account.
    pub account: String,
    /// The id of its command.
    pub command: Uuid,
    /// The offset of its command in the topic of commands, if it came that way.
    pub command_offset: Option<u64>,
    /// What its caller is told, as JSON.
    pub outcome: String,
}

/// The events of one command, together.
pub type Commit = Vec<Fact>;

/// What a partition comes to.
#[derive(Debug, Default)]
pub struct PartitionLog {
    /// The valid commits of events, in their order.
    pub commits: Vec<Commit>,
    /// The commands without events, in their order.
    pub handled: Vec<Handled>,
    /// Records without effect, by reason.
    pub voids: BTreeMap<&'static str, u64>,
    /// How often it changed hands.
    pub epoch: u64,
    /// What should not be there.
    pub violations: Vec<Violation>,
}

/// The rule's state.
#[derive(Default)]
struct Reader {
    log: PartitionLog,
    next: u64,
    closed: bool,
    held: Commit,
    held_size: u64,
}

/// Reads all records of a partition of a topic with so many.
pub fn read_partition(records: &[RawRecord], partitions: u32) -> PartitionLog {
    let mut reader = Reader {
        next: 1,
        ..Reader::default()
    };
    for record in records {
        if let Err(text) = reader.read(record, partitions) {
            let place = format!("{text}, at {}@{}", record.partition, record.offset);
            reader
                .log
                .violations
                .push(Violation::new(Kind::Damage, place));
        }
    }
    reader.log
}

impl Reader {
    fn read(&mut self, record: &RawRecord, partitions: u32) -> Result<(), String> {
        let Some(bytes) = &record.header else {
            self.void("foreign");
            return Ok(());
        };
        match header::parse(bytes).ok_or("a header that can't be read")? {
            Header::Claim(claim) => self.claim(&claim, partitions),
            Header::Event(event) => self.event(&event, record, Self::hold),
            Header::Handled(event) => self.event(&event, record, Self::handled),
        }
    }

    fn void(&mut self, why: &'static str) {
        *self.log.voids.entry(why).or_default() += 1;
    }

    fn claim(&mut self, claim: &ClaimHeader, partitions: u32) -> Result<(), String> {
        let next = self.next;
        if claim.floor > next {
            let (floor, who) = (claim.floor, claim.claimant);
            return Err(format!("{who} claimed with {floor} next, but {next} is"));
        }
        if claim.partitions != u64::from(partitions) {
            return Err(format!(
                "a claim that knows {} partitions",
                claim.partitions
            ));
        }
        if claim.epoch != self.log.epoch + 1 {
            self.void("claim that came too late");
            return Ok(());
        }
        self.log.epoch = claim.epoch;
        self.closed = false;
        if !self.held.is_empty() {
            self.held.clear();
            self.void("torn commit");
        }
        Ok(())
    }

    /// Hands what is valid on to `take`.
    fn event(
        &mut self,
        header: &EventHeader,
        record: &RawRecord,
        take: fn(&mut Self, &EventHeader, &RawRecord) -> Result<(), String>,
    ) -> Result<(), String> {
        let expected = self.next + self.held.len() as u64;
        if header.epoch != self.log.epoch {
            self.void("event of another epoch");
        } else if self.closed {
            self.void("event behind a gap");
        } else if header.sequence < expected {
            self.void("event that was there before");
        } else if header.sequence > expected {
            self.closed = true;
            self.void("event that makes a gap");
        } else {
            return take(self, header, record);
        }
        Ok(())
    }

    /// Takes the next part of a commit, and the commit when it is whole.
    fn hold(&mut self, header: &EventHeader, record: &RawRecord) -> Result<(), String> {
        if self.held.is_empty() {
            self.held_size = header.size;
        }
        if header.index != self.held.len() as u64 || header.size != self.held_size {
            return Err("parts of a commit that do not fit together".to_owned());
        }
        let unreadable = "a valid event that can't be read";
        self.held.push(Fact {
            partition: record.partition,
            offset: record.offset,
            sequence: header.sequence,
            version: header.version,
            account: String::from_utf8(record.key.clone()).map_err(|_| unreadable)?,
            command: header.command,
            command_offset: header.offset,
            event: avro::parse(&record.value).ok_or(unreadable)?,
        });
        if self.held.len() as u64 == self.held_size {
            self.next += self.held_size;
            self.log.commits.push(std::mem::take(&mut self.held));
        }
        Ok(())
    }

    /// Takes a command without events: a commit of its own.
    fn handled(&mut self, header: &EventHeader, record: &RawRecord) -> Result<(), String> {
        if !self.held.is_empty() || header.size != 1 {
            return Err("a command without events that is a part of a commit".to_owned());
        }
        self.next += 1;
        let unreadable = "a valid record of a command without events that can't be read";
        self.log.handled.push(Handled {
            partition: record.partition,
            offset: record.offset,
            sequence: header.sequence,
            version: header.version,
            account: String::from_utf8(record.key.clone()).map_err(|_| unreadable)?,
            command: header.command,
            command_offset: header.offset,
            outcome: avro::parse_handled(&record.value)
                .ok_or(unreadable)?
                .to_owned(),
        });
        Ok(())
    }
}
