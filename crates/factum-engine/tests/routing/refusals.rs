//! What is refused: topics that do not fit, logs that take nothing, answers of another build.

use factum_core::Aggregate;
use serde::{Deserialize, Serialize};

use super::denying::Denying;
use super::*;

/// What was handled of the topic of commands by an engine that is gone.
async fn handled(log: &Arc<dyn EventLog>, count: u64) -> Fetched {
    let first = engine(log, "nodes").await;
    let client = client(log).await;
    for _ in 0..count {
        client.execute("a", add(1)).await.unwrap();
    }
    first.shutdown().await.unwrap();
    let events = create(log, events_topic(Added::AGGREGATE)).await;
    let partition = factum_core::partition_of(b"a", PARTITIONS);
    let mut reader = events.read(&[(partition, 0)]).await.unwrap();
    reader.next().await.unwrap().remove(0)
}

/// A log with the same events and no commands.
async fn copy_of(fetched: &Fetched) -> Arc<dyn EventLog> {
    let other = memory();
    let events = create(&other, events_topic(Added::AGGREGATE)).await;
    let mut records = Records::new();
    fetched.iter().for_each(|(_, record)| records.push(record));
    events.append(fetched.partition, records).await.unwrap();
    other
}

/// Why an engine does not go on there.
async fn refusal(log: &Arc<dyn EventLog>) -> String {
    let error = match try_engine(log, "nodes").await {
        Ok(engine) => {
            let failed = tokio::time::timeout(Duration::from_secs(60), engine.failed());
            failed.await.expect("it notices")
        }
        Err(error) => error,
    };
    match error {
        EngineError::Log(error) => error.to_string(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_topic_of_commands_that_lost_some_is_refused() {
    let other = copy_of(&handled(&memory(), 3).await).await;
    let said = refusal(&other).await;
    assert!(said.contains("it lost commands"), "{said}");
}

#[tokio::test]
async fn a_topic_of_commands_that_was_made_anew_is_refused_however_long_it_is() {
    let other = copy_of(&handled(&memory(), 3).await).await;
    create(&other, commands_topic(Added::AGGREGATE)).await;
    for id in 1..5 {
        let header = format!(r#"{{"command":"{}"}}"#, Uuid::from_u128(id));
        write(&other, "a", Some(header.as_bytes()), br#"{"Add":[1]}"#).await;
    }
    let said = refusal(&other).await;
    assert!(said.contains("holds another command at offset 2"), "{said}");
}

/// A build of before, whose rejections look otherwise.
#[derive(Default, Serialize, Deserialize)]
struct OlderCounter;

impl Aggregate for OlderCounter {
    type Command = Command;
    type Event = Added;
    type Rejection = u64;

    fn decide(&self, _: Command) -> Result<Vec<Added>, u64> {
        Ok(vec![])
    }

    fn apply(&mut self, _: &Added) {}
}

#[tokio::test]
async fn an_answer_that_this_build_cannot_read_is_final() {
    let log = memory();
    let _engine = engine(&log, "nodes").await;
    let client = Client::<OlderCounter>::connect(log.clone(), Routing::default());
    let client = client.await.unwrap();
    assert!(client.execute("a", add(1)).await.is_ok());
    let answer = client.execute_with("a", add(LIMIT), with_id(1)).await;
    let Err(error @ ExecuteError::AnswerNotUnderstood { command, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((command, error.is_retryable()), (Uuid::from_u128(1), false));
}

#[tokio::test]
async fn too_few_dead_letters_are_refused() {
    let log = memory();
    let one = NewTopic {
        partitions: 1,
        ..CREATE
    };
    let letters = dead_letters_topic(Added::AGGREGATE);
    log.open(&letters, Some(one)).await.unwrap();
    let Err(EngineError::Log(error)) = try_engine(&log, "nodes").await else {
        panic!("it started");
    };
    assert_eq!(error.kind(), LogErrorKind::Unsuitable);
    assert!(error.to_string().contains(&letters), "{error}");
}

#[tokio::test]
async fn a_log_that_takes_no_commands_is_not_asked_for_ever() {
    let log = memory();
    engine(&log, "nodes").await.shutdown().await.unwrap();
    let denying: Arc<dyn EventLog> = Arc::new(Denying(log));
    let client = client(&denying).await;
    let refused = client.execute("a", add(1)).await;
    let Err(error @ ExecuteError::Refused { .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(!error.is_retryable());
    let refused = client.submit("a", add(1)).await;
    assert!(
        matches!(refused, Err(ExecuteError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn who_does_not_own_creates_nothing() {
    let log = memory();
    create(&log, events_topic(Added::AGGREGATE)).await;
    let refused = Client::<Counter>::connect(log.clone(), routing())
        .await
        .err();
    let engine = Engine::<Counter>::builder(log.clone()).options(EngineOptions {
        create: None,
        ..EngineOptions::default()
    });
    let refused_engine = engine.routing(routing()).start().await.err();
    for refused in [refused, refused_engine] {
        let Some(EngineError::Log(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind(), LogErrorKind::NotFound, "{error}");
    }
    let commands = log.open(&commands_topic(Added::AGGREGATE), None).await;
    assert!(commands.is_err());
}
