//! A broker that is restarted, again and again, while many clients use it. Left to itself, librdkafka
//! loses it for good in some of them, each time.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use factum_core::EventLog;
use factum_kafka::{KafkaLog, KafkaSettings};
use xtask::servers::Kafka;

use harness::{fresh_topic, record};

const CLIENTS: usize = 40;
const RESTARTS: usize = 3;
const WITHIN: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn every_client_finds_the_broker_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut kafka = Kafka::start(dir.path()).expect("a Kafka of one's own");
    let settings = KafkaSettings {
        append_timeout: Duration::from_secs(5),
        session_timeout: Duration::from_secs(6),
        ..KafkaSettings::new(kafka.address())
    };
    let first = KafkaLog::connect(&settings)
        .await
        .expect("the first connects");
    let topic = fresh_topic(&first, 6).await;
    let name = topic.name().to_owned();
    let mut counts = Vec::new();
    for client in 0..CLIENTS {
        let log = KafkaLog::connect(&settings).await.unwrap();
        let topic = log.open(&name, None).await.unwrap();
        let count = Arc::new(AtomicU64::new(0));
        counts.push(count.clone());
        tokio::spawn(async move {
            loop {
                let appended = topic.append((client % 6) as u32, record("x")).await;
                if appended.is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    for restart in 0..RESTARTS {
        tokio::time::sleep(Duration::from_secs(2)).await;
        kafka = tokio::task::spawn_blocking(move || {
            kafka.restart().expect("it comes back");
            kafka
        })
        .await
        .unwrap();
        let back = Instant::now();
        let before: Vec<u64> = counts.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        let missing = || {
            let now = counts.iter().map(|it| it.load(Ordering::Relaxed));
            now.zip(&before)
                .filter(|(now, before)| now == *before)
                .count()
        };
        while missing() > 0 && back.elapsed() < WITHIN {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        eprintln!(
            "restart {restart}: {} away after {:?}",
            missing(),
            back.elapsed()
        );
        assert_eq!(missing(), 0, "after restart {restart}");
    }
}
