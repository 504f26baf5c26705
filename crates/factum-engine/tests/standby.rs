//! Warm standbys: they follow what others own, take it over without reading it again, and serve what a
//! fresh replay would.

mod counter;
mod counting;

use std::sync::Arc;
use std::time::Duration;

use counter::{Command, Counter, LIMIT, read_all};
use counting::CountingLog;
use factum_core::{EventLog, NewTopic, RecordRef, Records, partition_of};
use factum_engine::{
    CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions, EngineStatus,
    ExecuteError, PartitionShare, Role, StandbyPhase, StandbyStatus, TakeoverReason,
};
use factum_status::Components;
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

const EVENTS: u64 = 2000;

fn options(partitions: u32) -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions,
            ..NewTopic::default()
        }),
        reclaim_after: Duration::from_millis(200),
        standby: true,
        ..EngineOptions::default()
    }
}

async fn start(
    log: Arc<dyn EventLog>,
    options: EngineOptions,
    dir: Option<&TempDir>,
) -> Engine<Counter> {
    let Some(dir) = dir else {
        return Engine::start(log, options).await.unwrap();
    };
    let checkpoints = CheckpointOptions {
        every: Duration::from_millis(5),
        ..CheckpointOptions::in_dir(dir.path())
    };
    let engine = Engine::builder(log)
        .options(options)
        .checkpoints(Checkpoints::new(checkpoints))
        .start();
    engine.await.unwrap()
}

async fn until(engine: &Engine<Counter>, right: impl Fn(&EngineStatus) -> bool) -> EngineStatus {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let status = engine.status();
        if right(&status) {
            return status;
        }
        assert!(tokio::time::Instant::now() < deadline, "{status:#?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn is_warm(status: &EngineStatus, partitions: usize, records: u64) -> bool {
    let warm = |it: &&StandbyStatus| it.phase == StandbyPhase::Following && it.lag == 0;
    let read: u64 = status.standbys.iter().map(|it| it.offset).sum();
    status.standbys.iter().filter(warm).count() == partitions && read >= records
}

async fn add(engine: &Engine<Counter>, id: &str, number: u64) -> u64 {
    let command = Command::Add(vec![number]);
    engine.execute(id, command).await.unwrap().version
}

/// Sends commands of one event each, to a hundred aggregates.
async fn fill(engine: &Engine<Counter>, events: u64) {
    let mut replies = Vec::new();
    for number in 0..events {
        let id = format!("counter-{}", number % 100);
        let command = Command::Add(vec![number % 5]);
        let options = CommandOptions {
            command_id: Some(Uuid::from_u128(number.into())),
            ..CommandOptions::default()
        };
        replies.push(engine.enqueue(id, command, options).await.unwrap());
    }
    for reply in replies {
        reply.await.unwrap();
    }
}

/// Every state as an engine has it: each version, and whether the sum is what it must be. A number that
/// is too large by one is rejected, so that nothing is appended.
async fn served(engine: &Engine<Counter>) -> Vec<(u64, bool)> {
    let mut served = Vec::new();
    for counter in 0..100 {
        let id = format!("counter-{counter}");
        let version = engine.execute(&id, Command::Add(vec![])).await.unwrap();
        let total = (counter % 5) * (EVENTS / 100);
        let too_much = Command::Add(vec![LIMIT - total + 1]);
        let is_over = engine.execute(&id, too_much).await;
        let is_over = matches!(is_over, Err(ExecuteError::Rejected(_)));
        served.push((version.version, is_over));
    }
    served
}

/// Starts an engine in the background: one that has no partition takes a while.
fn starting(
    log: &CountingLog,
    options: EngineOptions,
    checkpoints: Option<Checkpoints<Counter>>,
) -> JoinHandle<Engine<Counter>> {
    let log: Arc<dyn EventLog> = Arc::new(log.clone());
    tokio::spawn(async move {
        let started = match checkpoints {
            None => Engine::start(log, options).await,
            Some(checkpoints) => {
                Engine::builder(log)
                    .options(options)
                    .checkpoints(checkpoints)
                    .start()
                    .await
            }
        };
        started.unwrap()
    })
}

/// Waits until so many records were read.
async fn until_read(log: &CountingLog, records: u64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while log.read() < records {
        assert!(tokio::time::Instant::now() < deadline, "{}", log.read());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn until_serving(engine: &Engine<Counter>, reason: TakeoverReason) -> EngineStatus {
    until(engine, |now| {
        now.owned.first().is_some_and(|it| {
            it.role == Role::Serving && it.takeover.is_some_and(|it| it.reason == reason)
        })
    })
    .await
}

/// A standby takes over from an owner that stops. It reads nothing for that but what it had not read
/// yet, and serves what a fresh replay does; also after it was fenced.
async fn take_over(dirs: Option<[TempDir; 2]>) {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let owner = start(log.clone(), options(1), dirs.as_ref().map(|dirs| &dirs[0])).await;
    fill(&owner, EVENTS).await;
    let counting = CountingLog::new(log.clone());
    let checkpoints = dirs
        .as_ref()
        .map(|dirs| Checkpoints::in_dir(dirs[1].path()));
    let standby = starting(&counting, options(1), checkpoints);
    until_read(&counting, EVENTS + 1).await;
    fill_more(&owner).await;
    until_read(&counting, EVENTS + 11).await;
    let before = counting.read();
    owner.shutdown().await.unwrap();
    let standby = standby.await.unwrap();
    let status = until_serving(&standby, TakeoverReason::Assigned).await;
    let (read, events) = (
        counting.read() - before,
        status.owned[0].takeover.unwrap().events,
    );
    assert!(read <= 2, "{read} records were read again");
    assert_eq!(events, 0, "it had all of them");
    assert_eq!(add(&standby, "more", 1).await, 11);

    let another_group = EngineOptions {
        group: Some("fresh".into()),
        standby: false,
        ..options(1)
    };
    let fresh = start(log.clone(), another_group, None).await;
    let expected = served(&fresh).await;
    assert!(expected.iter().all(|it| *it == (EVENTS / 100, true)));
    fresh.shutdown().await.unwrap();
    // It finds out that it was fenced, steps down, and claims again what its group still gives it.
    let fenced = standby.execute("more", Command::Add(vec![])).await;
    assert!(matches!(fenced, Err(ExecuteError::Fenced)), "{fenced:?}");
    until_serving(&standby, TakeoverReason::Superseded).await;
    assert_eq!(served(&standby).await, expected);
    // The window of commands came along: an id that comes again changes nothing.
    let events = read_all(&log).await.len();
    fill(&standby, 50).await;
    assert_eq!(read_all(&log).await.len(), events);
}

async fn fill_more(engine: &Engine<Counter>) {
    for version in 1..=10 {
        assert_eq!(add(engine, "more", 1).await, version);
    }
}

#[tokio::test]
async fn a_standby_takes_over_without_reading_the_log_again() {
    take_over(None).await;
}

#[tokio::test]
async fn a_standby_with_checkpoints_does_too() {
    take_over(Some([(); 2].map(|()| tempfile::tempdir().unwrap()))).await;
}

#[tokio::test]
async fn an_engine_stands_by_for_what_it_does_not_own_and_again_for_what_it_gave_up() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let first = start(log.clone(), options(4), None).await;
    fill(&first, EVENTS).await;
    let counting = CountingLog::new(log.clone());
    let second = start(Arc::new(counting.clone()), options(4), None).await;
    // Both are members now: each owns two, and follows the other two.
    let records = EVENTS / 4;
    for engine in [&first, &second] {
        let status = until(engine, |now| {
            now.owned.len() == 2 && is_warm(now, 2, records)
        })
        .await;
        for partition in 0..4 {
            let share = status.share_in(partition);
            let is_owned = status.owned.iter().any(|it| it.partition == partition);
            assert_eq!(is_owned, share == PartitionShare::Owner);
            assert_eq!(!is_owned, share == PartitionShare::Standby);
        }
        assert_eq!(status.share_in(4), PartitionShare::None);
    }
    let gave_up = first.status().standbys[0].clone();
    assert!(
        gave_up.events < 10,
        "it goes on from the state that it had: {gave_up:?}"
    );
    let before = counting.read();
    first.shutdown().await.unwrap();
    let status = until(&second, |now| {
        now.owned.len() == 4 && now.owned.iter().all(|it| it.role == Role::Serving)
    })
    .await;
    assert!(status.standbys.is_empty());
    assert!(
        counting.read() - before < 20,
        "{}",
        counting.read() - before
    );
    assert_eq!(add(&second, "counter-7", 1).await, EVENTS / 100 + 1);
}

#[tokio::test]
async fn a_standby_stays_within_the_budget_and_serves_what_it_dropped() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let owner = start(log.clone(), options(1), None).await;
    fill(&owner, EVENTS).await;
    let (dir, components) = (tempfile::tempdir().unwrap(), Components::new());
    let checkpoints = Checkpoints::new(CheckpointOptions {
        every: Duration::from_millis(1),
        memory: Some(4 << 10),
        ..CheckpointOptions::in_dir(dir.path())
    });
    let counting = CountingLog::new(log.clone());
    let shown = EngineOptions {
        components: components.clone(),
        ..options(1)
    };
    let standby = starting(&counting, shown, Some(checkpoints));
    until_read(&counting, EVENTS + 1).await;
    let mut more = EVENTS / 100;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        more += 1;
        assert_eq!(add(&owner, "counter-1", 0).await, more);
        let status = components.all()[0].status();
        if status["standbys"][0]["aggregates"]
            .as_u64()
            .is_some_and(|it| it < 50)
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    owner.shutdown().await.unwrap();
    let standby = standby.await.unwrap();
    until_serving(&standby, TakeoverReason::Assigned).await;
    for counter in (0..100).filter(|counter| *counter != 1) {
        let id = format!("counter-{counter}");
        assert_eq!(add(&standby, &id, 0).await, EVENTS / 100 + 1);
    }
    // What changed stays until the disk has it.
    while standby.status().owned[0].aggregates >= 50 {
        more += 1;
        assert_eq!(add(&standby, "counter-1", 0).await, more);
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_standby_of_a_damaged_log_says_so() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let first = start(log.clone(), options(2), None).await;
    fill(&first, 100).await;
    let second = start(log.clone(), options(2), None).await;
    let status = until(&second, |now| now.owned.len() == 1 && is_warm(now, 1, 10)).await;
    let followed = status.standbys[0].partition;
    let topic = log.open("test.counter.events", None).await.unwrap();
    let mut records = Records::new();
    records.push(RecordRef {
        key: b"counter-1",
        header: Some(&[1, 1, 0]),
        value: b"",
    });
    topic.append(followed, records).await.unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(60), second.failed()).await;
    let error = failed.expect("the standby says so");
    let place = format!("test.counter.events partition {followed} offset");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let told = format!("{error} {source:?}");
    assert!(told.contains(&place), "{told}");
    assert!(second.shutdown().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_standby_waits_while_the_log_is_away_and_goes_on_where_it_was() {
    let memory: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let first = start(memory.clone(), options(2), None).await;
    fill(&first, 500).await;
    let counting = CountingLog::new(Arc::new(FaultyLog::new(memory, Faults::default())));
    let second = start(Arc::new(counting.clone()), options(2), None).await;
    until(&second, |now| now.owned.len() == 1 && is_warm(now, 1, 100)).await;
    let before = counting.read();
    counting.be_away(true);
    let ids: Vec<String> = (0..100).map(|number| format!("counter-{number}")).collect();
    let owned = second.status().owned[0].partition;
    let ids: Vec<_> = ids
        .iter()
        .filter(|id| partition_of(id.as_bytes(), 2) != owned)
        .collect();
    for id in &ids {
        add(&first, id, 1).await;
    }
    until(&second, |now| now.standbys[0].interruption.is_some()).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    counting.be_away(false);
    let status = until(&second, |now| {
        now.standbys[0].interruption.is_none() && is_warm(now, 1, 100 + ids.len() as u64)
    })
    .await;
    assert_eq!(status.failure, None);
    let read = counting.read() - before;
    assert!(read <= 2 * ids.len() as u64, "{read} records were read");
}

#[tokio::test]
async fn a_standby_stores_what_is_new_when_it_stops() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let dir = tempfile::tempdir().unwrap();
    let first = start(log.clone(), options(2), None).await;
    fill(&first, 500).await;
    let at_stop = || {
        Checkpoints::new(CheckpointOptions {
            every: Duration::from_secs(3600),
            ..CheckpointOptions::in_dir(dir.path())
        })
    };
    let second = Engine::<Counter>::builder(log.clone())
        .options(options(2))
        .checkpoints(at_stop())
        .start()
        .await;
    let second = second.unwrap();
    let status = until(&second, |now| now.owned.len() == 1 && is_warm(now, 1, 100)).await;
    let followed = status.standbys[0].partition;
    second.shutdown().await.unwrap();
    let again = Engine::<Counter>::builder(log.clone())
        .options(options(2))
        .checkpoints(at_stop())
        .start()
        .await;
    let again = again.unwrap();
    let status = until(&again, |now| now.owned.len() == 1 && is_warm(now, 1, 100)).await;
    assert_eq!(status.standbys[0].partition, followed);
    assert!(status.standbys[0].events < 5, "{status:#?}");
}
