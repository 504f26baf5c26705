//! Events in another frame than their code writes.

mod counter;

use std::sync::Arc;

use counter::{Added, Command, Counter};
use factum_core::{CommitReader, Event, EventLog, Framing, Position, events_topic};
use factum_engine::{Engine, EngineOptions};
use factum_testkit::MemoryLog;

/// Takes the number's first byte for the frame, and adds 100 to it.
struct Hundred;

impl Framing for Hundred {
    fn reframe(&self, out: &mut Vec<u8>, start: usize) {
        out[start] += 100;
    }
}

async fn engine(log: &Arc<dyn EventLog>, framing: Option<Arc<dyn Framing>>) -> Engine<Counter> {
    let options = EngineOptions {
        framing,
        ..EngineOptions::default()
    };
    Engine::<Counter>::start(log.clone(), options)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_event_is_framed_and_the_state_is_what_the_log_holds() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let framed = engine(&log, Some(Arc::new(Hundred))).await;
    let add = Command::Add(vec![1, 2]);
    let receipt = framed.execute("a", add).await.unwrap();
    drop(framed);
    let topic = log
        .open(&events_topic(Added::AGGREGATE), None)
        .await
        .unwrap();
    let mut reader = topic.read(&[(receipt.partition, 0)]).await.unwrap();
    let mut commits = CommitReader::new(
        topic.name(),
        receipt.partition,
        topic.partitions(),
        Position::START,
    );
    let mut numbers = Vec::new();
    while numbers.len() < 2 {
        for fetched in reader.next().await.unwrap() {
            let mut take = |value: &[u8]| numbers.push(Added::decode(value).unwrap().0);
            commits
                .read(&fetched, |event| {
                    take(event.value);
                    Ok(())
                })
                .unwrap();
        }
    }
    assert_eq!(numbers, [101, 102]);
}
