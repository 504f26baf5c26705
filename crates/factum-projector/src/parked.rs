//! Which keys are parked, and so what is to be parked behind them. Pure.
//!
//! A key is parked in one partition, from its first dead letter there to its last. That makes a partition's
//! parked keys the business of whoever projects it: they grow only in transactions that move its position.
//! Events of one key in other partitions have no order with it to begin with.
//!
//! An event goes behind a letter with which it shares a key. It then keeps all of its keys parked: those of its
//! later events must not overtake it either. Where the keys of an event are not known, because
//! it cannot be decoded or `key` fails, its whole aggregate is parked in their place.

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

/// What events are held back by, told by its hash: a key, or a whole aggregate. Two that share a hash park
/// more than they must, and in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane(u64);

/// Where an event belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    partition: u32,
    /// Its aggregate, by which it can be held back.
    aggregate: Lane,
    /// What it holds back once it is parked, and can be held back by: its keys, or the whole aggregate
    /// where they are not known or there is none.
    kept: Vec<Lane>,
}

/// The parked keys of some partitions.
#[derive(Clone, Debug, Default)]
pub struct Parked {
    partitions: BTreeMap<u32, HashSet<Lane, FxBuildHasher>>,
    letters: u64,
    /// Whether a letter is marked to be replayed.
    asked: bool,
}

impl Lane {
    /// The lane of a key, by its text.
    pub fn key(text: &str) -> Self {
        Self(FxBuildHasher.hash_one(("key", text)))
    }

    /// The lane of all events of an aggregate.
    pub fn aggregate(id: &str) -> Self {
        Self(FxBuildHasher.hash_one(("aggregate", id)))
    }
}

impl Lanes {
    /// The lanes of an event of the aggregate `id` with these keys.
    pub fn new(partition: u32, id: &str, keys: &[String]) -> Self {
        let aggregate = Lane::aggregate(id);
        let kept = match keys {
            [] => vec![aggregate],
            keys => keys.iter().map(|key| Lane::key(key)).collect(),
        };
        Self {
            partition,
            aggregate,
            kept,
        }
    }

    /// What holds others back once the event is parked.
    pub(crate) fn kept(&self) -> impl Iterator<Item = Lane> {
        self.kept.iter().copied()
    }

    /// What holds the event back if it is parked before.
    pub(crate) fn held_by(&self) -> impl Iterator<Item = Lane> {
        self.kept().chain([self.aggregate])
    }

    /// Those of an event that belongs to both: what it was parked with, and what it has by now.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.kept.extend(other.kept);
        self
    }
}

impl Parked {
    /// Whether there are no letters.
    pub fn is_empty(&self) -> bool {
        self.letters == 0
    }

    /// How many letters there are.
    pub fn letters(&self) -> u64 {
        self.letters
    }

    /// How many keys and aggregates are parked.
    pub fn keys(&self) -> usize {
        self.partitions.values().map(HashSet::len).sum()
    }

    /// Whether anything is parked in a partition.
    pub(crate) fn is_in(&self, partition: u32) -> bool {
        self.partitions.contains_key(&partition)
    }

    /// Whether an event is to go behind a letter.
    pub fn holds_back(&self, lanes: &Lanes) -> bool {
        self.partitions
            .get(&lanes.partition)
            .is_some_and(|parked| lanes.held_by().any(|it| parked.contains(&it)))
    }

    /// Parks an event.
    pub fn park(&mut self, lanes: &Lanes) {
        self.letters += 1;
        let parked = self.partitions.entry(lanes.partition).or_default();
        parked.extend(&lanes.kept);
    }

    /// Whether a letter was marked to be replayed when they were looked at. Says so once.
    pub(crate) fn take_asked(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }

    /// So many letters, of which one is `asked` to be replayed or none is.
    pub(crate) fn load(letters: u64, asked: bool) -> Self {
        Self {
            partitions: BTreeMap::new(),
            letters,
            asked,
        }
    }

    /// What these letters park.
    #[cfg(feature = "simulation")]
    pub fn of_letters<'a>(letters: impl Iterator<Item = &'a crate::letter::Letter>) -> Self {
        let mut parked = Self::default();
        letters.for_each(|letter| parked.park(&letter.lanes()));
        parked
    }

    /// Notes that a letter is marked to be replayed.
    #[cfg(feature = "simulation")]
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// Notes a lane that a letter keeps.
    pub(crate) fn keep(&mut self, partition: u32, lane: Lane) {
        self.partitions.entry(partition).or_default().insert(lane);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// An event of the model: its aggregate, the keys that it changes, and what is the matter with it.
    #[derive(Clone, Debug)]
    struct Event {
        partition: u32,
        aggregate: u32,
        keys: Vec<u32>,
        readable: bool,
        fails: bool,
    }

    impl Event {
        fn draw(random: &mut StdRng) -> Self {
            let count = random.random_range(0..3);
            let keys = (0..count).map(|_| random.random_range(0..6)).collect();
            Self {
                partition: random.random_range(0..2),
                aggregate: random.random_range(0..5),
                keys,
                readable: random.random_range(0..12) > 0,
                fails: random.random_range(0..10) == 0,
            }
        }

        fn lanes(&self) -> Lanes {
            let known = self.readable.then_some(&self.keys);
            let keys: Vec<_> = known.into_iter().flatten().map(u32::to_string).collect();
            Lanes::new(self.partition, &self.aggregate.to_string(), &keys)
        }

        /// Whether `later` must not take effect before this one, by what is known of the two.
        fn goes_before(&self, later: &Self) -> bool {
            let unknown = !self.readable || self.keys.is_empty();
            let shares = |key: &u32| later.readable && later.keys.contains(key);
            self.partition == later.partition
                && ((unknown && self.aggregate == later.aggregate)
                    || (self.readable && self.keys.iter().any(shares)))
        }
    }

    /// The indexes of the events that are parked.
    fn parked(events: &[Event]) -> Vec<usize> {
        let mut parked = Parked::default();
        let mut indexes = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let lanes = event.lanes();
            if event.fails || !event.readable || parked.holds_back(&lanes) {
                parked.park(&lanes);
                indexes.push(index);
            }
        }
        assert_eq!(parked.letters(), indexes.len() as u64);
        indexes
    }

    /// The model knows no lanes: an event is parked if it fails, or any parked one goes before it.
    fn model(events: &[Event]) -> Vec<usize> {
        let mut indexes: Vec<usize> = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let behind = indexes.iter().any(|at| events[*at].goes_before(event));
            if event.fails || !event.readable || behind {
                indexes.push(index);
            }
        }
        indexes
    }

    #[test]
    fn just_what_fails_is_parked_and_what_it_goes_before() {
        for seed in 0..5000 {
            let mut random = StdRng::seed_from_u64(seed);
            let count = random.random_range(1..40);
            let events: Vec<_> = (0..count).map(|_| Event::draw(&mut random)).collect();
            assert_eq!(parked(&events), model(&events), "seed {seed}: {events:?}");
        }
    }

    #[test]
    fn a_key_with_nothing_before_it_is_never_parked() {
        for seed in 0..1000 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut events: Vec<_> = (0..30).map(|_| Event::draw(&mut random)).collect();
            // One key that no failed event shares, of an aggregate of its own.
            for event in events.iter_mut().step_by(3) {
                (event.aggregate, event.keys) = (99, vec![99]);
                (event.readable, event.fails) = (true, false);
            }
            let parked: BTreeSet<_> = parked(&events).into_iter().collect();
            assert!((0..30).step_by(3).all(|index| !parked.contains(&index)));
        }
    }

    #[test]
    fn partitions_do_not_hold_each_other_back() {
        let mut parked = Parked::default();
        parked.park(&Lanes::new(0, "a", &["k".into()]));
        assert!(parked.holds_back(&Lanes::new(0, "b", &["k".into()])));
        assert!(!parked.holds_back(&Lanes::new(1, "b", &["k".into()])));
        assert!(
            !parked.holds_back(&Lanes::new(0, "a", &["other".into()])),
            "its aggregate's other keys go on"
        );
        parked.park(&Lanes::new(0, "a", &[]));
        assert!(parked.holds_back(&Lanes::new(0, "a", &["other".into()])));
        assert!(parked.holds_back(&Lanes::new(0, "a", &[])));
        assert_eq!((parked.keys(), parked.letters()), (2, 2));
    }
}
