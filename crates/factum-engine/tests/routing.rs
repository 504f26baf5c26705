//! Commands that reach their owner through the log.

#[path = "routing/copies.rs"]
mod copies;
mod counter;
#[path = "routing/denying.rs"]
mod denying;
#[path = "routing/refusals.rs"]
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use counter::{Added, Command, Counter, LIMIT, LimitReached, read_all};
use factum_core::{
    Event, EventLog, Fetched, LogErrorKind, Metadata, NewTopic, RecordRef, Records, Topic,
    commands_topic, dead_letters_topic, events_topic,
};
use factum_engine::{
    Client, CommandOptions, Engine, EngineError, EngineOptions, ExecuteError, Routing,
    RoutingOptions,
};
use factum_testkit::MemoryLog;
use uuid::Uuid;

const PARTITIONS: u32 = 4;
const CREATE: NewTopic = NewTopic {
    partitions: PARTITIONS,
    replication: None,
};

fn memory() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

async fn engine(log: &Arc<dyn EventLog>, group: &str) -> Engine<Counter> {
    try_engine(log, group).await.unwrap()
}

async fn try_engine(log: &Arc<dyn EventLog>, group: &str) -> Result<Engine<Counter>, EngineError> {
    let options = EngineOptions {
        create: Some(CREATE),
        group: Some(group.to_owned()),
        reclaim_after: Duration::from_millis(20),
        ..EngineOptions::default()
    };
    let builder = Engine::builder(log.clone()).options(options);
    builder.routing(routing()).start().await
}

fn routing() -> Routing<Counter> {
    Routing::new(RoutingOptions {
        send_again_after: Duration::from_secs(60),
        ..RoutingOptions::default()
    })
}

async fn client(log: &Arc<dyn EventLog>) -> Client<Counter> {
    Client::connect(log.clone(), routing()).await.unwrap()
}

fn add(number: u64) -> Command {
    Command::Add(vec![number])
}

fn with_id(id: u128) -> CommandOptions {
    CommandOptions {
        command_id: Some(Uuid::from_u128(id)),
        ..CommandOptions::default()
    }
}

async fn commands(log: &Arc<dyn EventLog>) -> Arc<dyn Topic> {
    let name = commands_topic(Added::AGGREGATE);
    log.open(&name, None).await.unwrap()
}

async fn create(log: &Arc<dyn EventLog>, topic: String) -> Arc<dyn Topic> {
    log.open(&topic, Some(CREATE)).await.unwrap()
}

/// Puts a record into the topic of commands as some other program might.
async fn write(log: &Arc<dyn EventLog>, key: &str, header: Option<&[u8]>, value: &[u8]) {
    let partition = factum_core::partition_of(key.as_bytes(), PARTITIONS);
    write_to(log, partition, key, header, value).await;
}

async fn write_to(
    log: &Arc<dyn EventLog>,
    partition: u32,
    key: &str,
    header: Option<&[u8]>,
    value: &[u8],
) {
    let mut records = Records::new();
    records.push(RecordRef {
        key: key.as_bytes(),
        header,
        value,
    });
    let commands = commands(log).await;
    commands.append(partition, records).await.unwrap();
}

/// Waits until so many events are there, and returns how many there are then.
async fn wait_for_events(log: &Arc<dyn EventLog>, count: usize) -> usize {
    let reached = async {
        while read_all(log).await.len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(60), reached).await;
    read_all(log).await.len()
}

#[tokio::test]
async fn any_engine_takes_any_command() {
    let log = memory();
    let engines = [engine(&log, "nodes").await, engine(&log, "nodes").await];
    for number in 0..40 {
        let (engine, id) = (&engines[number % 2], format!("counter-{}", number % 10));
        let receipt = engine.execute(&id, add(1)).await.unwrap();
        assert_eq!(receipt.version, number as u64 / 10 + 1, "{id}");
    }
    assert_eq!(read_all(&log).await.len(), 40);
}

#[tokio::test]
async fn a_client_gets_what_the_domain_says() {
    let log = memory();
    let _engine = engine(&log, "nodes").await;
    let client = client(&log).await;
    let receipt = client.execute("a", Command::Add(vec![1, 2])).await.unwrap();
    assert_eq!((receipt.version, receipt.events), (2, 2));
    let nothing = client.execute("a", Command::Add(vec![])).await.unwrap();
    assert_eq!((nothing.version, nothing.events), (2, 0));
    let rejected = client.execute("a", add(LIMIT)).await.unwrap_err();
    assert!(matches!(rejected, ExecuteError::Rejected(LimitReached)));
    let options = CommandOptions {
        expected_version: Some(7),
        ..CommandOptions::default()
    };
    let conflict = client.execute_with("a", add(1), options).await.unwrap_err();
    assert!(matches!(
        conflict,
        ExecuteError::Conflict {
            expected: 7,
            actual: 2
        }
    ));
    let panicked = client.execute("a", Command::Panic).await.unwrap_err();
    assert!(matches!(panicked, ExecuteError::Panicked(_)));
    let unreadable = client.execute("a", Command::Unreadable).await.unwrap_err();
    assert!(
        matches!(unreadable, ExecuteError::Unreadable(_)),
        "{unreadable:?}"
    );
    let large = client
        .execute("a", Command::Fill(2_000_000))
        .await
        .unwrap_err();
    assert!(matches!(large, ExecuteError::TooLarge { .. }), "{large:?}");
    let last = client.execute("a", add(1)).await.unwrap();
    assert_eq!(last.version, 3);
    assert_eq!(read_all(&log).await.len(), 3);
}

#[tokio::test]
async fn one_id_may_be_on_its_way_to_several_aggregates() {
    let log = memory();
    let _engine = engine(&log, "nodes").await;
    let client = client(&log).await;
    client.execute("a", add(1)).await.unwrap();
    let calls = ["a", "b", "c"].map(|id| client.execute_with(id, add(1), with_id(1)));
    let versions = futures::future::join_all(calls).await;
    let versions: Vec<_> = versions.into_iter().map(|it| it.unwrap().version).collect();
    assert_eq!(versions, [2, 1, 1]);
}

#[tokio::test]
async fn what_was_submitted_while_nobody_owned_takes_effect_once() {
    let log = memory();
    engine(&log, "nodes").await.shutdown().await.unwrap();
    let client = client(&log).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let id = format!("counter-{}", number % 3);
        let submitted = client.submit(&id, add(1)).await.unwrap();
        // Once more under the same id, as after an answer that was lost.
        let again = with_id(submitted.command.as_u128());
        client.submit_with(&id, add(1), again).await.unwrap();
        ids.push(submitted.command);
    }
    let late = client.execute_with(
        "counter-0",
        add(1),
        CommandOptions {
            timeout: Some(Duration::from_millis(50)),
            ..with_id(99)
        },
    );
    assert!(matches!(late.await, Err(ExecuteError::Unknown { .. })));
    for _ in 0..3 {
        let engine = engine(&log, "nodes").await;
        assert_eq!(wait_for_events(&log, 21).await, 21);
        let receipt = client.execute_with("counter-0", add(1), with_id(99)).await;
        assert_eq!(receipt.unwrap().events, 1);
        engine.shutdown().await.unwrap();
    }
    let mut seen: Vec<_> = read_all(&log).await.iter().map(|it| it.command).collect();
    seen.sort_unstable();
    ids.push(Uuid::from_u128(99));
    ids.sort_unstable();
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn what_was_handled_stays_handled_when_its_id_is_forgotten() {
    let log = memory();
    let start = async || {
        let options = EngineOptions {
            command_window: 2,
            ..EngineOptions::default()
        };
        let builder = Engine::builder(log.clone()).options(options);
        builder.routing(routing()).start().await.unwrap()
    };
    let first = start().await;
    let client = client(&log).await;
    for _ in 0..2 {
        client.execute_with("a", add(1), with_id(1)).await.unwrap();
    }
    for id in 2..6 {
        first.execute_with("a", add(1), with_id(id)).await.unwrap();
    }
    first.shutdown().await.unwrap();
    let second = start().await;
    let receipt = client.execute("a", add(1)).await.unwrap();
    assert_eq!(receipt.version, 6);
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_id_gets_the_same_answer_whichever_way_it_comes() {
    let log = memory();
    let first = engine(&log, "nodes").await;
    let client = client(&log).await;
    client.execute("a", add(LIMIT)).await.unwrap();
    // Rejected on one way, and later it would be taken: another aggregate's state cannot shrink, so a
    // conflict stands for it.
    let expecting = |id| CommandOptions {
        expected_version: Some(2),
        ..with_id(id)
    };
    let nothing = || Command::Add(vec![0]);
    let direct = first.execute_with("a", nothing(), expecting(1)).await;
    let routed = client.execute_with("a", nothing(), expecting(2)).await;
    assert!(matches!(direct, Err(ExecuteError::Conflict { .. })));
    assert!(matches!(routed, Err(ExecuteError::Conflict { .. })));
    client.execute("a", nothing()).await.unwrap();
    for _ in 0..2 {
        for id in [1, 2] {
            let direct = first.execute_with("a", nothing(), expecting(id)).await;
            let routed = client.execute_with("a", nothing(), expecting(id)).await;
            assert!(
                matches!(direct, Err(ExecuteError::Conflict { .. })),
                "{direct:?}"
            );
            assert!(
                matches!(routed, Err(ExecuteError::Conflict { .. })),
                "{routed:?}"
            );
        }
    }
    first.shutdown().await.unwrap();
    let second = engine(&log, "nodes").await;
    for id in [1, 2] {
        let direct = second.execute_with("a", nothing(), expecting(id)).await;
        let routed = client.execute_with("a", nothing(), expecting(id)).await;
        assert!(
            matches!(direct, Err(ExecuteError::Conflict { .. })),
            "{direct:?}"
        );
        assert!(
            matches!(routed, Err(ExecuteError::Conflict { .. })),
            "{routed:?}"
        );
    }
    assert_eq!(read_all(&log).await.len(), 2);
}

#[tokio::test]
async fn what_nobody_understands_lies_among_the_dead_letters_with_its_reason() {
    let log = memory();
    let engine = engine(&log, "nodes").await;
    write(&log, "a", None, b"not JSON").await;
    write(&log, "a", Some(b"no header"), br#"{"Add":[1]}"#).await;
    let wrong = (factum_core::partition_of(b"a", PARTITIONS) + 1) % PARTITIONS;
    write_to(&log, wrong, "a", None, br#"{"Add":[1]}"#).await;
    // A command needs no header at all.
    write(&log, "a", None, br#"{"Add":[5]}"#).await;
    assert_eq!(wait_for_events(&log, 1).await, 1);
    assert_eq!(read_all(&log).await[0].number, 5);
    let topic = log
        .open(&dead_letters_topic(Added::AGGREGATE), None)
        .await
        .unwrap();
    let mut reasons = Vec::new();
    for partition in 0..PARTITIONS {
        let end = topic.end(partition).await.unwrap();
        let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
        let mut at = 0;
        while at < end {
            for fetched in reader.next().await.unwrap() {
                at = fetched.next;
                for (_, record) in fetched.iter() {
                    assert_eq!(record.key, b"a");
                    let why: serde_json::Value =
                        serde_json::from_slice(record.header.unwrap()).unwrap();
                    reasons.push(why["reason"].as_str().unwrap().to_owned());
                }
            }
        }
    }
    reasons.sort_unstable();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].starts_with("expected value"), "{reasons:?}");
    assert!(reasons[1].starts_with("its header: "), "{reasons:?}");
    assert!(
        reasons[2].starts_with("its key belongs into partition"),
        "{reasons:?}"
    );
    engine.shutdown().await.unwrap();
    // They count as handled: the next owner does not meet them again.
    let again = self::engine(&log, "nodes").await;
    again.execute("a", add(1)).await.unwrap();
    let sizes = async || {
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            sum += topic.end(partition).await.unwrap();
        }
        sum
    };
    assert_eq!(sizes().await, 3);
}

#[tokio::test]
async fn hostile_records_end_no_engine() {
    let log = memory();
    let engine = engine(&log, "nodes").await;
    let junk = vec![b'x'; 999_990];
    write(&log, "a", None, &junk).await;
    write(&log, "a", Some(&[0; 450_000]), b"no command").await;
    let variant = format!("\"{}\"", "y".repeat(200_000));
    write(&log, "a", None, variant.as_bytes()).await;
    let actor = format!(r#"{{"actor":"{}"}}"#, "z".repeat(999_960));
    write(&log, "a", Some(actor.as_bytes()), br#"{"Add":[1]}"#).await;
    write_to(&log, 0, "", None, br#"{"Add":[1]}"#).await;
    let long = "k".repeat(400_000);
    write(&log, &long, None, br#"{"Add":[1]}"#).await;
    write(&log, "a", None, br#"{"Add":[5]}"#).await;
    assert_eq!(wait_for_events(&log, 1).await, 1);
    for id in ["a", "b", "c", "d", "e"] {
        engine.execute(id, add(1)).await.unwrap();
    }
    engine.shutdown().await.unwrap();
    let again = self::engine(&log, "nodes").await;
    again.execute("a", add(1)).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 7);
}

#[tokio::test]
async fn an_engine_that_was_stopped_takes_no_command() {
    let log = memory();
    let engine = engine(&log, "nodes").await;
    engine.shutdown().await.unwrap();
    let refused = engine.execute("a", add(1)).await;
    assert!(matches!(refused, Err(ExecuteError::Unavailable { .. })));
    assert_eq!(commands(&log).await.end(0).await.unwrap(), 0);
}

#[tokio::test]
async fn events_carry_what_a_command_brought_along() {
    let log = memory();
    let _engine = engine(&log, "nodes").await;
    let metadata = Metadata {
        actor: Some("zoë".into()),
        correlation: Some(Uuid::from_u128(1)),
        causation: Some(Uuid::from_u128(2)),
        trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            .parse()
            .ok(),
    };
    let options = CommandOptions {
        metadata: metadata.clone(),
        ..CommandOptions::default()
    };
    let client = client(&log).await;
    client
        .execute_with("a", add(1), options.clone())
        .await
        .unwrap();
    _engine.execute_with("a", add(1), options).await.unwrap();
    let topic = log
        .open(&events_topic(Added::AGGREGATE), None)
        .await
        .unwrap();
    let partition = factum_core::partition_of(b"a", PARTITIONS);
    let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
    let mut commits = factum_core::CommitReader::new(
        topic.name(),
        partition,
        PARTITIONS,
        factum_core::Position::START,
    );
    let mut found = Vec::new();
    while found.len() < 2 {
        for fetched in reader.next().await.unwrap() {
            let take = |event: &factum_core::ValidEvent<'_>| {
                found.push(factum_core::Recorded::<Added>::decode("t", event)?.metadata);
                Ok(())
            };
            commits.read(&fetched, take).unwrap();
        }
    }
    assert_eq!(found, [metadata.clone(), metadata]);
}
