//! What a restart finds: a checkpoint and its tail, or everything from the log; never anything else.

mod counter;
mod counting;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counter::{Added, Command, Counter, LimitReached, read_all};
use counting::CountingLog;
use factum_core::{Aggregate, DecodeError, Event, EventLog, Metadata, NewTopic};
use factum_engine::{
    CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineError, EngineOptions,
    ExecuteError, Routing,
};
use factum_testkit::MemoryLog;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use uuid::Uuid;

fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A checkpoint as soon as anything has changed.
fn at_once(dir: &Path) -> CheckpointOptions {
    CheckpointOptions {
        every: Duration::ZERO,
        ..CheckpointOptions::in_dir(dir)
    }
}

/// A checkpoint at a graceful stop only.
fn at_stop(dir: &Path) -> CheckpointOptions {
    CheckpointOptions {
        every: Duration::from_secs(3600),
        ..CheckpointOptions::in_dir(dir)
    }
}

/// Starts an engine of one partition, and says how many events it replayed.
async fn start<A>(log: &Arc<dyn EventLog>, checkpoints: CheckpointOptions) -> (Engine<A>, u64)
where
    A: Aggregate + Serialize + DeserializeOwned,
{
    start_with(log, checkpoints, EngineOptions::default()).await
}

async fn start_with<A>(
    log: &Arc<dyn EventLog>,
    checkpoints: CheckpointOptions,
    options: EngineOptions,
) -> (Engine<A>, u64)
where
    A: Aggregate + Serialize + DeserializeOwned,
{
    let replayed = Arc::new(AtomicU64::new(0));
    let sum = replayed.clone();
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            ..NewTopic::default()
        }),
        on_replay: Some(Arc::new(move |progress| {
            sum.fetch_max(progress.events, Ordering::Relaxed);
        })),
        ..options
    };
    let checkpoints = Checkpoints::new(checkpoints);
    let engine = Engine::builder(log.clone())
        .options(options)
        .checkpoints(checkpoints)
        .start();
    (engine.await.unwrap(), replayed.load(Ordering::Relaxed))
}

async fn add<A>(engine: &Engine<A>, id: &str, numbers: Vec<u64>) -> u64
where
    A: Aggregate<Command = Command>,
    A::Rejection: std::fmt::Debug,
{
    engine
        .execute(id, Command::Add(numbers))
        .await
        .unwrap()
        .version
}

/// The file of partition 0.
fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("test.counter.events").join("0.redb")
}

/// Ends an engine, and returns the checkpoint as it was before: what a killed process leaves, or a
/// file that was copied while it changed.
async fn crash<A: Aggregate>(engine: Engine<A>, dir: &TempDir) -> TempDir {
    let copy = folder();
    fs::create_dir_all(file(&copy).parent().unwrap()).unwrap();
    fs::copy(file(dir), file(&copy)).unwrap();
    engine.shutdown().await.unwrap();
    copy
}

#[tokio::test]
async fn after_a_graceful_stop_nothing_is_replayed() {
    let (log, dir) = (memory(), folder());
    let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
    assert_eq!(replayed, 0);
    for number in 0..100 {
        add(&engine, &format!("counter-{}", number % 7), vec![number, 1]).await;
    }
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
    assert_eq!(replayed, 0);
    assert_eq!(add(&engine, "counter-3", vec![1]).await, 29);
    // The state came along, not just the versions: 999,298 are left of the limit.
    let left = counter::LIMIT - (3..100).step_by(7).map(|number| number + 1).sum::<u64>() - 1;
    let rejected = engine
        .execute("counter-3", Command::Add(vec![left + 1]))
        .await;
    assert!(
        matches!(rejected, Err(ExecuteError::Rejected(LimitReached))),
        "{rejected:?}"
    );
    add(&engine, "counter-3", vec![left]).await;
}

#[tokio::test]
async fn commands_without_events_are_kept_like_others() {
    let (log, dir) = (CountingLog::new(memory()), folder());
    let start = async || {
        let options = EngineOptions {
            create: Some(NewTopic {
                partitions: 1,
                ..NewTopic::default()
            }),
            ..EngineOptions::default()
        };
        let builder = Engine::<Counter>::builder(Arc::new(log.clone())).options(options);
        let checkpoints = Checkpoints::new(at_stop(dir.path()));
        let builder = builder.checkpoints(checkpoints).routing(Routing::default());
        builder.start().await.unwrap()
    };
    let engine = start().await;
    let execute = async |id: u128| {
        // Large enough that a reader fetches a part of them at a time.
        let metadata = Metadata {
            actor: Some("x".repeat(4_000).into()),
            ..Metadata::default()
        };
        let options = CommandOptions {
            command_id: Some(Uuid::from_u128(id)),
            metadata,
            ..CommandOptions::default()
        };
        let receipt = engine.execute_with("a", Command::Add(vec![]), options);
        assert_eq!(receipt.await.unwrap().events, 0);
    };
    for id in 0..1_000 {
        execute(id).await;
    }
    engine.shutdown().await.unwrap();
    let before = log.read();
    let again = start().await;
    assert_eq!(again.status().owned[0].commands_remembered, 1_000);
    let read = log.read() - before;
    assert!(read < 700, "{read} records were read of 1,000");
}

#[tokio::test]
async fn after_a_crash_only_the_tail_is_replayed() {
    let (log, dir) = (memory(), folder());
    let (engine, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    for number in 0..50 {
        add(&engine, &format!("counter-{}", number % 7), vec![1]).await;
    }
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
    assert_eq!(replayed, 0);
    for number in 0..10 {
        add(&engine, &format!("counter-{}", number % 7), vec![1]).await;
    }
    let copy = crash(engine, &dir).await;
    let (engine, replayed) = start::<Counter>(&log, at_stop(copy.path())).await;
    assert_eq!(replayed, 10);
    assert_eq!(add(&engine, "counter-0", vec![1]).await, 8 + 2 + 1);
}

#[tokio::test]
async fn checkpoints_are_made_while_commands_come() {
    let (log, dir) = (memory(), folder());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut added = 0;
    loop {
        let (engine, _) = start::<Counter>(&log, at_once(dir.path())).await;
        for _ in 0..20 {
            added += 1;
            assert_eq!(add(&engine, "counter", vec![1]).await, added);
        }
        let copy = crash(engine, &dir).await;
        let (engine, replayed) = start::<Counter>(&log, at_stop(copy.path())).await;
        assert_eq!(add(&engine, "counter", vec![]).await, added);
        engine.shutdown().await.unwrap();
        if replayed < added {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no checkpoint was made"
        );
    }
}

#[tokio::test]
async fn the_commands_are_remembered() {
    let (log, dir) = (memory(), folder());
    let with_id = |id| CommandOptions {
        command_id: Some(Uuid::from_u128(id)),
        ..CommandOptions::default()
    };
    let options = || EngineOptions {
        command_window: 3,
        ..EngineOptions::default()
    };
    let mut receipts = Vec::new();
    for id in 0..9 {
        // Every restart adds a few to what is stored, and forgets others.
        let (engine, _) = start_with::<Counter>(&log, at_stop(dir.path()), options()).await;
        let receipt = engine
            .execute_with("a", Command::Add(vec![1, 2]), with_id(id))
            .await;
        receipts.push(receipt.unwrap());
        engine.shutdown().await.unwrap();
    }
    let (engine, replayed) = start_with::<Counter>(&log, at_stop(dir.path()), options()).await;
    assert_eq!(replayed, 0);
    for id in 6..9 {
        let again = engine
            .execute_with("a", Command::Add(vec![1, 2]), with_id(id))
            .await
            .unwrap();
        assert_eq!(again, receipts[id as usize]);
    }
    engine.shutdown().await.unwrap();
    // A larger window than was stored takes the log.
    let (engine, replayed) =
        start_with::<Counter>(&log, at_stop(dir.path()), EngineOptions::default()).await;
    assert_eq!(replayed, 18);
    let again = engine
        .execute_with("a", Command::Add(vec![1, 2]), with_id(0))
        .await
        .unwrap();
    assert_eq!(again, receipts[0]);
    assert_eq!(read_all(&log).await.len(), 18);
}

/// The counter's event, some of which an upcaster reads.
struct Upcast(Added);

impl Event for Upcast {
    const AGGREGATE: &'static str = Added::AGGREGATE;
    const READINGS: &'static [&'static str] = &["Added 1 by an upcaster"];

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        Added::decode(value).map(Self)
    }
}

impl From<Added> for Upcast {
    fn from(added: Added) -> Self {
        Self(added)
    }
}

/// The counter, after its code has changed.
macro_rules! changed_counter {
    ($name:ident { $field:ident: $type:ty }, version $version:literal) => {
        changed_counter!($name { $field: $type }, version $version, of Added);
    };
    ($name:ident { $field:ident: $type:ty }, version $version:literal, of $event:ty) => {
        #[derive(Default, Serialize, Deserialize)]
        #[serde(rename = "Counter")]
        struct $name {
            $field: $type,
        }

        impl Aggregate for $name {
            type Command = Command;
            type Event = $event;
            type Rejection = LimitReached;
            const STATE_VERSION: u32 = $version;

            fn decide(&self, _: Command) -> Result<Vec<$event>, LimitReached> {
                Ok(vec![Added(self.$field.into(), vec![]).into()])
            }

            fn apply(&mut self, _: &$event) {
                self.$field += 1;
            }
        }
    };
}

changed_counter!(Same { total: u64 }, version 1);
changed_counter!(Renamed { count: u64 }, version 1);
changed_counter!(Retyped { total: u32 }, version 1);
changed_counter!(Raised { total: u64 }, version 2);
changed_counter!(Rereading { total: u64 }, version 1, of Upcast);

/// How many events an engine with other code replays, and what its state is then.
async fn with_other_code<A>() -> (u64, u64)
where
    A: Aggregate<Command = Command> + Serialize + DeserializeOwned,
    A::Rejection: std::fmt::Debug,
{
    let (log, dir) = (memory(), folder());
    let (engine, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    add(&engine, "a", vec![10, 20, 30]).await;
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start::<A>(&log, at_stop(dir.path())).await;
    add(&engine, "a", vec![]).await;
    engine.shutdown().await.unwrap();
    (replayed, read_all(&log).await.last().unwrap().number)
}

#[tokio::test]
async fn changed_code_discards_the_checkpoint() {
    assert_eq!(
        with_other_code::<Same>().await,
        (0, 60),
        "what cannot be seen is not seen"
    );
    assert_eq!(with_other_code::<Renamed>().await, (3, 3));
    assert_eq!(with_other_code::<Retyped>().await, (3, 3));
    assert_eq!(with_other_code::<Raised>().await, (3, 3));
    assert_eq!(with_other_code::<Rereading>().await, (3, 3));
}

#[tokio::test]
async fn another_topic_under_the_same_name_discards_the_checkpoint() {
    let dir = folder();
    for commits in [5, 8, 2] {
        let log = memory();
        let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
        assert_eq!(replayed, 0);
        for number in 0..commits {
            assert_eq!(add(&engine, "a", vec![1]).await, number + 1);
        }
        engine.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_ends_before_the_checkpoint_discards_it() {
    let (memory, dir) = (MemoryLog::new(), folder());
    let log: Arc<dyn EventLog> = Arc::new(memory);
    let (engine, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    add(&engine, "a", vec![1, 1, 1]).await;
    engine.shutdown().await.unwrap();
    // A faithful copy of the beginning: a backup that is older than the checkpoint.
    let topic = log.open("test.counter.events", None).await.unwrap();
    let older: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let create = NewTopic {
        partitions: 1,
        ..NewTopic::default()
    };
    let copy = older
        .open("test.counter.events", Some(create))
        .await
        .unwrap();
    let mut fetched = topic
        .read(&[(0, 0)])
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
        .remove(0)
        .records;
    fetched.truncate(1);
    copy.append(0, fetched).await.unwrap();
    let (engine, _) = start::<Counter>(&older, at_stop(dir.path())).await;
    assert_eq!(add(&engine, "a", vec![1]).await, 1);
}

#[tokio::test]
async fn a_log_that_lost_its_end_and_grew_again_discards_it() {
    let (memory, dir) = (MemoryLog::new(), folder());
    let log: Arc<dyn EventLog> = Arc::new(memory.clone());
    let (engine, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    for version in 1..=5 {
        assert_eq!(add(&engine, "a", vec![1]).await, version);
    }
    engine.shutdown().await.unwrap();
    // The claim and two events are left.
    memory.lose_after("test.counter.events", 0, 3);
    let other = folder();
    let (engine, _) = start::<Counter>(&log, at_stop(other.path())).await;
    for version in 1..=9 {
        assert_eq!(add(&engine, "b", vec![1]).await, version);
    }
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
    assert_eq!(replayed, 11);
    assert_eq!(add(&engine, "a", vec![1]).await, 3);
    assert_eq!(add(&engine, "b", vec![1]).await, 10);
}

#[tokio::test]
async fn damage_discards_the_checkpoint() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| bytes[..64].fill(0xff),
        |bytes| *bytes = b"something else".to_vec(),
        // Every copy of the state that there is.
        |bytes| {
            let places: Vec<_> = (0..bytes.len() - 9)
                .filter(|at| bytes[*at..].starts_with(b"counter-a"))
                .collect();
            assert!(!places.is_empty());
            for at in places {
                let end = (at + 200).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x55);
            }
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (log, dir) = (memory(), folder());
        let (engine, _) = start::<Counter>(&log, at_stop(dir.path())).await;
        for id in ["counter-a", "counter-b"] {
            add(&engine, id, vec![1, 1, 1]).await;
        }
        engine.shutdown().await.unwrap();
        let mut bytes = fs::read(file(&dir)).unwrap();
        damage(&mut bytes);
        fs::write(file(&dir), bytes).unwrap();
        let (engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
        assert_eq!(replayed, 6, "damage {number}");
        assert_eq!(add(&engine, "counter-a", vec![1]).await, 4);
        engine.shutdown().await.unwrap();
        let (_engine, replayed) = start::<Counter>(&log, at_stop(dir.path())).await;
        assert_eq!(
            replayed, 0,
            "a new checkpoint is in its place after damage {number}"
        );
    }
}

#[tokio::test]
async fn a_checkpoint_in_use_is_left_alone() {
    let (log, dir) = (memory(), folder());
    let (first, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    add(&first, "a", vec![1]).await;
    let options = EngineOptions {
        group: Some("another".into()),
        ..EngineOptions::default()
    };
    let (second, replayed) = start_with::<Counter>(&log, at_stop(dir.path()), options).await;
    assert_eq!(replayed, 1, "it does without");
    assert_eq!(add(&second, "a", vec![1]).await, 2);
    second.shutdown().await.unwrap();
    first.shutdown().await.unwrap();
    let (third, _) = start::<Counter>(&log, at_stop(dir.path())).await;
    assert_eq!(add(&third, "a", vec![1]).await, 3);
}

#[derive(Default, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    counts: BTreeMap<String, u64>,
}

impl Aggregate for Flat {
    type Command = Command;
    type Event = Added;
    type Rejection = LimitReached;

    fn decide(&self, _: Command) -> Result<Vec<Added>, LimitReached> {
        Ok(vec![])
    }

    fn apply(&mut self, _: &Added) {}
}

#[tokio::test]
async fn a_state_that_cannot_be_stored_is_refused() {
    let dir = folder();
    let checkpoints = Checkpoints::in_dir(dir.path());
    let options = EngineOptions::default();
    let started = Engine::<Flat>::builder(memory())
        .options(options)
        .checkpoints(checkpoints)
        .start()
        .await;
    assert!(matches!(started.err(), Some(EngineError::State(_))));
}

#[derive(Clone, Debug)]
enum Op {
    Add(u16, Vec<u64>),
    Restart,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        60 => (0..400_u16, prop::collection::vec(0..400_000_u64, 0..3)).prop_map(|(id, numbers)| Op::Add(id, numbers)),
        1 => Just(Op::Restart),
        1 => Just(Op::Crash),
    ]
}

/// What a caller is told, without what differs from one engine to another.
fn told<R: std::fmt::Debug>(
    result: Result<factum_engine::Receipt, ExecuteError<R>>,
) -> Result<(u64, u64, u32), String> {
    match result {
        Ok(receipt) => Ok((receipt.sequence, receipt.version, receipt.events)),
        Err(error) => Err(format!("{error:?}")),
    }
}

async fn with_little_memory(ops: Vec<Op>) {
    let (log, mut dir) = (memory(), folder());
    let little = |dir: &TempDir| CheckpointOptions {
        memory: Some(16 << 10), // about fifty of the four hundred
        ..at_once(dir.path())
    };
    let reference = Engine::<Counter>::start(memory(), one_partition())
        .await
        .unwrap();
    let (mut engine, _) = start::<Counter>(&log, little(&dir)).await;
    for op in ops {
        match op {
            Op::Add(id, numbers) => {
                let id = format!("counter-{id}");
                let expected = reference.execute(&id, Command::Add(numbers.clone())).await;
                let found = engine.execute(&id, Command::Add(numbers)).await;
                assert_eq!(told(found), told(expected), "{id}");
            }
            Op::Restart => {
                engine.shutdown().await.unwrap();
                engine = start(&log, little(&dir)).await.0;
            }
            Op::Crash => {
                dir = crash(engine, &dir).await;
                engine = start(&log, little(&dir)).await.0;
            }
        }
    }
}

fn one_partition() -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            ..NewTopic::default()
        }),
        ..EngineOptions::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn states_come_back_when_they_are_asked_for(ops in prop::collection::vec(op(), 800..1000)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(with_little_memory(ops));
    }
}
