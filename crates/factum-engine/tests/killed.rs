//! A process is killed at any moment, also while it writes a checkpoint: what it leaves is the
//! checkpoint before or the one after, and never none.

mod counter;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use counter::{Command, Counter, read_all};
use factum_core::{EventLog, NewTopic};
use factum_engine::{CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions};
use factum_local::LocalLog;
use uuid::Uuid;

const DIR: &str = "FACTUM_ENGINE_TEST_DIR";
const ROUNDS: u64 = 12;
/// How long the first children live at most; as long as none wrote a checkpoint, the next may live
/// longer.
const SHORT: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts an engine that makes checkpoints as often as it can, and says how much it replayed.
async fn start(dir: &Path) -> (Arc<dyn EventLog>, Engine<Counter>, u64) {
    let log: Arc<dyn EventLog> = Arc::new(LocalLog::open(dir.join("log")).await.unwrap());
    let replayed = Arc::new(AtomicU64::new(0));
    let sum = replayed.clone();
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            ..NewTopic::default()
        }),
        on_replay: Some(Arc::new(move |progress| {
            sum.fetch_max(progress.events, Ordering::Relaxed);
        })),
        ..EngineOptions::default()
    };
    let checkpoints = Checkpoints::new(CheckpointOptions {
        every: Duration::ZERO,
        history: true,
        ..CheckpointOptions::in_dir(dir.join("state"))
    });
    let engine = Engine::builder(log.clone())
        .options(options)
        .checkpoints(checkpoints)
        .start();
    (log, engine.await.unwrap(), replayed.load(Ordering::Relaxed))
}

#[tokio::test]
#[ignore = "started in a process of its own by the other test"]
async fn work_until_killed() {
    let dir = std::env::var_os(DIR).expect("the test that starts this names a folder");
    let (_, engine, _) = start(Path::new(&dir)).await;
    println!("\nworking");
    for number in 0_u64.. {
        let id = format!("counter-{}", number % 300);
        let command = Command::Add(vec![0; 1 + (number % 3) as usize]);
        let reply = engine.enqueue(id, command, CommandOptions::default()).await;
        if number % 20 == 0 {
            reply.unwrap().await.unwrap();
        }
    }
}

/// Runs the test above in a process of its own, and kills it after a while.
fn work_and_die(dir: &Path, after: Duration) {
    let mut child = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "work_until_killed", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let working = lines.any(|line| line.unwrap() == "working");
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(working, "the child never began");
}

/// Any time up to this long.
fn drawn(longest: Duration) -> Duration {
    longest.mul_f64(Uuid::new_v4().as_u64_pair().0 as f64 / u64::MAX as f64)
}

#[tokio::test]
async fn a_killed_process_leaves_a_whole_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (mut stored, mut saved) = (0, 0);
    let (begin, mut longest) = (Instant::now(), SHORT);
    for round in 0.. {
        if round >= ROUNDS && (saved > 0 || begin.elapsed() > PATIENCE) {
            break;
        }
        work_and_die(dir.path(), drawn(longest));
        let (log, engine, replayed) = start(dir.path()).await;
        let seen = read_all(&log).await;
        let total = seen.len() as u64;
        assert!(
            replayed <= total - stored,
            "round {round}: {replayed} of {total}, {stored} were stored"
        );
        saved += total - stored - replayed;
        let versions: HashMap<_, _> = seen.iter().map(|it| (it.id.as_str(), it.version)).collect();
        for (id, version) in versions {
            let receipt = engine.execute(id, Command::Add(vec![])).await.unwrap();
            assert_eq!(receipt.version, version, "{id} in round {round}");
            let history = engine.history(id).await.unwrap();
            assert_eq!(history.len() as u64, version, "{id} in round {round}");
        }
        engine.shutdown().await.unwrap();
        stored = total;
        if saved == 0 {
            longest += SHORT;
        }
    }
    assert!(
        saved > 0,
        "no child came to write a checkpoint: nothing was tested"
    );
}
