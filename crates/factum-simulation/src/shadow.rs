//! What the rows must be, by the positions: the fold of the log up to there, made from the log itself,
//! but for the events that lie among the dead letters.

use std::collections::{BTreeMap, BTreeSet};

use factum_core::{CommitReader, Fetched, Position, Recorded};
use factum_projector::{Append, Fold};

use crate::account::Moved;
use crate::board::{Board, Line};
use crate::flaw::soundly;
use crate::kind::{Feed, Kind, is_poisoned};
use crate::world::World;

/// An event's partition and sequence.
pub(crate) type Place = (u32, u64);

/// The rows that must be there.
pub(crate) struct Shadow {
    kind: Kind,
    rows: BTreeMap<String, Line>,
    /// The events that are parked.
    parked: BTreeMap<Place, Recorded<Moved>>,
    /// What nobody can have come to.
    strange: Option<String>,
}

impl Shadow {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            rows: BTreeMap::new(),
            parked: BTreeMap::new(),
            strange: None,
        }
    }

    /// Takes in what a transaction did: moves of positions, with what it parked, or a replay of letters.
    pub(crate) fn commit(
        &mut self,
        world: &World,
        moves: &[(u32, Position, Position)],
        mut parked: BTreeSet<Place>,
        replayed: &BTreeSet<Place>,
    ) {
        soundly(world.flaw(), || {
            for (partition, from, to) in moves {
                self.pass(world, *partition, (*from, *to), &mut parked);
            }
        });
        if let Some(place) = parked.first() {
            self.note(format!("{place:?} is parked, and was not passed"));
        }
        for place in replayed {
            self.replay(*place);
        }
    }

    /// Takes in what stands between two positions.
    fn pass(
        &mut self,
        world: &World,
        partition: u32,
        (from, to): (Position, Position),
        parked: &mut BTreeSet<Place>,
    ) {
        let mut fetched = Fetched::new(partition, from.offset);
        let count = {
            let state = world.state();
            let records = &state.events()[partition as usize];
            let (start, end) = (from.offset as usize, to.offset as usize);
            for (offset, record) in (from.offset..).zip(records.get(start..end).unwrap_or(&[])) {
                fetched.push(offset, record.get(0).expect("one a batch"));
            }
            state.events().len() as u32
        };
        let mut reader = CommitReader::new("log", partition, count, from);
        let read = reader.read(&fetched, |event| {
            let event = Recorded::<Moved>::decode("log", event)?;
            match parked.remove(&(partition, event.sequence)) {
                true => self.park(event),
                false => self.apply(&event),
            }
            Ok(())
        });
        if read.is_err() || (reader.position().next, reader.position().epoch) != (to.next, to.epoch)
        {
            let found = reader.position();
            self.note(format!("{partition} is at {to:?}, the log says {found:?}"));
        }
    }

    /// An event may be parked that fails, or that another holds back.
    fn park(&mut self, event: Recorded<Moved>) {
        if !is_poisoned(&event.event) && self.before(&event).is_none() {
            self.note(format!("parked for nothing: {event:?}"));
        }
        self.parked.insert((event.partition, event.sequence), event);
    }

    fn replay(&mut self, place: Place) {
        match self.parked.remove(&place) {
            Some(event) => self.apply(&event),
            None => self.note(format!("{place:?} is replayed, and was not parked")),
        }
    }

    fn apply(&mut self, event: &Recorded<Moved>) {
        if let Some(before) = self.before(event) {
            self.note(format!("{event:?} overtakes {before:?}"));
        }
        match self.kind {
            Kind::Append => {
                let rows = Feed.rows(event).into_iter();
                self.rows.extend(rows.map(|row| (row.key.clone(), row)));
            }
            Kind::Fold | Kind::Parking => {
                let Some(key) = Board.key(event) else { return };
                let row = self.rows.remove(&key);
                let row = Board.fold(row, event);
                self.rows.extend(row.map(|row| (key, row)));
            }
        }
    }

    /// A letter that must be applied before an event.
    fn before(&self, event: &Recorded<Moved>) -> Option<Place> {
        let key = Board.key(event)?;
        let of_partition = (event.partition, 0)..(event.partition, event.sequence);
        let mut earlier = self.parked.range(of_partition);
        let held = earlier.find(|(_, earlier)| Board.key(earlier).as_ref() == Some(&key));
        held.map(|(place, _)| *place)
    }

    fn note(&mut self, strange: String) {
        self.strange.get_or_insert(strange);
    }

    /// The first difference between these rows and those that there are.
    pub(crate) fn difference(&self, rows: &BTreeMap<String, Line>) -> Option<String> {
        if self.strange.is_some() {
            return self.strange.clone();
        }
        if *rows == self.rows {
            return None;
        }
        let keys = rows.keys().chain(self.rows.keys());
        let mut different = keys.filter(|key| rows.get(*key) != self.rows.get(*key));
        let key = different.next()?;
        let (found, expected) = (rows.get(key), self.rows.get(key));
        Some(format!("row {key} is {found:?}, the log says {expected:?}"))
    }
}
