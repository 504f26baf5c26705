//! One aggregate among five million events: how long its history takes through the index, and what the index
//! costs. Each start is beside one without it, on the same log.

mod harness;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use factum::{
    Aggregate, At, CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions, EventLog,
    KafkaLog, KafkaSettings, NewTopic, Reply, jiff::Timestamp,
};
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::{Arguments, Prefixed, Report, tell_warnings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

const AGGREGATES: u64 = 100_000;
/// One of so many aggregates has twice the events of the others.
const LONG: u64 = 100;
/// Of each aggregate but the long ones.
const EVENTS: u64 = 50;
const LOAD: u64 = 200_000;
const LOOKS: usize = 2000;
const UNDER_WAY: usize = 1024;
/// In milliseconds: what an aggregate of a hundred events may take.
const BEARABLE: f64 = 10.0;

/// Counts what happened.
#[derive(Default, Serialize, Deserialize)]
struct Case {
    done: u64,
}

impl Aggregate for Case {
    type Command = u64;
    type Event = WorkEvent;
    type Rejection = ();

    fn decide(&self, number: u64) -> Result<Vec<WorkEvent>, ()> {
        Ok(vec![
            Completed {
                entry: number.cast_signed(),
                time: Timestamp::UNIX_EPOCH,
                resource: Some(format!("{number:>40}")),
                activity: Activity::CallAboutOffer,
            }
            .into(),
        ])
    }

    fn apply(&mut self, _: &WorkEvent) {
        self.done += 1;
    }
}

fn id(aggregate: u64) -> String {
    format!("case-{aggregate}")
}

/// How many events an aggregate has in the beginning.
fn events(aggregate: u64) -> u64 {
    match aggregate.is_multiple_of(LONG) {
        true => 2 * EVENTS,
        false => EVENTS,
    }
}

async fn node(prefix: &str, checkpoints: Option<CheckpointOptions>) -> Engine<Case> {
    let servers = factum_testkit::servers::kafka();
    let log = KafkaLog::connect(&KafkaSettings::new(&servers)).await;
    let log: Arc<dyn EventLog> = Arc::new(Prefixed {
        log: log.expect("Kafka answers"),
        prefix: prefix.to_owned(),
    });
    let options = EngineOptions {
        create: Some(NewTopic::default()),
        group: Some(prefix.to_owned()),
        ..EngineOptions::default()
    };
    let mut engine = Engine::builder(log).options(options);
    if let Some(checkpoints) = checkpoints {
        engine = engine.checkpoints(Checkpoints::new(checkpoints));
    }
    engine.start().await.expect("the engine starts")
}

/// Adds an event to each of these aggregates, many at the same time; in seconds.
async fn add(engine: &Engine<Case>, aggregates: impl Iterator<Item = u64>) -> f64 {
    let began = Instant::now();
    let mut under_way = std::collections::VecDeque::new();
    let settle = async |reply: Reply<()>| reply.await.expect("no faults here");
    for (number, aggregate) in (0..).zip(aggregates) {
        let options = CommandOptions::default();
        let queued = engine.enqueue(id(aggregate), number, options).await;
        under_way.push_back(queued.expect("it owns all partitions"));
        if under_way.len() >= UNDER_WAY
            && let Some(reply) = under_way.pop_front()
        {
            settle(reply).await;
        }
    }
    for reply in under_way {
        settle(reply).await;
    }
    began.elapsed().as_secs_f64()
}

/// Each aggregate's events lie over the whole log: all have their first one before any has its second.
async fn fill(prefix: &str) {
    let engine = node(prefix, None).await;
    // A step that visits all of them, and no neighbours.
    let order = || (0..AGGREGATES).map(|turn| turn * 61_843 % AGGREGATES);
    let rounds = (0..2 * EVENTS).flat_map(|round| {
        order().filter(move |aggregate| round % 2 == 0 || aggregate.is_multiple_of(LONG))
    });
    let took = add(&engine, rounds).await;
    eprintln!("filled in {took:.1} s");
    engine.shutdown().await.expect("no faults here");
}

/// What an engine came to.
#[derive(Debug)]
struct Run {
    /// Until it had replayed the log and taken commands, in seconds.
    replayed: f64,
    /// Commands a second that added an event to an aggregate picked at random.
    adds: f64,
    /// What the checkpoints take, in MiB.
    disk: f64,
    /// Until it took commands again, from its checkpoints, in milliseconds.
    restarted: f64,
}

/// Replays the log, takes some load, and starts again from the checkpoints.
async fn run(prefix: &str, dir: &Path, history: bool, seed: u64) -> (Run, Engine<Case>) {
    let checkpoints = || CheckpointOptions {
        history,
        ..CheckpointOptions::in_dir(dir)
    };
    let began = Instant::now();
    let engine = node(prefix, Some(checkpoints())).await;
    let replayed = began.elapsed().as_secs_f64();
    let mut random = StdRng::seed_from_u64(seed);
    let picks = (0..LOAD).map(|_| random.random_range(0..AGGREGATES));
    let picks = picks.map(|pick| pick + u64::from(pick.is_multiple_of(LONG))); // the long ones stay as they are
    let adds = LOAD as f64 / add(&engine, picks).await;
    engine.shutdown().await.expect("no faults here");
    let began = Instant::now();
    let engine = node(prefix, Some(checkpoints())).await;
    let restarted = began.elapsed().as_secs_f64() * 1e3;
    let disk = mebibytes(dir);
    let run = Run {
        replayed,
        adds,
        disk,
        restarted,
    };
    eprintln!("history: {history}, {run:?}");
    (run, engine)
}

fn mebibytes(dir: &Path) -> f64 {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("a file");
        match entry.path().is_dir() {
            true => mebibytes(&entry.path()),
            false => entry.metadata().expect("a file").len() as f64 / f64::from(1 << 20),
        }
    });
    sizes.sum()
}

/// How long each look at a long aggregate takes, in milliseconds, sorted.
async fn looks(engine: &Engine<Case>, at: bool) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(7);
    let mut took = Vec::new();
    for _ in 0..LOOKS {
        let aggregate = random.random_range(0..AGGREGATES / LONG) * LONG;
        let began = Instant::now();
        if at {
            let version = events(aggregate) / 2;
            let past = engine.state_at(&id(aggregate), At::Version(version)).await;
            assert_eq!(past.expect("it is kept").state.done, version);
        } else {
            let history = engine.history(&id(aggregate)).await.expect("it is kept");
            assert_eq!(history.len() as u64, events(aggregate));
        }
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    took
}

async fn measure(report: &mut Report) {
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    fill(&prefix).await;
    let (without, engine) = run(&prefix, dirs[0].path(), false, 1).await;
    engine.shutdown().await.expect("no faults here");
    let (with, engine) = run(&prefix, dirs[1].path(), true, 2).await;
    let first = looks(&engine, false).await;
    let again = looks(&engine, false).await;
    let past = looks(&engine, true).await;
    engine.shutdown().await.expect("no faults here");
    for (what, took) in [
        ("history", first),
        ("history again", again),
        ("state_at", past),
    ] {
        let (half, most) = (took[LOOKS / 2], took[LOOKS * 99 / 100]);
        for (share, took) in [("p50", half), ("p99", most)] {
            let case = format!("{what}, {share}");
            report.add(&case, "ms", "10 ms", &[(took, BEARABLE)]);
        }
    }
    let pairs = [
        ("replay", "s", with.replayed, without.replayed),
        ("adds", "1/s", with.adds, without.adds),
        ("checkpoints", "MiB", with.disk, without.disk),
        ("restart", "ms", with.restarted, without.restarted),
    ];
    for (what, unit, with, without) in pairs {
        report.add(what, unit, "without", &[(with, without)]);
    }
}

fn main() {
    tell_warnings();
    let arguments = Arguments::parse();
    let mut report = Report::new("history", &arguments);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(&mut report));
    report.finish();
}
