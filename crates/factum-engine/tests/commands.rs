//! What callers of an engine can rely on, on a log without faults.

mod counter;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use counter::{Added, Command, Counter, LIMIT, read_all};
use factum_core::{Event, EventLog, LogErrorKind, NewTopic, RecordRef, Records, events_topic};
use factum_engine::{CommandOptions, Engine, EngineError, EngineOptions, ExecuteError};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use uuid::Uuid;

fn options(partitions: u32) -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions,
            ..NewTopic::default()
        }),
        ..EngineOptions::default()
    }
}

async fn start(log: &Arc<dyn EventLog>) -> Engine<Counter> {
    Engine::start(log.clone(), options(2)).await.unwrap()
}

fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

fn with_id(id: u128) -> CommandOptions {
    CommandOptions {
        command_id: Some(Uuid::from_u128(id)),
        ..CommandOptions::default()
    }
}

#[tokio::test]
async fn a_command_becomes_events_and_a_receipt() {
    let log = memory();
    let engine = start(&log).await;
    let first = engine.execute("a", Command::Add(vec![1, 2])).await.unwrap();
    let second = engine.execute("a", Command::Add(vec![3])).await.unwrap();
    assert_eq!(
        (first.version, first.events, second.version, second.events),
        (2, 2, 3, 1)
    );
    assert_eq!((first.sequence, second.sequence), (2, 3));
    engine.shutdown().await.unwrap();
    let seen = read_all(&log).await;
    let numbers: Vec<_> = seen
        .iter()
        .map(|event| (event.number, event.version, event.sequence))
        .collect();
    assert_eq!(numbers, [(1, 1, 1), (2, 2, 2), (3, 3, 3)]);
    assert!(seen[..2].iter().all(|event| event.command == first.command));
}

#[tokio::test]
async fn a_rejection_and_an_empty_decision_append_nothing() {
    let log = memory();
    let engine = start(&log).await;
    let rejected = engine
        .execute("a", Command::Add(vec![LIMIT + 1]))
        .await
        .unwrap_err();
    assert!(
        matches!(rejected, ExecuteError::Rejected(counter::LimitReached)),
        "{rejected:?}"
    );
    let nothing = engine.execute("a", Command::Add(vec![])).await.unwrap();
    assert_eq!(
        (nothing.version, nothing.events, nothing.sequence),
        (0, 0, 0)
    );
    assert_eq!(read_all(&log).await, []);
}

#[tokio::test]
async fn a_command_is_held_to_the_expected_version() {
    let log = memory();
    let engine = start(&log).await;
    let at = |version| CommandOptions {
        expected_version: Some(version),
        ..CommandOptions::default()
    };
    engine
        .execute_with("a", Command::Add(vec![1]), at(0))
        .await
        .unwrap();
    let conflict = engine
        .execute_with("a", Command::Add(vec![1]), at(0))
        .await
        .unwrap_err();
    assert!(
        matches!(
            conflict,
            ExecuteError::Conflict {
                expected: 0,
                actual: 1
            }
        ),
        "{conflict:?}"
    );
    engine
        .execute_with("a", Command::Add(vec![1]), at(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_command_id_takes_effect_once_also_after_a_restart() {
    let log = memory();
    let engine = start(&log).await;
    let first = engine
        .enqueue("a", Command::Add(vec![1, 2]), with_id(1))
        .await
        .unwrap();
    let again = engine
        .enqueue("a", Command::Add(vec![1, 2]), with_id(1))
        .await
        .unwrap();
    let first = first.await.unwrap();
    assert_eq!(again.await.unwrap(), first);
    engine.shutdown().await.unwrap();
    let engine = start(&log).await;
    assert_eq!(
        engine
            .execute_with("a", Command::Add(vec![1, 2]), with_id(1))
            .await
            .unwrap(),
        first
    );
    assert_eq!(read_all(&log).await.len(), 2);
}

#[tokio::test]
async fn state_and_progress_come_back_by_replay() {
    let log = memory();
    let engine = start(&log).await;
    for _ in 0..100 {
        engine
            .execute("a", Command::Add(vec![LIMIT / 100]))
            .await
            .unwrap();
    }
    engine.shutdown().await.unwrap();
    let replayed = Arc::new(AtomicU64::new(0));
    let sum = replayed.clone();
    let options = EngineOptions {
        on_replay: Some(Arc::new(move |progress| {
            assert!(progress.offset <= progress.end);
            sum.fetch_max(progress.events, Ordering::Relaxed);
        })),
        ..options(2)
    };
    let engine = Engine::<Counter>::start(log, options).await.unwrap();
    assert_eq!(replayed.load(Ordering::Relaxed), 100);
    let rejected = engine
        .execute("a", Command::Add(vec![1]))
        .await
        .unwrap_err();
    assert!(matches!(rejected, ExecuteError::Rejected(_)));
    assert_eq!(
        engine
            .execute("a", Command::Add(vec![]))
            .await
            .unwrap()
            .version,
        100
    );
}

#[tokio::test]
async fn too_large_an_event_is_refused_and_harms_nobody() {
    let log = memory();
    let engine = start(&log).await;
    let error = engine
        .execute("a", Command::Fill(64 << 20))
        .await
        .unwrap_err();
    assert!(matches!(error, ExecuteError::TooLarge { .. }), "{error:?}");
    assert_eq!(
        engine
            .execute("a", Command::Add(vec![1]))
            .await
            .unwrap()
            .version,
        1
    );
    assert_eq!(read_all(&log).await.len(), 1);
}

#[tokio::test]
async fn what_could_not_be_read_back_never_reaches_the_log() {
    let log = memory();
    let engine = start(&log).await;
    let error = engine.execute("a", Command::Unreadable).await.unwrap_err();
    assert!(
        matches!(error, ExecuteError::Unreadable(_)) && !error.is_retryable(),
        "{error:?}"
    );
    assert_eq!(
        engine
            .execute("a", Command::Add(vec![1]))
            .await
            .unwrap()
            .version,
        1
    );
    assert_eq!(read_all(&log).await.len(), 1);
}

/// An engine with room for few commands, on a log that is slow; and that log without its slowness.
async fn start_slowly(queue: usize) -> (Engine<Counter>, Arc<dyn EventLog>) {
    let slow = Faults {
        delay: Duration::from_millis(200),
        ..Faults::default()
    };
    let memory = memory();
    let log: Arc<dyn EventLog> = Arc::new(FaultyLog::new(memory.clone(), slow));
    let options = EngineOptions {
        queue,
        in_flight: queue,
        ..options(1)
    };
    (Engine::start(log, options).await.unwrap(), memory)
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_overload_and_loses_nothing() {
    let (engine, memory) = start_slowly(4).await;
    let mut replies = Vec::new();
    let mut overloaded = 0;
    for _ in 0..100 {
        match engine.try_enqueue("a", Command::Add(vec![1]), CommandOptions::default()) {
            Ok(reply) => replies.push(reply),
            Err(ExecuteError::Overloaded) => overloaded += 1,
            Err(other) => panic!("{other}"),
        }
        tokio::task::yield_now().await;
    }
    let accepted = replies.len();
    assert!(
        overloaded > 80 && accepted >= 4,
        "{accepted} accepted, {overloaded} overloaded"
    );
    for reply in replies {
        reply.await.unwrap();
    }
    assert_eq!(read_all(&memory).await.len(), accepted);
}

#[tokio::test(start_paused = true)]
async fn who_executes_waits_for_room() {
    let (engine, memory) = start_slowly(1).await;
    let calls = (0..50).map(|_| engine.execute("a", Command::Add(vec![1])));
    let receipts = futures::future::join_all(calls).await;
    let mut versions: Vec<_> = receipts.into_iter().map(|it| it.unwrap().version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=50).collect::<Vec<_>>());
    assert_eq!(read_all(&memory).await.len(), 50);
}

/// Callers hold thousands of them, and move them as they call.
#[tokio::test]
async fn a_call_holds_its_command_once_or_twice() {
    let engine = start(&memory()).await;
    let size = size_of_val(&engine.execute("a", Command::Add(vec![1])));
    let needed = size_of::<(String, Command, CommandOptions)>();
    assert!(size < 2 * needed + 512, "{size} bytes for {needed}");
}

#[tokio::test]
async fn shutdown_answers_everyone() {
    let log = memory();
    let engine = start(&log).await;
    let mut replies = Vec::new();
    for number in 0..1000 {
        let id = format!("counter-{}", number % 7);
        replies.push(
            engine
                .enqueue(id, Command::Add(vec![1]), with_id(number))
                .await
                .unwrap(),
        );
    }
    engine.shutdown().await.unwrap();
    for reply in replies {
        reply.await.unwrap();
    }
    assert_eq!(read_all(&log).await.len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn the_engine_that_was_taken_over_answers_fenced_and_comes_back_later() {
    let log = memory();
    let first = EngineOptions {
        group: Some("first".into()),
        reclaim_after: Duration::from_millis(100),
        ..options(1)
    };
    let first = Engine::<Counter>::start(log.clone(), first).await.unwrap();
    first.execute("a", Command::Add(vec![1])).await.unwrap();
    let second = EngineOptions {
        group: Some("second".into()),
        reclaim_after: Duration::from_secs(3600),
        ..options(1)
    };
    let second = Engine::<Counter>::start(log.clone(), second).await.unwrap();
    second.execute("a", Command::Add(vec![2])).await.unwrap();
    let fenced = first.execute("a", Command::Add(vec![3])).await.unwrap_err();
    assert!(
        matches!(fenced, ExecuteError::Fenced) && fenced.is_retryable(),
        "{fenced:?}"
    );
    let refused = first.execute("a", Command::Add(vec![3])).await.unwrap_err();
    assert!(
        matches!(refused, ExecuteError::Unavailable { .. }),
        "{refused:?}"
    );
    let add = Command::Add(vec![4]);
    let done = first.execute_with_retry("a", add, CommandOptions::default());
    assert_eq!(done.await.unwrap().version, 3);
    let numbers: Vec<_> = read_all(&log)
        .await
        .iter()
        .map(|event| event.number)
        .collect();
    assert_eq!(numbers, [1, 2, 4]);
}

#[tokio::test]
async fn two_engines_of_one_group_share_the_partitions() {
    let log = memory();
    let first = Engine::<Counter>::start(log.clone(), options(4))
        .await
        .unwrap();
    let second = Engine::<Counter>::start(log.clone(), options(4))
        .await
        .unwrap();
    let (mut by_first, mut by_second) = (0, 0);
    for number in 0..100 {
        let id = format!("counter-{number}");
        for (engine, count) in [(&first, &mut by_first), (&second, &mut by_second)] {
            match engine.execute(id.clone(), Command::Add(vec![1])).await {
                Ok(_) => *count += 1,
                Err(error) => assert!(matches!(error, ExecuteError::Unavailable { .. }), "{error}"),
            }
        }
    }
    assert!(by_first > 0 && by_second > 0, "{by_first} and {by_second}");
    assert_eq!(by_first + by_second, 100);
    first.shutdown().await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    for number in 0..100 {
        let id = format!("counter-{number}");
        while let Err(error) = second.execute(id.clone(), Command::Add(vec![1])).await {
            assert!(
                error.is_retryable() && tokio::time::Instant::now() < deadline,
                "{error}"
            );
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(read_all(&log).await.len(), 200);
}

#[tokio::test]
async fn a_panic_of_the_domain_is_that_caller_s_alone() {
    let log = memory();
    let engine = start(&log).await;
    let error = engine.execute("a", Command::Panic).await.unwrap_err();
    assert!(
        matches!(&error, ExecuteError::Panicked(message) if message == "a mistake in the domain"),
        "{error:?}"
    );
    assert!(!error.is_retryable());
    assert_eq!(
        engine
            .execute("a", Command::Add(vec![1]))
            .await
            .unwrap()
            .version,
        1
    );
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_command_id_counts_for_each_aggregate() {
    let log = memory();
    let engine = start(&log).await;
    for id in 0..20 {
        let receipt =
            engine.execute_with(format!("counter-{id}"), Command::Add(vec![1]), with_id(1));
        assert_eq!(receipt.await.unwrap().version, 1);
    }
    assert_eq!(read_all(&log).await.len(), 20);
}

#[tokio::test]
async fn a_bound_of_nothing_is_refused() {
    let options = EngineOptions {
        queue: 0,
        ..options(1)
    };
    let error = Engine::<Counter>::start(memory(), options)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, EngineError::Options("queue")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_spare_engine_starts_and_takes_over() {
    let log = memory();
    let first = Engine::<Counter>::start(log.clone(), options(1))
        .await
        .unwrap();
    let spare = Engine::<Counter>::start(log.clone(), options(1))
        .await
        .unwrap();
    let unavailable = spare.execute("a", Command::Add(vec![1])).await.unwrap_err();
    assert!(
        matches!(unavailable, ExecuteError::Unavailable { .. }),
        "{unavailable}"
    );
    first.shutdown().await.unwrap();
    spare.ready().await.unwrap();
    assert_eq!(
        spare
            .execute("a", Command::Add(vec![1]))
            .await
            .unwrap()
            .version,
        1
    );
}

async fn start_error(log: Arc<dyn EventLog>, partitions: u32) -> (LogErrorKind, String) {
    match Engine::<Counter>::start(log, options(partitions)).await {
        Err(EngineError::Log(error)) => (error.kind(), error.to_string()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the engine started"),
    }
}

#[tokio::test]
async fn a_log_that_lost_events_is_refused() {
    let log = MemoryLog::new();
    let shared: Arc<dyn EventLog> = Arc::new(log.clone());
    let engine = Engine::<Counter>::start(shared.clone(), options(1))
        .await
        .unwrap();
    engine.execute("a", Command::Add(vec![1])).await.unwrap();
    engine.shutdown().await.unwrap();
    log.forget_before(&events_topic(Added::AGGREGATE), 0, 1);
    let (kind, message) = start_error(shared, 1).await;
    assert_eq!(kind, LogErrorKind::Damaged);
    assert!(
        message.contains("partition 0") && message.contains("deleted"),
        "{message}"
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_refused_with_its_place() {
    let log = memory();
    let engine = Engine::<Counter>::start(log.clone(), options(1))
        .await
        .unwrap();
    engine.execute("a", Command::Add(vec![1])).await.unwrap();
    engine.shutdown().await.unwrap();
    let topic = log
        .open(&events_topic(Added::AGGREGATE), None)
        .await
        .unwrap();
    let mut records = Records::new();
    records.push(RecordRef {
        key: b"a",
        header: None,
        value: b"a stranger's",
    });
    records.push(RecordRef {
        key: b"a",
        header: Some(&[1, 1]),
        value: b"damaged",
    });
    topic.append(0, records).await.unwrap();
    let (kind, message) = start_error(log, 1).await;
    assert_eq!(kind, LogErrorKind::Corrupt);
    assert!(
        message.starts_with("test.counter.events partition 0 offset 3"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_membership_ends_joins_again_if_that_may_help() {
    let log = FaultyLog::new(memory(), Faults::default());
    let engine = start(&(Arc::new(log.clone()) as Arc<dyn EventLog>)).await;
    let add = || engine.execute("a", Command::Add(vec![1]));
    add().await.unwrap();

    log.end_memberships(LogErrorKind::Unreachable);
    let joins_again = tokio::time::Instant::now() + Duration::from_millis(100);
    let mut added = 0;
    while add().await.is_ok() {
        added += 1;
        assert!(
            added < 10_000 && tokio::time::Instant::now() < joins_again,
            "it goes on as if it were a member"
        );
    }
    engine.ready().await.unwrap();
    let receipt = add().await.unwrap();
    assert!(receipt.version >= 2);

    log.end_memberships(LogErrorKind::Closed);
    let error = engine.failed().await;
    assert!(
        matches!(&error, EngineError::Log(log) if log.kind() == LogErrorKind::Closed),
        "{error}"
    );
    assert!(engine.shutdown().await.is_err());
}

#[tokio::test]
async fn an_engine_that_was_taken_over_answers_nothing_from_its_old_state() {
    let log = memory();
    let rival = async |group: &str| {
        let options = EngineOptions {
            group: Some(group.into()),
            reclaim_after: Duration::from_millis(20),
            ..options(1)
        };
        Engine::<Counter>::start(log.clone(), options)
            .await
            .unwrap()
    };
    let rivals = [rival("first").await, rival("second").await];
    let too_much = || Command::Add(vec![LIMIT + 1]);
    let nothing = || Command::Add(vec![]);
    for round in 1..=5 {
        for engine in &rivals {
            // The other one took over last, and this one cannot know.
            let refused = engine.execute("a", too_much()).await.unwrap_err();
            assert!(matches!(refused, ExecuteError::Fenced), "{refused:?}");
            // It owns the partition again, and knows what the other one did.
            let add = Command::Add(vec![1]);
            let add = engine.execute_with_retry("a", add, CommandOptions::default());
            let add = add.await.unwrap();
            let refused = engine.execute("a", too_much()).await.unwrap_err();
            assert!(matches!(refused, ExecuteError::Rejected(_)), "{refused:?}");
            let seen = engine.execute("a", nothing()).await.unwrap();
            assert_eq!(
                (seen.version, seen.events),
                (add.version, 0),
                "round {round}"
            );
        }
    }
    let stale = rivals[0].execute("a", nothing()).await.unwrap_err();
    assert!(matches!(stale, ExecuteError::Fenced), "{stale:?}");
}
