//! What one process appends, another one hears of, also if nothing else happens.

use std::time::Duration;

use factum_core::{RecordRef, Records};

use super::child::open;
use super::life::Life;

const ROUNDS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_another_process_is_heard_of() {
    let outer = tempfile::tempdir().expect("a folder is made");
    let dir = outer.path().join("log");
    let topic = open(&dir).await;
    let child = Life::start("echo", &dir, "echo");
    assert_eq!(child.hear(), "listens");
    let mut reader = topic.read(&[(1, 0)]).await.expect("a reader opens");
    for round in 0..ROUNDS {
        let mut records = Records::new();
        records.push(RecordRef {
            key: b"key",
            header: None,
            value: round.to_string().as_bytes(),
        });
        topic.append(0, records).await.expect("appends succeed");
        let answered = async {
            while reader.next().await.expect("reading succeeds")[0]
                .records
                .is_empty()
            {}
        };
        let answered = tokio::time::timeout(Duration::from_secs(60), answered).await;
        answered.unwrap_or_else(|_| panic!("no answer to record {round}"));
    }
}
