//! The claims protocol under a network that loses, doubles and reorders, with zombies, torn commits,
//! mirrors and damage: writers and readers run the code of this crate on a simulated log.
//!
//! For every random schedule:
//! * an acknowledged commit is valid for every reader, exactly once, and versions have no gap;
//! * a commit reported as void is never valid;
//! * a reader that resumes from any stored position, or earlier, sees the same tail;
//! * a copy of the log with other offsets and doubled stretches holds the same valid commits;
//! * a log from which a valid record was taken out is refused by the next claim that stood on it.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use uuid::Uuid;

use crate::guard::{Guard, WITHOUT};
use crate::{
    Appended, Claim, CommitReader, EventHeader, Fate, Fetched, Header, LogErrorKind, Offset,
    Position, ReaderRule, RecordRef, Stamp, Step, Writer,
};

const STEPS: usize = 700;

/// Commits are known by their number.
type Commit = u128;

/// SplitMix64: the same schedule for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// True in so many of 1000 rolls.
    fn chance(&mut self, per_mille: u64) -> bool {
        self.roll() % 1000 < per_mille
    }
}

/// A record of the simulated log.
#[derive(Clone)]
struct Stored {
    key: String,
    header: Vec<u8>,
}

impl Stored {
    fn header(&self) -> Header<'_> {
        Header::decode(&self.header).unwrap()
    }
}

/// A record under way to the log, for the batch of a writer's attempt.
#[derive(Clone)]
struct Message {
    writer: usize,
    attempt: u64,
    batch: u64,
    index: usize,
    record: Stored,
}

struct Ack {
    writer: usize,
    attempt: u64,
    batch: u64,
    index: usize,
    offset: Offset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Idle,
    Claiming,
    Own,
}

struct Node {
    writer: Writer<Commit>,
    mode: Mode,
    attempt: u64,
    versions: HashMap<String, u64>,
    /// Offsets acknowledged so far, of the batches under way; the first batch has number `oldest`.
    acks: Vec<Vec<Option<Offset>>>,
    oldest: u64,
}

struct World {
    dice: Dice,
    log: Vec<Stored>,
    network: Vec<Message>,
    acks: Vec<Ack>,
    nodes: Vec<Node>,
    commits: Commit,
    succeeded: Vec<Commit>,
    refused: HashSet<Commit>,
}

impl World {
    fn new(seed: u64) -> Self {
        let node = |name| Node {
            writer: Writer::new(Uuid::from_u128(name), 1, ReaderRule::default(), 0),
            mode: Mode::Idle,
            attempt: 0,
            versions: HashMap::new(),
            acks: Vec::new(),
            oldest: 0,
        };
        Self {
            dice: Dice(seed),
            log: Vec::new(),
            network: Vec::new(),
            acks: Vec::new(),
            nodes: (1..=3).map(node).collect(),
            commits: 0,
            succeeded: Vec::new(),
            refused: HashSet::new(),
        }
    }

    fn run(&mut self) {
        self.claim(0);
        for _ in 0..STEPS {
            let node = self.dice.below(self.nodes.len());
            match self.dice.below(1000) {
                0..350 => self.command(node),
                350..650 => self.deliver(),
                650..930 => self.acknowledge(),
                930..960 if self.nodes[node].mode == Mode::Idle => self.claim(node),
                960..985 if self.nodes[node].mode != Mode::Idle => self.claim(node),
                _ => {}
            }
        }
    }

    fn read_to(&mut self, node: usize, end: Offset) {
        let writer = &mut self.nodes[node].writer;
        while writer.known() < end {
            let offset = writer.known();
            writer
                .observe(offset, Some(&self.log[offset as usize].header()))
                .unwrap();
        }
    }

    fn settle(&mut self, node: usize) {
        for (commit, fate) in self.nodes[node].writer.take_settled() {
            match fate {
                Fate::Valid => self.succeeded.push(commit),
                Fate::Void => _ = self.refused.insert(commit),
            }
        }
    }

    /// Reads to the end and asks for the next epoch: also the answer to every ambiguity.
    fn claim(&mut self, node: usize) {
        self.read_to(node, self.log.len() as Offset);
        let me = &mut self.nodes[node];
        let claim = me.writer.claim();
        (me.mode, me.attempt, me.acks, me.oldest) =
            (Mode::Claiming, me.attempt + 1, vec![vec![None]], 0);
        self.settle(node);
        self.send(node, 0, 0, String::new(), &Header::Claim(claim));
    }

    fn send(&mut self, writer: usize, batch: u64, index: usize, key: String, header: &Header<'_>) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let record = Stored { key, header: bytes };
        let attempt = self.nodes[writer].attempt;
        self.network.push(Message {
            writer,
            attempt,
            batch,
            index,
            record,
        });
    }

    /// One to three commands, sent as one batch.
    fn command(&mut self, node: usize) {
        if self.nodes[node].mode != Mode::Own || self.nodes[node].writer.pending() > 6 {
            return;
        }
        let mut batch = Vec::new();
        for _ in 0..[1, 1, 1, 2, 3][self.dice.below(5)] {
            let key = format!("aggregate-{}", self.dice.below(4));
            let size = [0, 1, 1, 1, 1, 2, 3][self.dice.below(7)];
            self.commits += 1;
            let stamps = self.nodes[node].writer.stamps(size);
            batch.extend(stamps.map(|stamp| (self.commits, key.clone(), stamp)));
            self.nodes[node].writer.plan(self.commits, size);
        }
        self.settle(node);
        if !batch.is_empty() {
            self.send_batch(node, &batch);
        }
    }

    fn send_batch(&mut self, node: usize, batch: &[(Commit, String, Stamp)]) {
        let me = &mut self.nodes[node];
        me.writer
            .sent(batch.iter().map(|(.., stamp)| *stamp).collect());
        let number = me.oldest + me.acks.len() as u64;
        me.acks.push(vec![None; batch.len()]);
        for (index, (commit, key, stamp)) in batch.iter().enumerate() {
            let version = self.nodes[node].versions.entry(key.clone()).or_default();
            *version += 1;
            let header = EventHeader {
                stamp: *stamp,
                version: *version,
                command: Uuid::from_u128(*commit),
                ..EventHeader::default()
            };
            self.send(node, number, index, key.clone(), &Header::Event(header));
        }
    }

    /// One of the records under way, mostly the oldest, lands, or is lost, or lands twice.
    fn deliver(&mut self) {
        let Some(last) = self.network.len().checked_sub(1) else {
            return;
        };
        let at = if self.dice.chance(800) {
            0
        } else {
            self.dice.below(last + 1)
        };
        let message = self.network.remove(at);
        if self.dice.chance(30) {
            return;
        }
        let offset = self.log.len() as Offset;
        self.log.push(message.record.clone());
        if self.dice.chance(40) {
            self.log.push(message.record.clone());
        }
        if self.dice.chance(40) {
            self.network.push(message.clone());
        }
        if self.dice.chance(950) {
            let Message {
                writer,
                attempt,
                batch,
                index,
                ..
            } = message;
            self.acks.push(Ack {
                writer,
                attempt,
                batch,
                index,
                offset,
            });
        }
    }

    fn acknowledge(&mut self) {
        let Some(last) = self.acks.len().checked_sub(1) else {
            return;
        };
        let at = if self.dice.chance(800) {
            0
        } else {
            self.dice.below(last + 1)
        };
        let ack = self.acks.remove(at);
        let node = &mut self.nodes[ack.writer];
        if ack.attempt != node.attempt || ack.batch < node.oldest {
            return;
        }
        match node.mode {
            Mode::Claiming => self.claim_acknowledged(ack.writer, ack.offset),
            Mode::Own => self.batch_acknowledged(&ack),
            Mode::Idle => {}
        }
    }

    fn claim_acknowledged(&mut self, node: usize, offset: Offset) {
        self.read_to(node, offset + 1);
        let me = &mut self.nodes[node];
        me.mode = if me.writer.settle_claim() {
            Mode::Own
        } else {
            Mode::Idle
        };
        (me.acks, me.oldest) = (Vec::new(), 1);
        self.settle(node);
        let known = self.nodes[node].writer.known() as usize;
        self.nodes[node].versions = read(&self.log[..known], Position::START)
            .unwrap()
            .iter()
            .map(|event| (event.key.clone(), event.version))
            .collect();
    }

    fn batch_acknowledged(&mut self, ack: &Ack) {
        let (node, me) = (ack.writer, &mut self.nodes[ack.writer]);
        me.acks[(ack.batch - me.oldest) as usize][ack.index] = Some(ack.offset);
        while self.nodes[node].mode == Mode::Own
            && let Some(appended) = self.nodes[node]
                .acks
                .first()
                .and_then(|batch| appended(batch))
        {
            let me = &mut self.nodes[node];
            me.acks.remove(0);
            me.oldest += 1;
            let step = me.writer.acknowledged(appended).unwrap();
            self.follow(node, step);
            self.settle(node);
        }
    }

    fn follow(&mut self, node: usize, step: Step) {
        let end = match step {
            Step::Own => return,
            Step::Claim => return self.claim(node),
            Step::Superseded => {
                let me = &mut self.nodes[node];
                (me.mode, me.attempt) = (Mode::Idle, me.attempt + 1);
                return;
            }
            Step::ReadTo(end) => end,
            Step::ReadToEnd => self.log.len() as Offset,
        };
        self.read_to(node, end);
        let standing = self.nodes[node].writer.standing();
        self.follow(node, standing);
    }
}

/// What a log says of a batch, once all its records are acknowledged.
fn appended(offsets: &[Option<Offset>]) -> Option<Appended> {
    let offsets: Vec<_> = offsets.iter().copied().collect::<Option<_>>()?;
    let side_by_side = offsets.windows(2).all(|pair| pair[1] == pair[0] + 1);
    Some(if side_by_side {
        Appended::At(offsets[0])
    } else {
        Appended::Somewhere
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    commit: Commit,
    index: u32,
    sequence: u64,
    key: String,
    version: u64,
}

fn fetched(log: &[Stored], from: Offset) -> Fetched {
    let mut fetched = Fetched::new(0, from);
    for (stored, offset) in log.iter().zip(from..) {
        let (key, header) = (stored.key.as_bytes(), Some(stored.header.as_slice()));
        fetched.push(
            offset,
            RecordRef {
                key,
                header,
                value: b"",
            },
        );
    }
    fetched
}

fn read(log: &[Stored], position: Position) -> Result<Vec<Seen>, LogErrorKind> {
    let mut seen = Vec::new();
    let mut reader = CommitReader::new("sim", 0, 1, position);
    reader
        .read(&fetched(log, 0), |event| {
            seen.push(Seen {
                commit: event.header.command.as_u128(),
                index: event.header.stamp.index,
                sequence: event.header.stamp.sequence,
                key: event.key.to_owned(),
                version: event.header.version,
            });
            Ok(())
        })
        .map_err(|error| error.kind())?;
    Ok(seen)
}

fn commits(seen: &[Seen]) -> Vec<Commit> {
    seen.iter()
        .filter(|event| event.index == 0)
        .map(|event| event.commit)
        .collect()
}

/// Positions before each record of the log, where no commit is half-read.
fn positions(log: &[Stored]) -> Vec<(usize, Position)> {
    let mut reader = CommitReader::new("sim", 0, 1, Position::START);
    let mut positions = vec![(0, Position::START)];
    for at in 0..log.len() {
        reader
            .read(&fetched(&log[at..=at], at as Offset), |_| Ok(()))
            .unwrap();
        if reader.position().offset == at as Offset + 1 {
            positions.push((at + 1, *reader.position()));
        }
    }
    positions
}

/// Checks all invariants; the totals say how much there was to check.
fn check(mut world: World) -> Result<Totals, String> {
    let valid = read(&world.log, Position::START).map_err(|kind| format!("{kind:?}"))?;
    let order = commits(&valid);
    check_answers(&world, &order)?;
    check_versions(&valid)?;
    check_resuming(&mut world, &valid)?;
    check_mirror(&mut world, &valid)?;
    let damaged = check_damage(&mut world, &valid)?;
    let claims = world
        .log
        .iter()
        .filter(|r| matches!(r.header(), Header::Claim(_)))
        .count();
    Ok(Totals([
        world.succeeded.len(),
        world.refused.len(),
        order.len(),
        claims,
        damaged,
    ]))
}

fn check_answers(world: &World, order: &[Commit]) -> Result<(), String> {
    let valid: HashSet<_> = order.iter().copied().collect();
    let sizes: HashMap<_, _> = world
        .log
        .iter()
        .filter_map(|stored| commit_of(stored).map(|commit| (commit, ())))
        .collect();
    let mut answered = HashSet::new();
    for commit in &world.succeeded {
        if !answered.insert(commit) {
            return Err(format!("commit {commit} was answered twice"));
        }
        // A commit without events is in no log.
        if sizes.contains_key(commit) && !valid.contains(commit) {
            return Err(format!("commit {commit} was acknowledged and is not valid"));
        }
    }
    if valid.len() != order.len() {
        return Err("a commit is valid twice".into());
    }
    match world.refused.iter().find(|commit| valid.contains(commit)) {
        Some(commit) => Err(format!("commit {commit} was refused and is valid")),
        None => Ok(()),
    }
}

fn commit_of(stored: &Stored) -> Option<Commit> {
    match stored.header() {
        Header::Event(event) => Some(event.command.as_u128()),
        Header::Claim(_) | Header::Handled(_) => None,
    }
}

fn check_versions(valid: &[Seen]) -> Result<(), String> {
    let mut versions: HashMap<&str, u64> = HashMap::new();
    for (event, sequence) in valid.iter().zip(1..) {
        let version = versions.entry(&event.key).or_default();
        *version += 1;
        if event.version != *version || event.sequence != sequence {
            return Err(format!(
                "{event:?} is not version {version}, sequence {sequence}"
            ));
        }
    }
    Ok(())
}

fn check_resuming(world: &mut World, valid: &[Seen]) -> Result<(), String> {
    let positions = positions(&world.log);
    let (at, position) = positions[world.dice.below(positions.len())];
    let tail = &valid[(position.next - 1) as usize..];
    for start in [at, world.dice.below(at + 1)] {
        let resumed = read(&world.log[start..], position).map_err(|kind| format!("{kind:?}"))?;
        if resumed != tail {
            return Err(format!(
                "from {start}, at a position of {at}, reading differs"
            ));
        }
    }
    Ok(())
}

fn check_mirror(world: &mut World, valid: &[Seen]) -> Result<(), String> {
    let from = world.dice.below(world.log.len() + 1);
    let to = from + world.dice.below(world.log.len() + 1 - from);
    let mirror = [&world.log[..to], &world.log[from..to], &world.log[to..]].concat();
    match read(&mirror, Position::START) {
        Ok(seen) if seen == valid => Ok(()),
        other => Err(format!(
            "a mirror with {from}..{to} doubled differs: {other:?}"
        )),
    }
}

fn check_damage(world: &mut World, valid: &[Seen]) -> Result<usize, String> {
    if valid.is_empty() {
        return Ok(0);
    }
    let gone = &valid[world.dice.below(valid.len())];
    let is_gone = |stored: &Stored| {
        matches!(stored.header(), Header::Event(event)
            if event.command.as_u128() == gone.commit && event.stamp.index == gone.index)
    };
    let at = world
        .log
        .iter()
        .position(is_gone)
        .expect("a valid event is in the log");
    let stood_on_it = world.log[at..].iter().any(
        |stored| matches!(stored.header(), Header::Claim(Claim { floor, .. }) if floor > gone.sequence),
    );
    let rest: Vec<_> = world
        .log
        .iter()
        .filter(|stored| !is_gone(stored))
        .cloned()
        .collect();
    let damaged = read(&rest, Position::START) == Err(LogErrorKind::Damaged);
    if damaged == stood_on_it {
        Ok(damaged.into())
    } else {
        Err("damage was not seen".into())
    }
}

/// Acknowledged, refused, valid commits; claims; schedules in which damage was found.
#[derive(Default)]
struct Totals([usize; 5]);

fn schedule(seed: u64) -> Result<Totals, String> {
    let mut world = World::new(seed);
    world.run();
    check(world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_schedule_breaks_the_protocol(seed: u64) {
        if let Err(violation) = schedule(seed) {
            prop_assert!(false, "{violation}");
        }
    }
}

#[test]
fn the_schedules_reach_every_part_of_the_protocol() {
    let mut sum = Totals::default();
    for seed in 0..200 {
        let totals = schedule(seed).unwrap();
        sum.0
            .iter_mut()
            .zip(totals.0)
            .for_each(|(sum, count)| *sum += count);
    }
    let [acknowledged, refused, valid, claims, damaged] = sum.0;
    println!(
        "acknowledged {acknowledged}, refused {refused}, valid {valid}, claims {claims}, damaged {damaged}"
    );
    assert!(acknowledged > 2000 && refused > 500 && valid > 2000 && claims > 2000 && damaged > 20);
}

/// Runs schedules without one of the protocol's checks until one of them fails.
fn first_failure_without(guard: Guard) -> Option<u64> {
    WITHOUT.set(Some(guard));
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |&seed: &u64| !matches!(std::panic::catch_unwind(|| schedule(seed)), Ok(Ok(_)));
    let failure = (0..2000).find(fails);
    std::panic::set_hook(quiet);
    WITHOUT.set(None);
    failure
}

#[test]
fn every_check_of_the_protocol_is_needed() {
    for guard in [
        Guard::Epoch,
        Guard::Sequence,
        Guard::Gap,
        Guard::Torn,
        Guard::Floor,
        Guard::Ambiguity,
    ] {
        let failure = first_failure_without(guard);
        println!("without {guard:?}: first violation with seed {failure:?}");
        assert!(failure.is_some(), "nothing noticed that {guard:?} was gone");
    }
}
