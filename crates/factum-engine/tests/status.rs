//! What an engine says about itself, while it works, waits, changes hands and fails.

mod counter;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use counter::{Command, Counter, LIMIT, read_all};
use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, Topic};
use factum_engine::{
    CommandOptions, Engine, EngineOptions, EngineStatus, PartitionStatus, Phase, Role,
    TakeoverReason,
};
use factum_status::{Components, Health};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use serde_json::{Value, json};

fn options(components: &Components) -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            ..NewTopic::default()
        }),
        components: components.clone(),
        ..EngineOptions::default()
    }
}

fn faulty(faults: Faults) -> FaultyLog {
    FaultyLog::new(Arc::new(MemoryLog::new()), faults)
}

async fn start(log: &FaultyLog, options: EngineOptions) -> Engine<Counter> {
    Engine::start(Arc::new(log.clone()), options).await.unwrap()
}

/// Waits until the engine's status is as it should be.
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

fn only(status: &EngineStatus) -> &PartitionStatus {
    let [partition] = &status.owned[..] else {
        panic!("it owns the only partition: {status:#?}");
    };
    partition
}

fn health(components: &Components) -> Health {
    components.all()[0].health()
}

/// Takes out what is another each time, if it is of the right kind.
fn mask(status: &mut Value) {
    let id = status["topic"]["claimant"].take();
    assert!(id.as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{id}");
    let takeover = &mut status["owned"][0]["takeover"];
    let at = takeover["at"].take();
    assert!(
        at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
        "{at}"
    );
    let [whole, replay] = ["seconds", "replay_seconds"].map(|it| takeover[it].take());
    assert!(
        whole.as_f64().unwrap() >= replay.as_f64().unwrap(),
        "{whole} {replay}"
    );
}

#[tokio::test]
async fn the_status_as_json_and_metrics_is_what_the_docs_say() {
    let components = Components::new();
    let log = faulty(Faults::default());
    let engine = start(&log, options(&components)).await;
    engine.execute("a", Command::Add(vec![1, 2])).await.unwrap();
    engine.execute("b", Command::Add(vec![3])).await.unwrap();
    let expecting = CommandOptions {
        expected_version: Some(7),
        ..CommandOptions::default()
    };
    let one = || Command::Add(vec![1]);
    engine
        .execute_with("b", one(), expecting)
        .await
        .unwrap_err();
    engine
        .execute("a", Command::Add(vec![LIMIT]))
        .await
        .unwrap_err();
    engine.execute("a", Command::Panic).await.unwrap_err();
    until(&engine, |now| {
        only(now).offset == 4 && only(now).in_flight_commits == 0
    })
    .await;

    let component = components.all().remove(0);
    assert_eq!(
        (component.kind(), component.name().as_str()),
        ("engine", "test.counter")
    );
    assert_eq!(component.health(), Health::Ready);
    let mut status = component.status();
    mask(&mut status);
    let counts = json!({
        "accepted": 2, "rejected": 1, "conflict": 1, "failed": 1,
        "fenced": 0, "unavailable": 0, "overloaded": 0,
    });
    let expected = json!({
        "aggregate": "test.counter",
        "phase": "serving",
        "failure": null,
        "topic": {
            "name": "test.counter.events", "partitions": 1,
            "group": "factum.test.counter", "claimant": null,
        },
        "commands": counts,
        "standbys": [],
        "owned": [{
            "partition": 0, "role": "serving", "epoch": 1, "sequence": 3, "offset": 4,
            "queued": 0, "queue": 4096, "in_flight_commits": 0, "in_flight_bytes": 0,
            "aggregates": 2, "commands_remembered": 2, "commands_handled": 0, "command_window": 65_536,
            "commands": counts,
            "replay": null,
            "takeover": {
                "at": null, "reason": "assigned", "epoch": 1, "seconds": null,
                "replay_seconds": null, "events": 0,
            },
        }],
    });
    assert_eq!(status, expected);

    let families = component.metrics();
    let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
    let expected = [
        "factum_engine_ready",
        "factum_engine_commands_total",
        "factum_engine_partition_serving",
        "factum_engine_epoch",
        "factum_engine_sequence",
        "factum_engine_offset",
        "factum_engine_commands_handled",
        "factum_engine_queued_commands",
        "factum_engine_in_flight_commits",
        "factum_engine_in_flight_bytes",
        "factum_engine_aggregates",
        "factum_engine_remembered_commands",
        "factum_engine_standby_warm",
        "factum_engine_standby_offset",
        "factum_engine_standby_lag_records",
        "factum_engine_append_seconds",
        "factum_engine_takeover_seconds",
    ];
    assert_eq!(names, expected);
    let sequence = &families[4].get_metric()[0];
    assert_eq!(sequence.get_gauge().get_value(), 3.0);
    let appends = families[15].get_metric()[0].get_histogram();
    assert_eq!(
        appends.get_sample_count(),
        2,
        "rejected commands append nothing"
    );
    let takeovers = families[16].get_metric()[0].get_histogram();
    assert_eq!(takeovers.get_sample_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn commands_that_wait_are_seen() {
    let components = Components::new();
    let delay = Duration::from_millis(500);
    let log = faulty(Faults {
        delay,
        ..Faults::default()
    });
    let narrow = EngineOptions {
        in_flight: 1,
        queue: 8,
        ..options(&components)
    };
    let engine = start(&log, narrow).await;
    let enqueue = || engine.try_enqueue("a", Command::Add(vec![1]), CommandOptions::default());
    let mut replies = vec![enqueue().unwrap()];
    let status = until(&engine, |now| only(now).in_flight_commits == 1).await;
    assert!(only(&status).in_flight_bytes > 0, "{status:#?}");
    replies.extend((0..8).map(|_| enqueue().unwrap()));
    assert_eq!(only(&engine.status()).queued, 8);
    enqueue().unwrap_err();
    assert_eq!(engine.status().commands.overloaded, 1);
    for reply in replies {
        reply.await.unwrap();
    }
    let status = until(&engine, |now| only(now).in_flight_commits == 0).await;
    assert_eq!(
        (only(&status).queued, only(&status).in_flight_bytes),
        (0, 0)
    );
    assert_eq!(status.commands.accepted, 9);
}

#[tokio::test]
async fn why_a_partition_was_taken_over_is_told() {
    let components = Components::new();
    let log = faulty(Faults {
        seed: 5,
        unacknowledged: 400,
        ..Faults::default()
    });
    let engine = start(&log, options(&components)).await;
    let takeover = |status: &EngineStatus| only(status).takeover.unwrap();
    assert_eq!(takeover(&engine.status()).reason, TakeoverReason::Assigned);
    let add = || engine.execute("a", Command::Add(vec![1]));
    while takeover(&engine.status()).reason == TakeoverReason::Assigned {
        let _ = add().await;
    }
    let status = until(&engine, |now| only(now).role == Role::Serving).await;
    let last = takeover(&status);
    assert_eq!(last.reason, TakeoverReason::Ambiguous);
    assert!(last.epoch > 1 && last.events > 0, "{last:?}");
    assert!(
        status.commands.accepted + status.commands.fenced > 0,
        "{status:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_superseded_says_so_and_claims_again() {
    let components = Components::new();
    let log = faulty(Faults::default());
    let patient = EngineOptions {
        reclaim_after: Duration::from_millis(300),
        ..options(&components)
    };
    let engine = start(&log, patient).await;
    let stranger = EngineOptions {
        group: Some("stranger".into()),
        ..options(&Components::new())
    };
    let other = start(&log, stranger).await;
    other.execute("a", Command::Add(vec![1])).await.unwrap();
    other.shutdown().await.unwrap();
    engine
        .execute("a", Command::Add(vec![1]))
        .await
        .unwrap_err();
    until(&engine, |now| only(now).role == Role::Superseded).await;
    assert_eq!(
        health(&components),
        Health::Ready,
        "others may own it for a while"
    );
    let status = until(&engine, |now| only(now).role == Role::Serving).await;
    let takeover = only(&status).takeover.unwrap();
    assert_eq!(takeover.reason, TakeoverReason::Superseded);
    assert_eq!((takeover.epoch, takeover.events), (3, 1));
    assert_eq!(status.commands.fenced, 1);
    let log: Arc<dyn EventLog> = Arc::new(log);
    assert_eq!(read_all(&log).await.len(), 1, "the stranger's");
}

#[tokio::test]
async fn an_engine_that_failed_says_why_until_it_is_dropped() {
    let components = Components::new();
    let log = faulty(Faults::default());
    let engine = start(&log, options(&components)).await;
    engine.execute("a", Command::Add(vec![1])).await.unwrap();
    log.end_memberships(LogErrorKind::Unsuitable);
    engine.failed().await;
    let status = until(&engine, |now| now.owned.is_empty()).await;
    assert_eq!(status.phase, Phase::Failed);
    assert_eq!(
        status.commands.accepted, 1,
        "what it did before is not forgotten"
    );
    let Health::Failed(why) = health(&components) else {
        panic!("{:?}", health(&components));
    };
    assert!(
        why.contains("the injected fault ended the membership"),
        "{why}"
    );
    drop(engine);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !components.all().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{components:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_lost_its_group_is_not_ready_until_it_is_back() {
    let components = Components::new();
    let log = faulty(Faults::default());
    let engine = start(&log, options(&components)).await;
    log.end_memberships(LogErrorKind::Unreachable);
    until(&engine, |now| now.phase == Phase::Joining).await;
    assert!(matches!(health(&components), Health::Waiting(_)));
    until(&engine, |now| now.phase == Phase::Serving).await;
    assert_eq!(health(&components), Health::Ready);
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_a_partition_stands_by_and_is_ready() {
    let log = faulty(Faults::default());
    let owner = start(&log, options(&Components::new())).await;
    let components = Components::new();
    let spare = tokio::spawn({
        let (log, options) = (log.clone(), options(&components));
        async move { start(&log, options).await }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(matches!(health(&components), Health::Waiting(_)));
    let spare = spare.await.unwrap();
    assert_eq!(spare.status().phase, Phase::StandingBy);
    assert_eq!(health(&components), Health::Ready);
    owner.shutdown().await.unwrap();
    assert_eq!(owner.status().phase, Phase::Stopping);
    until(&spare, |now| now.phase == Phase::Serving).await;
}

/// A log that does not answer.
struct Silent;

#[async_trait::async_trait]
impl EventLog for Silent {
    async fn open(&self, _: &str, _: Option<NewTopic>) -> Result<Arc<dyn Topic>, LogError> {
        pending().await
    }

    async fn open_fleeting(
        &self,
        _: &str,
        _: Option<NewTopic>,
        _: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        pending().await
    }
}

#[tokio::test]
async fn an_engine_is_shown_before_the_log_answers() {
    let components = Components::new();
    let options = options(&components);
    let starting =
        tokio::spawn(async { Engine::<Counter>::start(Arc::new(Silent), options).await });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while components.all().is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    assert_eq!(
        health(&components),
        Health::Waiting("the log is being opened".into())
    );
    assert_eq!(components.all()[0].status()["phase"], "opening");
    starting.abort();
}
