//! A broker that is killed in the middle of appends and reads, and comes back.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use factum_core::{Appended, Offset, Topic};
use xtask::servers::Kafka;

use harness::{connect, fresh_topic, record, soon};

const RECORDS: usize = 30_000;

/// Appends numbers, pipelined, and returns where each acknowledged one landed.
async fn append(topic: Arc<dyn Topic>, acknowledged: Arc<AtomicUsize>) -> Vec<(usize, Offset)> {
    let mut under_way = std::collections::VecDeque::new();
    let mut landed = Vec::new();
    for number in 0..RECORDS {
        under_way.push_back((number, topic.append(0, record(&number.to_string()))));
        if under_way.len() > 100 {
            let (number, answer) = under_way.pop_front().expect("one is there");
            if let Ok(Appended::At(offset)) = answer.await {
                landed.push((number, offset));
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    for (number, answer) in under_way {
        if let Ok(Appended::At(offset)) = answer.await {
            landed.push((number, offset));
        }
    }
    landed
}

/// Reads until the last number was seen.
async fn read(topic: Arc<dyn Topic>) -> Vec<(usize, Offset)> {
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(number, _)| *number < RECORDS - 1) {
        for fetched in reader.next().await.expect("reading outlives the broker") {
            let number = |value: &[u8]| String::from_utf8_lossy(value).parse().expect("a number");
            seen.extend(
                fetched
                    .iter()
                    .map(|(offset, it)| (number(it.value), offset)),
            );
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_append_is_there_once_and_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut kafka = Kafka::start(dir.path()).expect("a Kafka of one's own");
    let log = connect(kafka.address()).await;
    let topic = fresh_topic(&log, 1).await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let appends = tokio::spawn(append(topic.clone(), acknowledged.clone()));
    let reads = tokio::spawn(read(topic.clone()));
    while acknowledged.load(Ordering::Relaxed) < RECORDS / 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    kafka.kill9().expect("it dies");
    kafka.restart().expect("it comes back");
    let landed = soon("all appends are answered", appends)
        .await
        .expect("appends end");
    let seen = soon("everything is read", reads).await.expect("reads end");
    assert!(
        landed.len() > RECORDS * 9 / 10,
        "only {} were acknowledged",
        landed.len()
    );
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "in order, none twice");
    for pair in &landed {
        assert!(
            seen.binary_search(pair).is_ok(),
            "acknowledged and lost: {pair:?}"
        );
    }
}
