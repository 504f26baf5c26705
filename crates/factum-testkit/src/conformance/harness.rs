//! What the checks share: topics of their own, records by value, and waiting with a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{
    Appended, EventLog, Fetched, LogReader, NewTopic, Offset, RecordRef, Records, Topic,
};

/// How long anything may take before the check fails. Groups of a real Kafka take seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for something that must happen.
pub(super) async fn soon<F: Future>(what: &str, happens: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, happens).await {
        Ok(output) => output,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// A topic name that no other run uses.
pub(super) fn fresh_name() -> String {
    format!("conformance-{}", uuid::Uuid::new_v4())
}

pub(super) async fn fresh_topic(log: &Arc<dyn EventLog>, partitions: u32) -> Arc<dyn Topic> {
    open(log, &fresh_name(), partitions).await
}

pub(super) async fn open(log: &Arc<dyn EventLog>, name: &str, partitions: u32) -> Arc<dyn Topic> {
    let create = NewTopic {
        partitions,
        replication: None,
    };
    soon("a topic opens", log.open(name, Some(create)))
        .await
        .expect("a topic opens")
}

/// A batch of records with these values.
pub(super) fn batch<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Records {
    let mut records = Records::new();
    for value in values {
        records.push(RecordRef {
            key: b"key",
            header: Some(b"header"),
            value: value.as_ref(),
        });
    }
    records
}

/// Values that say who wrote them and when: `a0`, `a1`, …
pub(super) fn numbered(who: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{who}{number}")).collect()
}

pub(super) async fn append(topic: &Arc<dyn Topic>, partition: u32, records: Records) -> Appended {
    soon(
        "an append is acknowledged",
        topic.append(partition, records),
    )
    .await
    .expect("an append succeeds")
}

pub(super) async fn reader(topic: &Arc<dyn Topic>, from: &[(u32, Offset)]) -> Box<dyn LogReader> {
    soon("a reader opens", topic.read(from))
        .await
        .expect("a reader opens")
}

pub(super) async fn fetch(reader: &mut Box<dyn LogReader>) -> Vec<Fetched> {
    soon("a reader has something to tell", reader.next())
        .await
        .expect("reading succeeds")
}

/// Everything in a partition from an offset to the end that it has now.
pub(super) async fn read_all(
    topic: &Arc<dyn Topic>,
    partition: u32,
    from: Offset,
) -> Vec<(Offset, String)> {
    let end = topic.end(partition).await.expect("the end is known");
    let mut reader = reader(topic, &[(partition, from)]).await;
    let mut all = Vec::new();
    let mut next = from;
    while next < end {
        for fetched in fetch(&mut reader).await {
            next = fetched.next;
            all.extend(values(&fetched));
        }
    }
    all
}

/// The offsets and values of a fetch.
pub(super) fn values(fetched: &Fetched) -> Vec<(Offset, String)> {
    assert_eq!(
        fetched.records.len(),
        fetched.offsets.len(),
        "each record has its offset"
    );
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("values are text");
    fetched
        .iter()
        .map(|(offset, record)| (offset, text(record.value)))
        .collect()
}
