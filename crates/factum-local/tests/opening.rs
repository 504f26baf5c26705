//! Topics that are opened side by side stay apart.

use std::path::Path;
use std::sync::Arc;

use factum_core::{EventLog, NewTopic, RecordRef, Records};
use factum_local::LocalLog;
use futures::future::join_all;

const TOPICS: usize = 8;
/// Enough that topics were mixed up in every run, while they could be.
const ROUNDS: usize = 100;

fn name(number: usize) -> String {
    format!("topic-{number}")
}

/// Makes a log whose topics can be told apart: topic n holds n records.
async fn make(dir: &Path) {
    let log = LocalLog::open(dir).await.expect("a log opens");
    for number in 0..TOPICS {
        let create = Some(NewTopic::default());
        let topic = log.open(&name(number), create).await.expect("it is made");
        let mut records = Records::new();
        for _ in 0..number {
            records.push(RecordRef {
                key: b"key",
                header: None,
                value: b"value",
            });
        }
        if number > 0 {
            topic.append(0, records).await.expect("they are appended");
        }
    }
}

/// Opens the log anew, all topics at once, and counts what each of them holds.
async fn count(dir: &Path) -> Vec<u64> {
    let log = Arc::new(LocalLog::open(dir).await.expect("a log opens"));
    let counts = (0..TOPICS).map(|number| {
        let log = log.clone();
        tokio::spawn(async move {
            let topic = log.open(&name(number), None).await.expect("it is there");
            topic.end(0).await.expect("it has an end")
        })
    });
    let counts = join_all(counts).await.into_iter();
    counts.map(|count| count.expect("no panic")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn topics_opened_at_once_are_not_taken_for_one_another() {
    let dir = tempfile::tempdir().expect("a folder is made");
    make(dir.path()).await;
    for _ in 0..ROUNDS {
        assert_eq!(
            count(dir.path()).await,
            (0..TOPICS as u64).collect::<Vec<_>>()
        );
    }
}
