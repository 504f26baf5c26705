//! Each injected fault does what its description says.

use std::sync::Arc;
use std::time::Duration;

use factum_core::{
    Appended, Change, EventLog, LogError, LogErrorKind, NewTopic, RecordRef, Records, Topic,
};
use factum_testkit::{Faults, FaultyLog, MemoryLog};

async fn behind(faults: Faults) -> Arc<dyn Topic> {
    let log = FaultyLog::new(Arc::new(MemoryLog::new()), faults);
    log.open(
        "t",
        Some(NewTopic {
            partitions: 1,
            replication: None,
        }),
    )
    .await
    .expect("opens")
}

async fn append(topic: &Arc<dyn Topic>, values: &[&str]) -> Result<Appended, LogError> {
    let mut records = Records::new();
    for value in values {
        records.push(RecordRef {
            key: b"k",
            header: None,
            value: value.as_bytes(),
        });
    }
    topic.append(0, records).await
}

async fn stored(topic: &Arc<dyn Topic>) -> Vec<String> {
    let mut reader = topic.read(&[(0, 0)]).await.expect("reads");
    let fetched = reader.next().await.expect("reads").remove(0);
    fetched
        .iter()
        .map(|(_, it)| String::from_utf8_lossy(it.value).into_owned())
        .collect()
}

#[tokio::test]
async fn without_faults_appends_pass() {
    let topic = behind(Faults::default()).await;
    assert_eq!(
        append(&topic, &["a", "b"]).await.expect("lands"),
        Appended::At(0)
    );
    assert_eq!(stored(&topic).await, ["a", "b"]);
}

#[tokio::test]
async fn a_failed_batch_never_lands() {
    let topic = behind(Faults {
        failed: 1000,
        ..Faults::default()
    })
    .await;
    assert!(
        append(&topic, &["a"])
            .await
            .expect_err("fails")
            .is_retryable()
    );
    assert!(stored(&topic).await.is_empty());
}

#[tokio::test]
async fn a_torn_batch_lands_in_part() {
    let topic = behind(Faults {
        torn: 1000,
        ..Faults::default()
    })
    .await;
    append(&topic, &["a", "b", "c"]).await.expect_err("fails");
    let stored = stored(&topic).await;
    assert!(
        stored.len() < 3
            && ["a", "b", "c"].starts_with(&stored.iter().map(String::as_str).collect::<Vec<_>>())
    );
}

#[tokio::test]
async fn an_unacknowledged_batch_lands() {
    let topic = behind(Faults {
        unacknowledged: 1000,
        ..Faults::default()
    })
    .await;
    append(&topic, &["a"]).await.expect_err("fails");
    assert_eq!(stored(&topic).await, ["a"]);
}

#[tokio::test]
async fn a_late_batch_lands_behind_later_ones() {
    let topic = behind(Faults {
        late: 500,
        seed: 3,
        ..Faults::default()
    })
    .await;
    let mut order = Vec::new();
    let mut late = Vec::new();
    for value in [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n",
    ] {
        match append(&topic, &[value]).await {
            Ok(_) => order.push(value),
            Err(_) => late.push(value),
        }
    }
    let stored = stored(&topic).await;
    assert_ne!(stored, order, "late batches land among the others");
    let on_time: Vec<_> = stored
        .iter()
        .filter(|it| !late.contains(&it.as_str()))
        .collect();
    assert_eq!(on_time, order.iter().collect::<Vec<_>>());
    for value in &late {
        assert!(stored.iter().filter(|it| it == value).count() <= 1);
    }
}

#[tokio::test]
async fn a_doubled_batch_lands_twice() {
    let topic = behind(Faults {
        doubled: 1000,
        ..Faults::default()
    })
    .await;
    assert_eq!(
        append(&topic, &["a", "b"]).await.expect("lands"),
        Appended::At(0)
    );
    assert_eq!(stored(&topic).await, ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn a_placeless_batch_lands_somewhere() {
    let topic = behind(Faults {
        placeless: 1000,
        ..Faults::default()
    })
    .await;
    assert_eq!(
        append(&topic, &["a"]).await.expect("lands"),
        Appended::Somewhere
    );
    assert_eq!(stored(&topic).await, ["a"]);
}

#[tokio::test]
async fn the_same_seed_meets_the_same_faults() {
    let faults = Faults {
        seed: 42,
        failed: 300,
        unacknowledged: 200,
        doubled: 100,
        ..Faults::default()
    };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let topic = behind(faults).await;
        for number in 0..100 {
            let _ = append(&topic, &[&number.to_string()]).await;
        }
        runs.push(stored(&topic).await);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].len() > 40 && runs[0].len() < 90);
}

#[tokio::test]
async fn a_delay_holds_back_the_answer_only() {
    let topic = behind(Faults {
        delay: Duration::from_secs(3_600),
        ..Faults::default()
    })
    .await;
    let answer = tokio::time::timeout(Duration::from_millis(10), append(&topic, &["a"])).await;
    assert!(answer.is_err(), "the acknowledgement takes its time");
    assert_eq!(stored(&topic).await, ["a"]);
}

#[tokio::test]
async fn a_membership_ends_and_the_next_one_does_not() {
    let log = FaultyLog::new(Arc::new(MemoryLog::new()), Faults::default());
    log.end_memberships(LogErrorKind::Other);
    let topic = log.open("t", Some(NewTopic::default())).await;
    let topic = topic.expect("opens");
    for kind in [LogErrorKind::Unreachable, LogErrorKind::Closed] {
        let mut member = topic.join("g").await.expect("joins");
        let gained = member.next().await.expect("it is a member");
        assert!(matches!(gained, Change::Gained(all) if all.len() == 8));
        log.clone().end_memberships(kind);
        let error = member.next().await.expect_err("it is one no more");
        assert_eq!(error.kind(), kind);
        member.leave().await.expect("leaves");
    }
}
