//! How long a partition is without an owner when a node stops, beside what callers may be asked to bear.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use factum::{
    Engine, EngineOptions, EventLog, KafkaLog, KafkaSettings, NewTopic, jiff::Timestamp,
    partition_of,
};
use harness::desk::Desk;
use harness::desk::work::{Activity, Completed};
use harness::{Arguments, Prefixed, Report};

const PARTITIONS: u32 = 8;
const ROUNDS: usize = 10;
/// In milliseconds.
const BEARABLE: f64 = 200.0;

fn command() -> Completed {
    Completed {
        entry: 1,
        time: Timestamp::UNIX_EPOCH,
        resource: None,
        activity: Activity::CallAboutOffer,
    }
}

/// One aggregate's id for each partition.
fn ids() -> Vec<String> {
    let id = |partition| {
        let mut ids = (0..).map(|number: u32| number.to_string());
        ids.find(|id| partition_of(id.as_bytes(), PARTITIONS) == partition)
    };
    (0..PARTITIONS).filter_map(id).collect()
}

async fn node(servers: &str, prefix: &str) -> Engine<Desk> {
    let log = KafkaLog::connect(&KafkaSettings::new(servers)).await;
    let log: Arc<dyn EventLog> = Arc::new(Prefixed {
        log: log.expect("Kafka answers"),
        prefix: prefix.to_owned(),
    });
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: PARTITIONS,
            replication: None,
        }),
        group: Some(prefix.to_owned()),
        ..EngineOptions::default()
    };
    Engine::start(log, options)
        .await
        .expect("the engine starts")
}

/// The longest time between two answers to a caller who asks whichever node answers.
async fn longest_wait(id: String, nodes: [Arc<Engine<Desk>>; 2], over: Arc<AtomicBool>) -> f64 {
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    while !over.load(Ordering::Relaxed) {
        for node in &nodes {
            if node.execute(id.clone(), command()).await.is_ok() {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    longest.max(last.elapsed()).as_secs_f64() * 1e3
}

/// One of two nodes stops; returns the longest wait of a caller to any partition.
async fn hand_over(servers: &str) -> f64 {
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let stays = Arc::new(node(servers, &prefix).await);
    let stops = Arc::new(node(servers, &prefix).await);
    let over = Arc::new(AtomicBool::new(false));
    let callers = ids().into_iter().map(|id| {
        let nodes = [stays.clone(), stops.clone()];
        tokio::spawn(longest_wait(id, nodes, over.clone()))
    });
    let callers: Vec<_> = callers.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = Instant::now();
    stops.shutdown().await.expect("no faults here");
    let stopped = before.elapsed();
    tokio::time::sleep(Duration::from_secs(3)).await;
    over.store(true, Ordering::Relaxed);
    let waits = futures::future::join_all(callers).await;
    let waits = waits.into_iter().map(|wait| wait.expect("no faults here"));
    let longest = waits.fold(0.0, f64::max);
    eprintln!("longest wait {longest:.0} ms, stopping took {stopped:?}");
    longest
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let servers = factum_testkit::servers::kafka();
    let mut report = Report::new("handover", &arguments);
    let mut waits = Vec::new();
    for _ in 0..ROUNDS {
        waits.push((hand_over(&servers).await, BEARABLE));
    }
    report.add("graceful stop, longest wait", "ms", "200 ms", &waits);
    report.finish();
}
