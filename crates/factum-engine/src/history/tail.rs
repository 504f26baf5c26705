//! The events that no checkpoint has yet.

use std::sync::Arc;

use compact_str::CompactString;
use factum_core::{Header, RecordRef, Records};
use rustc_hash::FxHashMap;

use super::{Kept, Places, Run, Window};

/// What one event counts besides its bytes, about.
const EVENT: usize = 32;
/// What one aggregate counts besides its events, about.
const GROUP: usize = 128;

/// Events by aggregate.
pub(crate) type Groups = FxHashMap<CompactString, Group>;

/// Events of one aggregate that follow each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// The version of the first one.
    pub first: u64,
    /// Their headers and values, without keys.
    pub records: Records,
}

/// The events of a partition since the last checkpoint, those that are under way among them.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Since the snapshot at hand began, or the last one was stored.
    groups: Groups,
    bytes: usize,
    /// Those of the snapshot that is not stored yet, and the sequence behind them.
    unsaved: Option<(Arc<Groups>, u64)>,
    pub places: Places,
}

impl Tail {
    /// Takes in an event of an aggregate, which has this version with it.
    pub fn push(&mut self, id: &str, version: u64, header: &[u8], value: &[u8]) {
        let group = match self.groups.get_mut(id) {
            Some(group) => group,
            None => {
                self.bytes += GROUP + id.len();
                let records = Records::new();
                let group = Group {
                    first: version,
                    records,
                };
                self.groups.entry(id.into()).or_insert(group)
            }
        };
        debug_assert_eq!(group.first + group.records.len() as u64, version);
        group.push(header, value);
        self.bytes += EVENT + header.len() + value.len();
    }

    /// About how many bytes came since the last snapshot began.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins a snapshot of all that is there, which ends before a sequence.
    pub fn begin_snapshot(&mut self, next: u64) -> Arc<Groups> {
        debug_assert!(self.unsaved.is_none());
        self.bytes = 0;
        let groups = Arc::new(std::mem::take(&mut self.groups));
        self.unsaved = Some((groups.clone(), next));
        groups
    }

    /// Takes note that the snapshot was stored.
    pub fn saved(&mut self) {
        if let Some((_, next)) = self.unsaved.take() {
            self.places.forget_before(next);
        }
    }

    /// Takes note that it could not be stored: it belongs to the next one.
    pub fn not_saved(&mut self) {
        let Some((unsaved, _)) = self.unsaved.take() else {
            return;
        };
        let since = std::mem::take(&mut self.groups);
        self.bytes = 0;
        for (id, group) in unsaved.iter().chain(&since) {
            for (version, record) in group.iter() {
                let header = record.header.unwrap_or_default();
                self.push(id, version, header, record.value);
            }
        }
    }

    /// The events of an aggregate that are here and are facts: whose sequence lies before `next`. No more
    /// than a page of them.
    pub fn facts(&self, id: &str, window: Window, next: u64) -> Run {
        let unsaved = self.unsaved.iter().filter_map(|(groups, _)| groups.get(id));
        let records = unsaved.chain(self.groups.get(id)).flat_map(Group::iter);
        let mut run = Run::default();
        for (version, record) in records.skip_while(|(version, _)| *version < window.from) {
            if run.is_full(window.limit) {
                run.more = true;
                break;
            }
            match self.fact(version, record, next) {
                Some(kept) => run.push(kept),
                None => break,
            }
        }
        run
    }

    fn fact(&self, version: u64, record: RecordRef<'_>, next: u64) -> Option<Kept> {
        let header = record.header.unwrap_or_default();
        let sequence = sequence(header).filter(|sequence| *sequence < next)?;
        Some(Kept {
            offset: self.places.offset(sequence)?,
            version,
            header: header.to_vec(),
            value: record.value.to_vec(),
        })
    }
}

impl Group {
    fn push(&mut self, header: &[u8], value: &[u8]) {
        self.records.push(RecordRef {
            key: b"",
            header: Some(header),
            value,
        });
    }

    /// The events with their versions.
    pub fn iter(&self) -> impl Iterator<Item = (u64, RecordRef<'_>)> {
        (self.first..).zip(self.records.iter())
    }
}

/// The sequence of an event, by its header.
pub(super) fn sequence(header: &[u8]) -> Option<u64> {
    match Header::decode(header) {
        Ok(Header::Event(event)) => Some(event.stamp.sequence),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use factum_core::{EventHeader, Stamp};

    use super::*;

    const ALL: Window = Window {
        from: 1,
        limit: 100,
    };

    /// The n-th event of the partition, at the offset of the same number.
    fn push(tail: &mut Tail, id: &str, version: u64, sequence: u64) {
        push_with(tail, id, version, sequence, &[sequence as u8]);
    }

    fn push_with(tail: &mut Tail, id: &str, version: u64, sequence: u64, value: &[u8]) {
        let stamp = Stamp {
            epoch: 1,
            sequence,
            index: 0,
            size: 1,
        };
        let header = EventHeader {
            stamp,
            version,
            ..EventHeader::default()
        };
        let mut bytes = Vec::new();
        Header::Event(header).encode(&mut bytes);
        tail.push(id, version, &bytes, value);
        tail.places.note(sequence, sequence);
    }

    fn versions(tail: &Tail, id: &str, next: u64) -> Vec<u64> {
        let facts = tail.facts(id, ALL, next);
        facts.events.iter().map(|kept| kept.version).collect()
    }

    #[test]
    fn only_facts_are_told() {
        let mut tail = Tail::default();
        push(&mut tail, "a", 1, 1);
        push(&mut tail, "b", 1, 2);
        push(&mut tail, "a", 2, 3);
        assert_eq!(versions(&tail, "a", 4), [1, 2]);
        assert_eq!(versions(&tail, "a", 3), [1], "event 3 is under way");
        assert_eq!(versions(&tail, "c", 4), [0; 0]);
    }

    #[test]
    fn a_page_ends_where_its_events_are_large() {
        let mut tail = Tail::default();
        for version in 1..=8 {
            push_with(&mut tail, "a", version, version, &[0; 1 << 20]);
        }
        let page = |from, limit| {
            let run = tail.facts("a", Window { from, limit }, 9);
            (run.events.len(), run.more)
        };
        assert_eq!(page(1, 100), (4, true), "4 MiB with their headers");
        assert_eq!(page(5, 100), (4, false));
        assert_eq!(page(1, 2), (2, true));
        assert_eq!(page(7, 2), (2, false));
    }

    #[test]
    fn what_is_being_stored_is_told_until_it_is() {
        let mut tail = Tail::default();
        push(&mut tail, "a", 1, 1);
        let taken = tail.begin_snapshot(2);
        assert_eq!((taken.len(), tail.bytes()), (1, 0));
        push(&mut tail, "a", 2, 2);
        assert_eq!(versions(&tail, "a", 3), [1, 2]);
        tail.saved();
        assert_eq!(versions(&tail, "a", 3), [2]);
    }

    #[test]
    fn what_could_not_be_stored_belongs_to_the_next_snapshot() {
        let mut tail = Tail::default();
        push(&mut tail, "a", 1, 1);
        push(&mut tail, "b", 1, 2);
        tail.begin_snapshot(3);
        push(&mut tail, "a", 2, 3);
        let since = tail.bytes();
        tail.not_saved();
        assert!(tail.bytes() > since);
        let taken = tail.begin_snapshot(4);
        assert_eq!(taken["a"].records.len(), 2);
        assert_eq!(taken["b"].records.len(), 1);
        assert_eq!(versions(&tail, "a", 4), [1, 2]);
    }
}
