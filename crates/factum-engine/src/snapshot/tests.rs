//! Whatever a writer meets, what it stores is fact: a checkpoint equals the fold of the events that
//! an independent reader finds valid, and that reader goes on from its position without a gap.
//!
//! The real writer rule, notes of changes and hold, on a log in a vector, with lost, late and doubled
//! batches, and a rival.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use factum_core::{
    Appended, Claim, CommitReader, DecodeError, Event, EventHeader, Fetched, Header, Position,
    ReaderRule, Records, Step, Writer,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Hold, NewCommands, Snapshot};
use crate::aggregates::Aggregates;

#[derive(Default)]
struct Tally(u64);

struct Added(u8);

impl Event for Added {
    const AGGREGATE: &'static str = "test.tally";

    fn name(&self) -> &'static str {
        "Added"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(value[0]))
    }
}

impl factum_core::Aggregate for Tally {
    type Command = ();
    type Event = Added;
    type Rejection = ();

    fn decide(&self, (): ()) -> Result<Vec<Added>, ()> {
        unreachable!("events are made by the test")
    }

    fn apply(&mut self, event: &Added) {
        // Depends on the order, so that no other set of events gives the same.
        self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(event.0) + 1);
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Decide a commit of so many events of an aggregate, and send it.
    Commit(u8, u8),
    /// The oldest batch under way lands, and is acknowledged.
    Land,
    /// It lands twice.
    LandTwice,
    /// It never lands. The later ones under way land before (true) or after the next claim.
    Lose(bool),
    /// Another writer takes over and writes.
    Rival(u8),
    /// A snapshot begins, if none is under way.
    Begin,
    /// Some states are taken into it.
    Take(u8),
    /// What was written reached the disk (true), or failed.
    Written(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..6_u8, 1..4_u8).prop_map(|(id, size)| Op::Commit(id, size)),
        6 => Just(Op::Land),
        1 => Just(Op::LandTwice),
        1 => any::<bool>().prop_map(Op::Lose),
        1 => (0..6_u8).prop_map(Op::Rival),
        3 => Just(Op::Begin),
        3 => (1..4_u8).prop_map(Op::Take),
        3 => prop::bool::weighted(0.8).prop_map(Op::Written),
    ]
}

/// Version and state of each aggregate.
type Fold = BTreeMap<String, (u64, u64)>;

fn encode(state: &Tally, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
    out.extend_from_slice(&state.0.to_le_bytes());
    Ok(())
}

struct World {
    log: Vec<Records>,
    writer: Writer<()>,
    aggregates: Aggregates<Tally>,
    under_way: VecDeque<Records>,
    taking: Option<Position>,
    hold: Hold<Snapshot>,
    writing: Option<Snapshot>,
    disk: Fold,
    stored: Position,
    claims: u128,
    number: u8,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            log: Vec::new(),
            writer: Writer::new(Uuid::from_u128(7), 1, ReaderRule::default(), 0),
            aggregates: Aggregates::none(Some(encode)),
            under_way: VecDeque::new(),
            taking: None,
            hold: Hold::EMPTY,
            writing: None,
            disk: Fold::new(),
            stored: Position::START,
            claims: 0,
            number: 0,
        };
        world.claim();
        world
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Commit(id, size) => self.commit(id, size),
            Op::Land => self.land(1),
            Op::LandTwice => self.land(2),
            Op::Lose(early) => self.lose(early),
            Op::Rival(id) => self.rival(id),
            Op::Begin => self.begin(),
            Op::Take(count) => self.take(count.into()),
            Op::Written(succeeded) => self.written(succeeded),
        }
        if let Some((_, snapshot)) = self.hold.release(self.writer.rule()) {
            self.writing = Some(snapshot);
        }
    }

    fn commit(&mut self, id: u8, size: u8) {
        let id = format!("tally-{id}");
        let mut records = Records::new();
        let stamps: Vec<_> = self.writer.stamps(size.into()).collect();
        for stamp in &stamps {
            self.number = self.number.wrapping_add(1);
            let version = self.aggregates.apply(&id, [&Added(self.number)]);
            push(&mut records, &id, *stamp, version, self.number);
        }
        self.writer.plan((), size.into());
        self.writer.sent(stamps);
        self.under_way.push_back(records);
    }

    fn append(&mut self, records: &Records) -> u64 {
        let first = self.log.len() as u64;
        for record in records.iter() {
            let mut one = Records::new();
            one.push(record);
            self.log.push(one);
        }
        first
    }

    fn land(&mut self, times: usize) {
        let Some(batch) = self.under_way.pop_front() else {
            return;
        };
        let first = self.append(&batch);
        for _ in 1..times {
            self.append(&batch);
        }
        let mut step = self.writer.acknowledged(Appended::At(first)).unwrap();
        loop {
            match step {
                Step::Own => return,
                Step::Claim | Step::Superseded => return self.claim(),
                Step::ReadTo(_) | Step::ReadToEnd => {
                    self.writer.read("t", &self.fetch(0)).unwrap();
                    step = self.writer.standing();
                }
            }
        }
    }

    fn lose(&mut self, early: bool) {
        if self.under_way.pop_front().is_none() {
            return;
        }
        let others: Vec<_> = self.under_way.drain(..).collect();
        for batch in others.iter().filter(|_| early) {
            self.append(batch);
        }
        self.claim();
        for batch in others.iter().filter(|_| !early) {
            self.append(batch);
        }
    }

    fn rival(&mut self, id: u8) {
        let (rule, _, _) = self.facts();
        let claim = Claim {
            epoch: rule.epoch() + 1,
            claimant: Uuid::from_u128(1_000 + self.claims),
            floor: rule.next(),
            partitions: 1,
        };
        self.append(&claim.record());
        let id = format!("tally-{id}");
        let version = self.facts().1.get(&id).map_or(0, |(version, _)| *version) + 1;
        let stamp = factum_core::Stamp {
            epoch: claim.epoch,
            sequence: rule.next(),
            index: 0,
            size: 1,
        };
        let mut records = Records::new();
        push(&mut records, &id, stamp, version, 200);
        self.append(&records);
    }

    /// Claims, as the owner does: what is not fact is void, and the state comes from the disk.
    fn claim(&mut self) {
        self.claims += 1;
        self.under_way.clear();
        self.taking = None;
        self.hold.void();
        if let Some(writing) = self.writing.take() {
            self.store(&writing); // it waits for the disk
        }
        self.writer.read("t", &self.fetch(0)).unwrap();
        let claim = self.writer.claim().record();
        self.append(&claim);
        self.writer.read("t", &self.fetch(0)).unwrap();
        assert!(self.writer.settle_claim());
        self.writer.take_settled().for_each(drop);
        self.resume();
    }

    /// The state from the disk, brought up to date.
    fn resume(&mut self) {
        let mut aggregates = Aggregates::none(Some(encode as _));
        for (id, (version, state)) in &self.disk {
            aggregates.insert_stored(id.as_str().into(), *version, Tally(*state));
        }
        let mut tail = CommitReader::new("t", 0, 1, self.stored);
        tail.read(&self.fetch(self.stored.offset), |event| {
            let version = aggregates.apply(event.key, [&Added::decode(event.value).unwrap()]);
            assert_eq!(
                version, event.header.version,
                "the tail follows the checkpoint"
            );
            Ok(())
        })
        .unwrap();
        let (rule, facts, _) = self.facts();
        assert_eq!(tail.rule().next(), rule.next());
        for (id, fact) in &facts {
            let found = aggregates.get(id).map(|it| (it.version, it.state.0));
            assert_eq!(found, Some(*fact), "{id}");
        }
        self.aggregates = aggregates;
    }

    fn begin(&mut self) {
        if self.taking.is_some() || !self.hold.is_empty() || self.writing.is_some() {
            return;
        }
        let rule = self.writer.rule();
        self.aggregates.begin_snapshot();
        self.taking = Some(Position {
            identity: rule.identity(),
            offset: self.writer.known(),
            epoch: rule.epoch(),
            next: self.writer.planned() + 1,
            closed: false,
        });
    }

    fn take(&mut self, count: usize) {
        if self.taking.is_none() || !self.aggregates.take(count) {
            return;
        }
        let (Some(position), Ok(states)) = (self.taking.take(), self.aggregates.finish_snapshot())
        else {
            return;
        };
        let commands = NewCommands::default();
        self.hold.put(
            position,
            Snapshot {
                events: None,
                places: Default::default(),
                position,
                states,
                commands,
            },
        );
    }

    fn written(&mut self, succeeded: bool) {
        let Some(snapshot) = self.writing.take() else {
            return;
        };
        if succeeded {
            self.store(&snapshot);
            self.aggregates.saved();
        } else {
            self.aggregates.not_saved();
        }
    }

    /// Stores a snapshot, and compares the disk with the facts up to its position.
    fn store(&mut self, snapshot: &Snapshot) {
        for (id, stored) in snapshot.states.iter() {
            let number = |at: usize| u64::from_le_bytes(stored[at..at + 8].try_into().unwrap());
            self.disk.insert(id.to_owned(), (number(0), number(8)));
        }
        self.stored = snapshot.position;
        let (_, _, events) = self.facts();
        let mut expected: BTreeMap<String, (u64, Tally)> = BTreeMap::new();
        let mut facts = 0;
        for (id, number) in events.iter().take(self.stored.next as usize - 1) {
            let (version, tally) = expected.entry(id.clone()).or_default();
            factum_core::Aggregate::apply(tally, &Added(*number));
            *version += 1;
            facts += 1;
        }
        assert_eq!(facts, self.stored.next - 1, "all of it is fact");
        let expected: Fold = expected
            .into_iter()
            .map(|(id, (version, tally))| (id, (version, tally.0)))
            .collect();
        assert_eq!(self.disk, expected);
    }

    fn fetch(&self, from: u64) -> Fetched {
        let mut fetched = Fetched::new(0, from);
        for (offset, record) in self.log.iter().enumerate().skip(from as usize) {
            fetched.push(offset as u64, record.get(0).unwrap());
        }
        fetched
    }

    /// What an independent reader makes of the log: its rule, the fold, and the events in order.
    fn facts(&self) -> (ReaderRule, Fold, Vec<(String, u8)>) {
        let mut reader = CommitReader::new("t", 0, 1, Position::START);
        let (mut fold, mut events) = (BTreeMap::<String, (u64, Tally)>::new(), Vec::new());
        reader
            .read(&self.fetch(0), |event| {
                let (version, tally) = fold.entry(event.key.to_owned()).or_default();
                *version += 1;
                assert_eq!(*version, event.header.version);
                factum_core::Aggregate::apply(tally, &Added(event.value[0]));
                events.push((event.key.to_owned(), event.value[0]));
                Ok(())
            })
            .unwrap();
        let fold = fold
            .into_iter()
            .map(|(id, (version, tally))| (id, (version, tally.0)));
        (*reader.rule(), fold.collect(), events)
    }
}

fn push(records: &mut Records, id: &str, stamp: factum_core::Stamp, version: u64, number: u8) {
    let header = EventHeader {
        stamp,
        version,
        ..EventHeader::default()
    };
    records.push_encoded(
        id.as_bytes(),
        |out| Header::Event(header).encode(out),
        |out| Added(number).encode(out),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 5 } else { 600 }))]

    #[test]
    fn a_checkpoint_holds_facts_only(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in ops {
            world.run(op);
        }
        world.claim();
    }
}

/// A hold that trusts whatever sequence the log reaches stores what is void.
#[test]
fn a_snapshot_of_void_commits_is_never_released() {
    let mut world = World::new();
    world.run(Op::Commit(1, 2));
    world.run(Op::Begin);
    world.run(Op::Take(9));
    assert!(world.writing.is_none(), "nothing is fact yet");
    let held = world.stored_after_takeover();
    assert!(held.is_none(), "{held:?}");
}

impl World {
    /// A rival writes as many events as were planned; the writer reads them before it is told.
    fn stored_after_takeover(&mut self) -> Option<Snapshot> {
        self.rival(1);
        let (rule, _, _) = self.facts();
        let mut known = rule;
        while known.next() < 3 {
            self.rival(2);
            known = self.facts().0;
        }
        self.hold.release(&known).map(|(_, snapshot)| snapshot)
    }
}

#[test]
fn a_changed_state_is_taken_before_it_changes_again() {
    let mut aggregates = Aggregates::<Tally>::none(Some(encode));
    for id in ["a", "b", "c"] {
        aggregates.apply(id, [&Added(1)]);
    }
    aggregates.begin_snapshot();
    aggregates.apply("b", [&Added(2)]);
    aggregates.apply("d", [&Added(3)]);
    assert!(aggregates.take(9));
    let states: Arc<_> = aggregates.finish_snapshot().unwrap();
    let versions: BTreeMap<_, _> = states.iter().map(|(id, bytes)| (id, bytes[0])).collect();
    assert_eq!(versions, BTreeMap::from([("a", 1), ("b", 1), ("c", 1)]));
    aggregates.saved();
    aggregates.begin_snapshot();
    assert!(aggregates.take(9));
    let states = aggregates.finish_snapshot().unwrap();
    let versions: BTreeMap<_, _> = states.iter().map(|(id, bytes)| (id, bytes[0])).collect();
    assert_eq!(versions, BTreeMap::from([("b", 2), ("d", 1)]));
}

#[test]
fn what_no_checkpoint_has_is_never_dropped() {
    let mut aggregates = Aggregates::<Tally>::none(Some(encode));
    for number in 0..1000 {
        aggregates.apply(&format!("{number}"), [&Added(1)]);
    }
    assert!(aggregates.evict(1).is_none(), "all of it is new");
    aggregates.begin_snapshot();
    assert!(aggregates.take(usize::MAX));
    aggregates.finish_snapshot().unwrap();
    assert!(aggregates.evict(1).is_none(), "none of it is stored yet");
    aggregates.saved();
    aggregates.apply("7", [&Added(1)]);
    assert!(aggregates.evict(1).is_some(), "one generation grows old");
    aggregates.apply("8", [&Added(1)]);
    for number in 1000..1010 {
        aggregates.insert_stored(format!("{number}").as_str().into(), 1, Tally(1));
    }
    assert!(aggregates.evict(1).is_some(), "the old ones go");
    assert_eq!(aggregates.get("7").map(|it| it.version), Some(2));
    assert_eq!(aggregates.get("8").map(|it| it.version), Some(2));
    assert!(aggregates.get("9").is_none());
    let missing = aggregates.missing(["7", "9", "9", "1005"].into_iter());
    assert_eq!(missing, ["9"]);
}
