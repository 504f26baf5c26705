//! A topic that forgets takes no more room the longer it is written to, whoever opens it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{EventLog, LogErrorKind, NewTopic, RecordRef, Records, Topic};
use factum_local::LocalLog;

/// What a partition keeps at least, and what it may hold beyond that.
const KEPT: u64 = 65_536;
const MORE: u64 = 1_024;
const BATCH: u64 = 4_096;

const CREATE: NewTopic = NewTopic {
    partitions: 1,
    replication: None,
};

async fn open(dir: &Path) -> Arc<dyn Topic> {
    let log = LocalLog::open(dir).await.expect("a log opens");
    log.open_fleeting("answers", Some(CREATE), Duration::from_secs(1))
        .await
        .expect("a topic opens")
}

fn batch() -> Records {
    let mut records = Records::new();
    for _ in 0..BATCH {
        records.push(RecordRef {
            key: b"key",
            header: None,
            value: &[7; 100],
        });
    }
    records
}

async fn append(topic: &Arc<dyn Topic>, records: u64) {
    for _ in 0..records / BATCH {
        topic.append(0, batch()).await.expect("it is appended");
    }
}

async fn bounds(topic: &Arc<dyn Topic>) -> (u64, u64) {
    let start = topic.start(0).await.expect("the start is known");
    (start, topic.end(0).await.expect("the end is known"))
}

fn size(dir: &Path) -> u64 {
    let data = fs::metadata(dir.join("data.mdb"));
    data.expect("there is a data file").len()
}

#[tokio::test]
async fn the_log_does_not_grow() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let topic = open(dir.path()).await;
    append(&topic, KEPT).await;
    assert_eq!(bounds(&topic).await, (0, KEPT), "what has to be kept is");
    append(&topic, KEPT).await;
    let before = size(dir.path());
    append(&topic, 8 * KEPT).await;
    let (start, end) = bounds(&topic).await;
    assert_eq!(end, 10 * KEPT);
    assert!((KEPT..KEPT + MORE).contains(&(end - start)), "{start}");
    let after = size(dir.path());
    assert!(after <= before + before / 10, "{before} to {after} bytes");
}

#[tokio::test]
async fn a_log_that_is_opened_again_still_forgets() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let topic = open(dir.path()).await;
    append(&topic, KEPT).await;
    drop(topic);
    let topic = open(dir.path()).await;
    append(&topic, KEPT).await;
    let (start, end) = bounds(&topic).await;
    assert_eq!(end, 2 * KEPT);
    assert!(start >= KEPT - MORE, "{start}");
    let mut reader = topic.read(&[(0, start - 1)]).await.expect("a reader opens");
    let error = reader.next().await.expect_err("it is forgotten");
    assert_eq!(error.kind(), LogErrorKind::Damaged);
    let wanted = format!("has no offset {}: it holds {start} to {end}", start - 1);
    assert!(error.to_string().ends_with(&wanted), "{error}");
}
