//! A batch: events of whole commits, and how far they move the positions.

use std::collections::BTreeMap;

use factum_core::{Fetched, Header, Position, Recorded, ValidEvent};

use crate::Events;
use crate::events::slot_of;
use crate::letter::{Letter, Record};

/// Events to be written in one transaction.
pub(crate) struct Batch<E> {
    /// The events; those of one partition in order.
    pub events: Vec<Recorded<E>>,
    /// For each partition, where the batch starts and where it ends.
    pub moves: BTreeMap<u32, Move>,
    /// The size of the records it was read from, in bytes.
    pub bytes: usize,
    /// Whether the log held no more when it was read.
    pub at_end: bool,
    /// Events that cannot be decoded, each with the number of `events` before it.
    pub unreadable: Vec<(usize, Letter)>,
    /// The records of the events, where they are kept.
    records: BTreeMap<u32, Fetched>,
}

/// A step of one partition's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where the partition stands.
    pub from: Position,
    /// Where it is to stand.
    pub to: Position,
}

impl<E: Events> Batch<E> {
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            moves: BTreeMap::new(),
            bytes: 0,
            at_end: false,
            unreadable: Vec::new(),
            records: BTreeMap::new(),
        }
    }

    /// An empty batch, with the room of another one.
    pub(crate) fn in_room(room: Vec<Recorded<E>>) -> Self {
        debug_assert!(room.is_empty());
        Self {
            events: room,
            ..Self::new()
        }
    }

    /// Keeps the record of an event.
    pub(crate) fn keep(&mut self, slot: u32, event: &ValidEvent<'_>) {
        let kept = self.records.entry(slot);
        let kept = kept.or_insert_with(|| Fetched::new(slot, event.offset));
        kept.records.push_encoded(
            event.key.as_bytes(),
            |out| Header::Event(event.header).encode(out),
            |out| out.extend_from_slice(event.value),
        );
        kept.offsets.push(event.offset);
    }

    /// The record of an event; an empty one if it was not kept.
    pub(crate) fn record(&self, partition: u32, offset: u64) -> Record {
        let record = self.records.get(&partition).and_then(|kept| {
            let index = kept.offsets.binary_search(&offset).ok()?;
            kept.records.get(index)
        });
        record.map_or_else(Record::default, |record| Record {
            key: record.key.to_vec(),
            header: record.header.unwrap_or_default().to_vec(),
            value: record.value.to_vec(),
        })
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    /// Notes that the batch moves a partition from a position to a later one.
    pub(crate) fn moved(&mut self, partition: u32, from: Position, to: Position) {
        if from != to {
            self.moves
                .entry(partition)
                .and_modify(|step| step.to = to)
                .or_insert(Move { from, to });
        }
    }

    /// Drops the events of a partition from a sequence on: parts of a commit that failed to decode.
    pub(crate) fn cut(&mut self, partition: u32, next: u64) {
        let of_broken_commit =
            |event: &Recorded<E>| slot_of(event) == partition && event.sequence >= next;
        while self.events.last().is_some_and(of_broken_commit) {
            self.events.pop();
        }
        let of_broken_commit = |(_, letter): &(usize, Letter)| {
            letter.partition == partition && letter.sequence >= next
        };
        while self.unreadable.last().is_some_and(of_broken_commit) {
            self.unreadable.pop();
        }
    }
}
