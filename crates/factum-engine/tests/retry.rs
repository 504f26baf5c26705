//! Time-outs, and commands that are sent until their fate is known.

mod counter;

use std::sync::Arc;
use std::time::Duration;

use counter::{Command, Counter, read_all};
use factum_core::{EventLog, NewTopic};
use factum_engine::{CommandOptions, Engine, EngineOptions, ExecuteError};
use factum_testkit::{Faults, FaultyLog, MemoryLog};

fn one() -> Command {
    Command::Add(vec![1])
}

fn options() -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            ..NewTopic::default()
        }),
        ..EngineOptions::default()
    }
}

fn within(millis: u64) -> CommandOptions {
    CommandOptions {
        timeout: Some(Duration::from_millis(millis)),
        ..CommandOptions::default()
    }
}

/// A log in memory, and the same log with appends that take up to so long.
fn slow(delay: Duration) -> (Arc<dyn EventLog>, Arc<dyn EventLog>) {
    let memory: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let faults = Faults {
        delay,
        ..Faults::default()
    };
    (memory.clone(), Arc::new(FaultyLog::new(memory, faults)))
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_unknown_and_its_id_finds_out() {
    let (memory, log) = slow(Duration::from_millis(300));
    let engine = Engine::<Counter>::start(log, options()).await.unwrap();
    let mut count = 0;
    let error = loop {
        count += 1;
        match engine.execute_with("a", one(), within(10)).await {
            Ok(_) => assert!(count < 20, "no append takes longer than 10 ms"),
            Err(error) => break error,
        }
    };
    let ExecuteError::Unknown { command } = error else {
        panic!("{error:?}");
    };
    assert!(error.is_retryable() && error.to_string().contains(&command.to_string()));
    let again = CommandOptions {
        command_id: Some(command),
        ..CommandOptions::default()
    };
    let receipt = engine.execute_with("a", one(), again).await.unwrap();
    assert_eq!((receipt.command, receipt.version), (command, count));
    assert_eq!(read_all(&memory).await.len() as u64, count);
}

#[tokio::test]
async fn a_command_that_finds_no_room_in_time_did_not_happen() {
    let (memory, log) = slow(Duration::from_millis(300));
    let options = EngineOptions {
        queue: 1,
        in_flight: 1,
        ..options()
    };
    let engine = Engine::<Counter>::start(log, options).await.unwrap();
    let mut replies = Vec::new();
    let error = loop {
        match engine.enqueue("a", one(), within(20)).await {
            Ok(reply) => replies.push(reply),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ExecuteError::Overloaded), "{error:?}");
    engine.shutdown().await.unwrap();
    assert_eq!(read_all(&memory).await.len(), replies.len());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_calls_its_command_back() {
    let (memory, log) = slow(Duration::from_millis(300));
    let options = EngineOptions {
        in_flight: 1,
        ..options()
    };
    let engine = Engine::<Counter>::start(log, options).await.unwrap();
    let decided = engine.enqueue("a", one(), within(10_000)).await.unwrap();
    let under_way = || engine.status().owned[0].in_flight_commits;
    while under_way() == 0 {
        tokio::task::yield_now().await; // no time passes meanwhile
    }
    let waits = engine.enqueue("a", one(), within(1)).await.unwrap();
    assert!(matches!(waits.await, Err(ExecuteError::Unknown { .. })));
    assert_eq!(under_way(), 1, "the command had to wait for this one");
    let last = engine.execute("a", one()).await.unwrap();
    assert_eq!((decided.await.unwrap().version, last.version), (1, 2));
    assert_eq!(read_all(&memory).await.len(), 2);
}

/// Two engines, each in a group of its own, that take the one partition from each other.
async fn rivals(log: &Arc<dyn EventLog>) -> [Engine<Counter>; 2] {
    let rival = async |group: &str| {
        let options = EngineOptions {
            group: Some(group.into()),
            reclaim_after: Duration::from_millis(20),
            ..options()
        };
        Engine::start(log.clone(), options).await.unwrap()
    };
    [rival("first").await, rival("second").await]
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_sent_again_takes_effect_once() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let rivals = rivals(&log).await;
    let mut fenced = 0;
    for number in 1..=50 {
        let engine = &rivals[number % 2];
        let command = Command::Add(vec![number as u64]);
        if let Err(ExecuteError::Fenced) = engine.execute("probe", one()).await {
            fenced += 1;
        }
        let receipt = engine.execute_with_retry("a", command, within(10_000));
        assert_eq!(receipt.await.unwrap().version, number as u64);
    }
    assert!(fenced > 10, "the engines fence each other: {fenced}");
    let all = read_all(&log).await;
    let of_a = all.iter().filter(|event| event.id == "a");
    let numbers: Vec<u64> = of_a.map(|event| event.number).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<u64>>());
}

#[tokio::test]
async fn what_no_attempt_mends_is_told_in_the_end() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let owner = Engine::<Counter>::start(log.clone(), options())
        .await
        .unwrap();
    let spare = tokio::spawn(Engine::<Counter>::start(log.clone(), options()));
    let rejected =
        owner.execute_with_retry("a", Command::Add(vec![counter::LIMIT + 1]), within(10_000));
    assert!(matches!(rejected.await, Err(ExecuteError::Rejected(_))));
    tokio::time::pause();
    let spare = spare.await.unwrap().unwrap();
    let before = tokio::time::Instant::now();
    let error = spare
        .execute_with_retry("a", one(), within(5_000))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ExecuteError::Unavailable { partition: 0 }),
        "{error:?}"
    );
    let waited = before.elapsed();
    assert!(
        waited > Duration::from_secs(2) && waited <= Duration::from_secs(5),
        "{waited:?}"
    );
    assert_eq!(read_all(&log).await.len(), 0);
}
