//! Reading a partition: records in, whole valid commits out.

use crate::place::Place;
use crate::{
    EventHeader, Fetched, Header, LogError, LogErrorKind, Offset, Position, ReaderRule, RecordRef,
    Verdict, Void,
};

/// Reads one partition by the reader rule.
///
/// Feed it what a [`LogReader`](crate::LogReader) returns; it hands on the events of whole commits
/// and keeps the [`Position`] after the last of them.
#[derive(Debug)]
pub struct CommitReader {
    topic: String,
    partition: u32,
    partitions: u32,
    rule: ReaderRule,
    position: Position,
    held: Fetched,
    foreign: Option<Foreign>,
}

/// A valid event, not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct ValidEvent<'a> {
    /// The partition that holds it.
    pub partition: u32,
    /// Its offset.
    pub offset: Offset,
    /// The aggregate's id.
    pub key: &'a str,
    /// Its place and origin.
    pub header: EventHeader<'a>,
    /// The framed Avro value.
    pub value: &'a [u8],
}

/// A valid record that takes a sequence: an event, or what stands for a command without events.
#[derive(Clone, Copy, Debug)]
pub enum ValidRecord<'a> {
    /// An event.
    Event(ValidEvent<'a>),
    /// A command was handled that emitted none; the value is a [`Handled`](crate::Handled).
    Handled(ValidEvent<'a>),
}

/// Records in a topic of events that Factum did not write. They are void; someone has the right to
/// write there who should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The offset of the first one.
    pub first: Offset,
    /// How many there were.
    pub count: u64,
}

impl CommitReader {
    /// A reader of a partition of a topic with `partitions` partitions, from `position` on.
    pub fn new(topic: &str, partition: u32, partitions: u32, position: Position) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            partitions,
            rule: ReaderRule::at(&position),
            position,
            held: Fetched::new(partition, position.offset),
            foreign: None,
        }
    }

    /// The position after the last whole commit.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The state of the rule after the last record read.
    pub fn rule(&self) -> &ReaderRule {
        &self.rule
    }

    /// The foreign records met since the last call, to be warned about.
    pub fn take_foreign(&mut self) -> Option<Foreign> {
        self.foreign.take()
    }

    /// Reads records that follow the ones read before, and hands each event of every commit that is
    /// now whole to `valid`, in order.
    ///
    /// # Errors
    /// A record is damaged, the log is, the topic's partition count has changed, or `valid` failed.
    /// Nothing further is read then; the position stays where the last whole commit ended.
    pub fn read(
        &mut self,
        fetched: &Fetched,
        mut valid: impl FnMut(&ValidEvent<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        self.read_all(fetched, |record| match record {
            ValidRecord::Event(event) => valid(event),
            ValidRecord::Handled(_) => Ok(()),
        })
    }

    /// Reads as [`CommitReader::read`] does, and also hands on what stands for commands without events.
    ///
    /// # Errors
    /// Those of [`CommitReader::read`].
    pub fn read_all(
        &mut self,
        fetched: &Fetched,
        mut valid: impl FnMut(&ValidRecord<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        for (offset, record) in fetched.iter() {
            self.read_record(offset, record, &mut valid)?;
            if let Some(position) = self.rule.position(offset + 1) {
                self.position = position;
            }
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        offset: Offset,
        record: RecordRef<'_>,
        valid: &mut impl FnMut(&ValidRecord<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let header = self.at(offset).header(record)?;
        let judged = self.rule.judge(header.as_ref());
        let verdict = judged.map_err(|damage| self.at(offset).damaged(damage))?;
        match (verdict, header) {
            (Verdict::Void(Void::Foreign), _) => self.count_foreign(offset),
            (Verdict::Claimed, Some(Header::Claim(claim))) => {
                self.held.clear();
                self.check_partitions(offset, claim.partitions)?;
            }
            (Verdict::Held, _) => self.held.push(offset, record),
            (Verdict::Whole, Some(Header::Event(header))) => {
                let held = std::mem::replace(&mut self.held, Fetched::new(self.partition, 0));
                for (offset, record) in held.iter() {
                    if let Some(Header::Event(header)) = self.at(offset).header(record)? {
                        valid(&ValidRecord::Event(self.event(offset, header, record)?))?;
                    }
                }
                valid(&ValidRecord::Event(self.event(offset, header, record)?))?;
            }
            (Verdict::Whole, Some(Header::Handled(header))) => {
                valid(&ValidRecord::Handled(self.event(offset, header, record)?))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn event<'a>(
        &self,
        offset: Offset,
        header: EventHeader<'a>,
        record: RecordRef<'a>,
    ) -> Result<ValidEvent<'a>, LogError> {
        let key = std::str::from_utf8(record.key).map_err(|error| {
            self.at(offset)
                .corrupt("the aggregate's id is not UTF-8")
                .with_source(error)
        })?;
        Ok(ValidEvent {
            partition: self.partition,
            offset,
            key,
            header,
            value: record.value,
        })
    }

    fn count_foreign(&mut self, offset: Offset) {
        self.foreign
            .get_or_insert(Foreign {
                first: offset,
                count: 0,
            })
            .count += 1;
    }

    fn check_partitions(&self, offset: Offset, claimed: u32) -> Result<(), LogError> {
        let now = self.partitions;
        if claimed == now {
            return Ok(());
        }
        Err(LogError::new(
            LogErrorKind::Unsuitable,
            format!(
                "{}: the topic had {claimed} partitions when this one was claimed, and has {now} now. \
                 Aggregates would move to other partitions and lose their order. \
                 Copy the events into a new topic with {now} partitions instead",
                self.at(offset)
            ),
        ))
    }

    fn at(&self, offset: Offset) -> Place<'_> {
        Place {
            topic: &self.topic,
            partition: self.partition,
            offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Claim, Records, Stamp};

    fn claim(epoch: u64, floor: u64, partitions: u32) -> Records {
        Claim {
            epoch,
            claimant: Uuid::from_u128(epoch.into()),
            floor,
            partitions,
        }
        .record()
    }

    fn event(epoch: u64, sequence: u64, index: u32, size: u32) -> Records {
        let stamp = Stamp {
            epoch,
            sequence,
            index,
            size,
        };
        let header = EventHeader {
            stamp,
            version: sequence,
            ..EventHeader::default()
        };
        let mut records = Records::new();
        records.push_encoded(
            b"id",
            |out| Header::Event(header).encode(out),
            |out| out.push(sequence as u8),
        );
        records
    }

    fn foreign() -> Records {
        let mut records = Records::new();
        records.push(RecordRef {
            key: b"",
            header: None,
            value: b"?",
        });
        records
    }

    fn fetched(records: &[Records]) -> Fetched {
        let mut fetched = Fetched::new(0, 0);
        for (offset, record) in records.iter().enumerate() {
            fetched.push(offset as u64, record.get(0).unwrap());
        }
        fetched
    }

    fn read(reader: &mut CommitReader, records: &[Records]) -> Result<Vec<u64>, LogError> {
        let mut sequences = Vec::new();
        reader.read(&fetched(records), |event| {
            assert_eq!(u64::from(event.value[0]), event.header.stamp.sequence);
            sequences.push(event.header.stamp.sequence);
            Ok(())
        })?;
        Ok(sequences)
    }

    fn reader() -> CommitReader {
        CommitReader::new("bank.loan.events", 0, 8, Position::START)
    }

    #[test]
    fn a_commit_counts_once_it_is_whole() {
        let mut reader = reader();
        let part = [claim(1, 1, 8), event(1, 1, 0, 1), event(1, 2, 0, 2)];
        assert_eq!(read(&mut reader, &part).unwrap(), [1]);
        assert_eq!((reader.position().offset, reader.position().next), (2, 2));
        assert_eq!(reader.position().identity, Some(Uuid::from_u128(1)));
        assert_eq!(read(&mut reader, &[event(1, 3, 1, 2)]).unwrap(), [2, 3]);
        assert_eq!(reader.position().next, 4);
    }

    #[test]
    fn a_command_without_events_takes_a_sequence_and_is_no_event() {
        let mut handled = Records::new();
        let stamp = Stamp {
            epoch: 1,
            sequence: 1,
            index: 0,
            size: 1,
        };
        let header = Header::Handled(EventHeader {
            stamp,
            ..EventHeader::default()
        });
        handled.push_encoded(b"id", |out| header.encode(out), |_| {});
        let records = [claim(1, 1, 8), handled, event(1, 2, 0, 1)];
        let mut reader = reader();
        assert_eq!(read(&mut reader, &records).unwrap(), [2]);
        assert_eq!(reader.position().next, 3);
        let mut all = Vec::new();
        let read = CommitReader::read_all(&mut self::reader(), &fetched(&records), |record| {
            all.push(matches!(record, ValidRecord::Handled(_)));
            Ok(())
        });
        read.unwrap();
        assert_eq!(all, [true, false]);
    }

    #[test]
    fn a_claim_voids_a_half_read_commit() {
        let mut reader = reader();
        let records = [
            claim(1, 1, 8),
            event(1, 1, 0, 2),
            claim(2, 1, 8),
            event(1, 2, 1, 2),
            event(2, 1, 0, 1),
        ];
        assert_eq!(read(&mut reader, &records).unwrap(), [1]);
        assert_eq!(reader.position().epoch, 2);
    }

    #[test]
    fn foreign_records_are_void_and_counted() {
        let mut reader = reader();
        let records = [foreign(), claim(1, 1, 8), foreign(), event(1, 1, 0, 1)];
        assert_eq!(read(&mut reader, &records).unwrap(), [1]);
        assert_eq!(reader.take_foreign(), Some(Foreign { first: 0, count: 2 }));
        assert_eq!(reader.take_foreign(), None);
    }

    #[test]
    fn another_partition_count_is_refused() {
        let error = read(&mut reader(), &[claim(1, 1, 4)]).unwrap_err();
        assert_eq!(error.kind(), LogErrorKind::Unsuitable);
        assert!(error.to_string().contains("had 4 partitions"), "{error}");
    }

    #[test]
    fn missing_events_are_damage() {
        let records = [claim(1, 1, 8), event(1, 1, 0, 1), claim(2, 3, 8)];
        let error = read(&mut reader(), &records).unwrap_err();
        assert_eq!(error.kind(), LogErrorKind::Damaged);
        assert!(
            error.to_string().contains("partition 0 offset 2"),
            "{error}"
        );
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with("events 2 to 2 are gone"), "{source}");
    }

    #[test]
    fn parts_that_do_not_fit_are_damage() {
        let records = [claim(1, 1, 8), event(1, 1, 0, 3), event(1, 2, 1, 2)];
        assert_eq!(
            read(&mut reader(), &records).unwrap_err().kind(),
            LogErrorKind::Damaged
        );
    }

    #[test]
    fn a_damaged_header_names_its_place() {
        let mut records = Records::new();
        records.push(RecordRef {
            key: b"",
            header: Some(&[1, 1, 0]),
            value: b"",
        });
        let error = read(&mut reader(), &[claim(1, 1, 8), records]).unwrap_err();
        assert_eq!(error.kind(), LogErrorKind::Corrupt);
        assert!(
            error
                .to_string()
                .starts_with("bank.loan.events partition 0 offset 1"),
            "{error}"
        );
    }
}
