//! How callers are measured who each wait for an answer, and the producer that they are compared with.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::{percentile, rate};

/// How long a closed loop runs at a time.
const CLOSED_LOOP: Duration = Duration::from_millis(500);

/// A producer that promises what Factum's promises.
pub fn plain_settings(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("queue.buffering.max.messages", "10000000");
    config
}

/// Microseconds since then.
pub fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// Calls per second, and the 99th percentile of a call in microseconds, of callers who each wait
/// for an answer before they call again.
pub async fn closed_loop<F, C>(callers: usize, call: F) -> (f64, f64)
where
    F: Fn(usize) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let before = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let call = call.clone();
        tokio::spawn(async move {
            let (mut took, mut number) = (Vec::new(), caller);
            while before.elapsed() < CLOSED_LOOP {
                let called = Instant::now();
                call(number).await;
                took.push(micros(called));
                number += callers;
            }
            took
        })
    });
    let calls = futures::future::join_all(tasks).await;
    let elapsed = before.elapsed();
    let mut calls: Vec<f64> = calls
        .into_iter()
        .flat_map(|took| took.expect("no faults here"))
        .collect();
    (rate(calls.len(), elapsed), percentile(&mut calls, 99))
}
