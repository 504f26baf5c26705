//! The past of one aggregate is what the reader rule finds in the log: all of it, and nothing else.

mod counter;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counter::{Added, Command, Counter};
use factum_core::{
    Claim, CommitReader, Event, EventHeader, EventLog, Header, NewTopic, Position, Recorded,
    Records, Stamp, events_topic,
};
use factum_engine::{
    At, CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions, HistoryError,
};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

const PARTITIONS: u32 = 2;

/// The events of each aggregate, as a plain reader finds them.
type Scan = BTreeMap<String, Vec<Recorded<Added>>>;

async fn scan(log: &Arc<dyn EventLog>) -> Scan {
    let name = events_topic(Added::AGGREGATE);
    let topic = log.open(&name, None).await.unwrap();
    let mut scan = Scan::new();
    for partition in 0..topic.partitions() {
        let end = topic.end(partition).await.unwrap();
        let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
        let mut commits = CommitReader::new(&name, partition, topic.partitions(), Position::START);
        let mut at = 0;
        while at < end {
            for fetched in reader.next().await.unwrap() {
                at = fetched.next;
                let read = commits.read(&fetched, |event| {
                    let event = Recorded::decode(&name, event)?;
                    scan.entry(event.id.clone()).or_default().push(event);
                    Ok(())
                });
                read.unwrap();
            }
        }
    }
    scan
}

/// A folder whose files cost no wait for a disk, where there is one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

/// A checkpoint every millisecond, with history.
fn often(dir: &Path) -> CheckpointOptions {
    CheckpointOptions {
        every: Duration::from_millis(1),
        history: true,
        ..CheckpointOptions::in_dir(dir)
    }
}

/// A checkpoint at a graceful stop only, with history.
fn at_stop(dir: &Path) -> CheckpointOptions {
    CheckpointOptions {
        every: Duration::from_secs(3600),
        ..often(dir)
    }
}

fn options() -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: PARTITIONS,
            ..NewTopic::default()
        }),
        reclaim_after: Duration::from_millis(20),
        ..EngineOptions::default()
    }
}

async fn start_with(
    log: &Arc<dyn EventLog>,
    checkpoints: CheckpointOptions,
    options: EngineOptions,
) -> Engine<Counter> {
    let builder = Engine::builder(log.clone()).options(options);
    let builder = builder.checkpoints(Checkpoints::new(checkpoints));
    builder.start().await.unwrap()
}

async fn start(log: &Arc<dyn EventLog>, checkpoints: CheckpointOptions) -> Engine<Counter> {
    start_with(log, checkpoints, options()).await
}

/// Starts an engine, and says how many events it replayed.
async fn start_counting(
    log: &Arc<dyn EventLog>,
    checkpoints: CheckpointOptions,
) -> (Engine<Counter>, u64) {
    let replayed: Arc<[AtomicU64; PARTITIONS as usize]> = Arc::default();
    let told = replayed.clone();
    let options = EngineOptions {
        on_replay: Some(Arc::new(move |progress| {
            told[progress.partition as usize].fetch_max(progress.events, Ordering::Relaxed);
        })),
        ..options()
    };
    let engine = start_with(log, checkpoints, options).await;
    let sum = replayed
        .iter()
        .map(|it| it.load(Ordering::Relaxed))
        .sum::<u64>();
    (engine, sum)
}

async fn add(engine: &Engine<Counter>, id: &str, numbers: Vec<u64>) -> u64 {
    let receipt = engine.execute(id, Command::Add(numbers)).await;
    receipt.unwrap().version
}

/// Everything that the log holds is told, as it stands there.
async fn assert_all(engine: &Engine<Counter>, log: &Arc<dyn EventLog>) {
    for (id, events) in scan(log).await {
        assert_eq!(engine.history(&id).await.unwrap(), events, "{id}");
    }
}

async fn work(engine: &Engine<Counter>, commands: u64) {
    for number in 0..commands {
        let events = vec![number; 1 + (number % 3) as usize];
        add(engine, &format!("counter-{}", number % 7), events).await;
    }
}

#[tokio::test]
async fn what_is_answered_is_told_before_and_after_a_checkpoint() {
    for memory_of_states in [None, Some(1)] {
        let (log, dir) = (memory(), folder());
        for checkpoints in [at_stop(dir.path()), often(dir.path()), at_stop(dir.path())] {
            let checkpoints = CheckpointOptions {
                memory: memory_of_states,
                ..checkpoints
            };
            let (engine, replayed) = start_counting(&log, checkpoints).await;
            assert_eq!(replayed, 0, "a stop stores everything");
            for round in 0..30 {
                work(&engine, 20).await;
                let version = add(&engine, "counter-1", vec![round, 0]).await;
                let told = engine.history("counter-1").await.unwrap();
                assert_eq!(told.last().unwrap().version, version);
            }
            assert_all(&engine, &log).await;
            engine.shutdown().await.unwrap();
        }
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let (log, dir) = (memory(), folder());
    let engine = start(&log, often(dir.path())).await;
    for number in 0..50 {
        add(&engine, "a", vec![number; 5]).await;
        add(&engine, "b", vec![number]).await;
    }
    let all = scan(&log).await;
    for limit in [1, 3, 7, 250, 1000] {
        let (mut found, mut from) = (Vec::new(), Some(0));
        while let Some(version) = from {
            let page = engine.history_page("a", version, limit).await.unwrap();
            assert!(page.events.len() <= limit);
            assert!(page.next.is_none() || page.events.len() == limit);
            found.extend(page.events);
            from = page.next;
        }
        assert_eq!(found, all["a"], "{limit} at a time");
    }
    let page = engine.history_page("a", 100, 2).await.unwrap();
    assert_eq!(page.events, all["a"][99..101]);
    assert_eq!(page.next, Some(102));
    let beyond = engine.history_page("a", 251, 2).await.unwrap();
    assert_eq!((beyond.events.len(), beyond.next), (0, None));
    assert_eq!(engine.history("nobody").await.unwrap(), []);
}

#[tokio::test]
async fn large_events_come_in_smaller_pages() {
    let (log, dir) = (memory(), folder());
    let (events, bytes) = (24, 400_000);
    let engine = start(&log, at_stop(dir.path())).await;
    for _ in 0..events {
        engine.execute("a", Command::Fill(bytes)).await.unwrap();
    }
    engine.shutdown().await.unwrap();
    let engine = start(&log, at_stop(dir.path())).await;
    let page = engine.history_page("a", 1, 1000).await.unwrap();
    assert!(
        (10..13).contains(&page.events.len()),
        "{}",
        page.events.len()
    );
    assert_eq!(page.next, Some(page.events.len() as u64 + 1));
    assert_eq!(engine.history("a").await.unwrap(), scan(&log).await["a"]);
}

#[tokio::test]
async fn a_checkpoint_without_events_is_made_anew() {
    let (log, dir) = (memory(), folder());
    let without = || CheckpointOptions {
        history: false,
        ..at_stop(dir.path())
    };
    let (engine, _) = start_counting(&log, at_stop(dir.path())).await;
    work(&engine, 50).await;
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start_counting(&log, without()).await;
    assert_eq!(replayed, 0, "who does not want them takes the states");
    work(&engine, 50).await;
    assert!(matches!(
        engine.history("counter-1").await,
        Err(HistoryError::NotKept { .. })
    ));
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start_counting(&log, at_stop(dir.path())).await;
    let all = scan(&log).await;
    assert_eq!(
        replayed,
        all.values().map(|it| it.len() as u64).sum::<u64>()
    );
    assert_all(&engine, &log).await;
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start_counting(&log, at_stop(dir.path())).await;
    assert_eq!(replayed, 0);
    assert_all(&engine, &log).await;
}

#[tokio::test]
async fn a_checkpoint_without_events_to_which_nothing_was_added_is_made_anew_too() {
    let (log, dir) = (memory(), folder());
    let without = CheckpointOptions {
        history: false,
        ..at_stop(dir.path())
    };
    let (engine, _) = start_counting(&log, without).await;
    work(&engine, 50).await;
    engine.shutdown().await.unwrap();
    let (engine, replayed) = start_counting(&log, at_stop(dir.path())).await;
    assert!(replayed > 0);
    assert_all(&engine, &log).await;
}

#[tokio::test]
async fn who_does_not_own_the_aggregate_says_so() {
    let (log, dir) = (memory(), folder());
    let engine = start(&log, often(dir.path())).await;
    add(&engine, "a", vec![1]).await;
    engine.shutdown().await.unwrap();
    let refused = engine.history("a").await.unwrap_err();
    assert!(
        matches!(refused, HistoryError::NotOwned { .. }),
        "{refused:?}"
    );
    let told = refused.to_string();
    assert!(
        told.contains("of test.counter.events is not owned"),
        "{told}"
    );
    assert!(told.contains("factum aggregate show"), "{told}");
    let engine = Engine::<Counter>::start(log, options()).await.unwrap();
    let refused = engine.history("a").await.unwrap_err();
    assert!(
        matches!(refused, HistoryError::NotKept { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn states_of_the_past_are_folds_up_to_then() {
    let (log, dir) = (memory(), folder());
    let engine = start(&log, often(dir.path())).await;
    for number in 1..=20 {
        add(&engine, "a", vec![number, 100]).await;
    }
    let events = engine.history("a").await.unwrap();
    let mut total = 0;
    for version in 0..=40 {
        let past = engine.state_at("a", At::Version(version)).await.unwrap();
        let last = version.checked_sub(1).map(|at| &events[at as usize]);
        total += last.map_or(0, |event| event.event.0);
        assert_eq!((past.version, past.state.total()), (version, total));
        assert_eq!(past.time, last.map(|event| event.time));
    }
    let beyond = engine.state_at("a", At::Version(41)).await.unwrap_err();
    assert!(matches!(
        beyond,
        HistoryError::Beyond {
            asked: 41,
            actual: 40,
            ..
        }
    ));
    assert_eq!(
        beyond.to_string(),
        "`a` has no version 41: it is at version 40"
    );
    let unknown = engine.state_at("nobody", At::Version(0)).await.unwrap();
    assert_eq!(
        (unknown.version, unknown.time, unknown.state.total()),
        (0, None, 0)
    );
    assert!(engine.state_at("nobody", At::Version(1)).await.is_err());
    let unknown = engine
        .state_at("nobody", At::Time(Timestamp::now()))
        .await
        .unwrap();
    assert_eq!(unknown.version, 0);
}

/// Writes a claim, and one event of aggregate `a` for each time in seconds, in commits of two.
async fn write_events(log: &Arc<dyn EventLog>, seconds: &[i64]) {
    let create = NewTopic {
        partitions: PARTITIONS,
        ..NewTopic::default()
    };
    let topic = log
        .open(&events_topic(Added::AGGREGATE), Some(create))
        .await
        .unwrap();
    let partition = factum_core::partition_of(b"a", PARTITIONS);
    let (claimant, floor) = (Uuid::from_u128(1), 1);
    let claim = Claim {
        epoch: 1,
        claimant,
        floor,
        partitions: PARTITIONS,
    };
    topic.append(partition, claim.record()).await.unwrap();
    let mut records = Records::new();
    for (number, seconds) in (0..).zip(seconds) {
        let (sequence, index) = (u64::from(number) + 1, number % 2);
        let header = EventHeader {
            stamp: Stamp {
                epoch: 1,
                sequence,
                index,
                size: 2,
            },
            version: sequence,
            time: seconds * 1_000_000,
            ..EventHeader::default()
        };
        let header = |out: &mut Vec<u8>| Header::Event(header).encode(out);
        records.push_encoded(b"a", header, |out| Added(1, vec![]).encode(out));
    }
    topic.append(partition, records).await.unwrap();
}

#[tokio::test]
async fn a_time_means_the_last_event_that_is_not_later() {
    let (log, dir) = (memory(), folder());
    // The clock was set back between events 4 and 5, and events 1 and 2 are of the same moment.
    write_events(&log, &[10, 10, 20, 40, 30, 50]).await;
    let engine = start(&log, often(dir.path())).await;
    let expected = [
        (9, 0),
        (10, 2),
        (11, 2),
        (20, 3),
        (29, 3),
        (30, 5),
        (40, 5),
        (49, 5),
        (50, 6),
        (99, 6),
    ];
    for (seconds, version) in expected {
        let time = Timestamp::from_second(seconds).unwrap();
        let past = engine.state_at("a", At::Time(time)).await.unwrap();
        assert_eq!(
            (past.version, past.state.total()),
            (version, version),
            "{seconds} s"
        );
    }
}

fn faults(seed: u64) -> Faults {
    Faults {
        seed,
        failed: 20,
        torn: 20,
        unacknowledged: 20,
        late: 20,
        doubled: 30,
        placeless: 30,
        delay: Duration::from_millis(2),
    }
}

/// An engine behind faults. Every other one holds hardly any state in memory, and every third one stores
/// what it has at a stop only.
async fn rival(log: &Arc<dyn EventLog>, group: &str, seed: u64, dir: &TempDir) -> Engine<Counter> {
    let checkpoints = match seed % 3 {
        0 => at_stop(dir.path()),
        _ => often(dir.path()),
    };
    let checkpoints = CheckpointOptions {
        memory: (seed % 2 == 1).then_some(1),
        ..checkpoints
    };
    let options = EngineOptions {
        group: Some(group.into()),
        standby: group == "second",
        ..options()
    };
    let faulty: Arc<dyn EventLog> = Arc::new(FaultyLog::new(log.clone(), faults(seed)));
    start_with(&faulty, checkpoints, options).await
}

/// What an engine told of an aggregate, and up to which version it had answered commands itself.
type Told = (String, u64, Vec<Recorded<Added>>);

/// One caller: sends commands to either engine, and asks that one for the past right after.
async fn call(engines: Arc<[Engine<Counter>; 2]>, caller: u64) -> Vec<Told> {
    let mut told = Vec::new();
    for number in 0..30 {
        let id = format!("counter-{}", (caller + number) % 5);
        let engine = &engines[((caller + number / 3) % 2) as usize];
        let events = vec![number; 1 + ((caller + number) % 3) as usize];
        let options = CommandOptions {
            timeout: Some(Duration::from_secs(5)),
            ..CommandOptions::default()
        };
        let executed = engine
            .execute_with(&id, Command::Add(events), options)
            .await;
        let version = executed.map_or(0, |receipt| receipt.version);
        match engine.history(&id).await {
            Ok(events) => told.push((id, version, events)),
            Err(HistoryError::NotOwned { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    told
}

async fn round(seed: u64) -> usize {
    let log = memory();
    let folders = [folder(), folder()];
    let engines = Arc::new([
        rival(&log, "first", seed, &folders[0]).await,
        rival(&log, "second", seed + 1_000_001, &folders[1]).await,
    ]);
    let callers: Vec<_> = (0..6)
        .map(|caller| tokio::spawn(call(engines.clone(), caller)))
        .collect();
    let mut told = Vec::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    for engine in &*engines {
        engine.shutdown().await.unwrap();
    }
    drop(engines);
    let all = scan(&log).await;
    let none = Vec::new();
    for (id, version, events) in &told {
        let facts = all.get(id).unwrap_or(&none);
        assert!(
            facts.starts_with(events),
            "seed {seed}: {id} {events:#?} of {facts:#?}"
        );
        assert!(
            events.len() as u64 >= *version,
            "seed {seed}: {id} lacks {version}"
        );
    }
    for folder in &folders {
        let options = EngineOptions {
            group: Some("third".into()),
            ..options()
        };
        let engine = start_with(&log, at_stop(folder.path()), options).await;
        assert_all(&engine, &log).await;
        engine.shutdown().await.unwrap();
    }
    told.len()
}

#[tokio::test(start_paused = true)]
async fn under_faults_and_rivals_only_facts_are_told_and_all_of_them() {
    let mut told = 0;
    for seed in 0..100 {
        told += round(seed).await;
    }
    println!("{told} answers");
    assert!(told > 5000, "{told} answers: hardly anything was tested");
}

#[tokio::test]
async fn a_standby_that_takes_over_tells_all_of_it() {
    let (log, dirs) = (memory(), [folder(), folder()]);
    let standby = |dir: &TempDir| {
        let options = EngineOptions {
            standby: true,
            ..options()
        };
        let (log, checkpoints) = (log.clone(), often(dir.path()));
        async move { start_with(&log, checkpoints, options).await }
    };
    let first = standby(&dirs[0]).await;
    work(&first, 200).await;
    let second = standby(&dirs[1]).await;
    for number in 0..100 {
        let _ = first
            .execute(
                format!("counter-{}", number % 7),
                Command::Add(vec![number]),
            )
            .await;
    }
    first.shutdown().await.unwrap();
    let owns_all = async {
        while second.status().owned.len() < PARTITIONS as usize {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        second.ready().await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(60), owns_all)
        .await
        .unwrap();
    assert_all(&second, &log).await;
    work(&second, 50).await;
    assert_all(&second, &log).await;
}
