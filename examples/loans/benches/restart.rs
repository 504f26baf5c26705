//! A restart of a service whose states are large: with the memory that they need, and with half of it.
//!
//! Every part runs in a process of its own, so that its memory is its own. Each answers on its standard
//! output with one line. Where memory is bounded, the system's allocator is to use one arena: with one for
//! each thread, glibc keeps half as much again of what was freed, and no budget of the engine's can tell.

mod harness;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use factum::{
    Aggregate, CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions, EventLog,
    KafkaLog, KafkaSettings, NewTopic, Reply, jiff::Timestamp,
};
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::{Arguments, Prefixed, Report, tell_warnings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

const AGGREGATES: u64 = 100_000;
/// Of each aggregate.
const EVENTS: u64 = 50;
/// So many are at work at the same time, as cases of a process are.
const AT_WORK: u64 = 1000;
const LOAD: u64 = 200_000;
const UNDER_WAY: usize = 1024;
/// In milliseconds.
const BEARABLE: f64 = 3000.0;
/// What a child process is to do.
const PART: &str = "FACTUM_BENCH_PART";

/// Keeps all that ever happened: a state of some KiB.
#[derive(Default, Serialize, Deserialize)]
struct Case {
    history: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    number: i64,
    note: String,
}

impl Entry {
    /// The one that an aggregate's event of this number makes, from 1.
    fn of(aggregate: u64, number: u64) -> Self {
        let number = number.cast_signed();
        Self {
            number,
            note: format!("{aggregate:>40} {number:>40}"),
        }
    }
}

enum Do {
    Add(Entry),
    /// Is the history what it must be: so many events of this aggregate?
    Check(u64, u64),
}

#[derive(Debug)]
struct Wrong;

impl Aggregate for Case {
    type Command = Do;
    type Event = WorkEvent;
    type Rejection = Wrong;

    fn decide(&self, command: Do) -> Result<Vec<WorkEvent>, Wrong> {
        match command {
            Do::Add(Entry { number, note }) => Ok(vec![
                Completed {
                    entry: number,
                    time: Timestamp::UNIX_EPOCH,
                    resource: Some(note),
                    activity: Activity::CallAboutOffer,
                }
                .into(),
            ]),
            Do::Check(aggregate, count) => {
                let right = (1..=count).map(|number| Entry::of(aggregate, number));
                let is_right = self.history.iter().eq(&right.collect::<Vec<_>>());
                is_right.then(Vec::new).ok_or(Wrong)
            }
        }
    }

    fn apply(&mut self, event: &WorkEvent) {
        if let WorkEvent::Completed(done) = event {
            self.history.push(Entry {
                number: done.entry,
                note: done.resource.clone().unwrap_or_default(),
            });
        }
    }
}

async fn node(prefix: &str, dir: &Path, memory: Option<usize>) -> Engine<Case> {
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
    let checkpoints = Checkpoints::new(CheckpointOptions {
        memory,
        ..CheckpointOptions::in_dir(dir)
    });
    let started = Engine::builder(log)
        .options(options)
        .checkpoints(checkpoints)
        .start()
        .await;
    started.expect("the engine starts")
}

/// Sends commands, so many under way at a time, and counts those that were rejected.
async fn send(engine: &Engine<Case>, commands: impl Iterator<Item = (u64, Do)>) -> u64 {
    let (mut under_way, mut wrong) = (std::collections::VecDeque::new(), 0);
    let settle = async |reply: Reply<Wrong>| u64::from(reply.await.is_err());
    for (aggregate, command) in commands {
        let options = CommandOptions::default();
        let queued = engine.enqueue(format!("case-{aggregate}"), command, options);
        under_way.push_back(queued.await.expect("it owns all partitions"));
        if under_way.len() >= UNDER_WAY
            && let Some(reply) = under_way.pop_front()
        {
            wrong += settle(reply).await;
        }
    }
    for reply in under_way {
        wrong += settle(reply).await;
    }
    wrong
}

async fn fill(prefix: &str, dir: &Path) {
    let engine = node(prefix, dir, None).await;
    let began = Instant::now();
    for first in (0..AGGREGATES).step_by(AT_WORK as usize) {
        let events = (1..=EVENTS).flat_map(|number| {
            let at_work = first..first + AT_WORK;
            at_work.map(move |aggregate| (aggregate, Do::Add(Entry::of(aggregate, number))))
        });
        assert_eq!(send(&engine, events).await, 0);
    }
    engine.shutdown().await.expect("no faults here");
    eprintln!("filled in {:.1} s", began.elapsed().as_secs_f64());
}

/// What a restart came to.
#[derive(Debug, Serialize, Deserialize)]
struct Restarted {
    /// Until all partitions took commands, in milliseconds.
    ready: f64,
    replayed: u64,
    /// Resident memory when it was ready, and after the load, in MiB.
    ready_mib: f64,
    loaded_mib: f64,
    peak_mib: f64,
    in_memory: usize,
    /// Commands a second that added an event to an aggregate picked at random.
    adds: f64,
    /// Commands a second that looked at each aggregate once.
    checks: f64,
    wrong: u64,
}

/// Starts, adds at random, and checks every state. `run` tells how many runs there were before.
async fn restart(prefix: &str, dir: &Path, memory: Option<usize>, run: u64) -> Restarted {
    let began = Instant::now();
    let engine = node(prefix, dir, memory).await;
    let ready = began.elapsed().as_secs_f64() * 1e3;
    let ready_mib = resident("VmRSS:");
    let owned = engine.status().owned;
    let replayed = owned
        .iter()
        .filter_map(|it| it.takeover)
        .map(|it| it.events);
    let replayed = replayed.sum();
    let mut counts = vec![EVENTS; AGGREGATES as usize];
    let mut picks = Vec::new();
    for run in 0..=run {
        picks.clear();
        let mut random = StdRng::seed_from_u64(run);
        for _ in 0..LOAD {
            let aggregate = random.random_range(0..AGGREGATES);
            counts[aggregate as usize] += 1;
            picks.push((aggregate, counts[aggregate as usize]));
        }
    }
    let began = Instant::now();
    let adds = picks
        .iter()
        .map(|(aggregate, number)| (*aggregate, Do::Add(Entry::of(*aggregate, *number))));
    let mut wrong = send(&engine, adds).await;
    let adds = LOAD as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let checks = (0..)
        .zip(&counts)
        .map(|(aggregate, count)| (aggregate, Do::Check(aggregate, *count)));
    wrong += send(&engine, checks).await;
    let checks = AGGREGATES as f64 / began.elapsed().as_secs_f64();
    let in_memory = engine.status().owned.iter().map(|it| it.aggregates).sum();
    let restarted = Restarted {
        ready,
        replayed,
        ready_mib,
        loaded_mib: resident("VmRSS:"),
        peak_mib: resident("VmHWM:"),
        in_memory,
        adds,
        checks,
        wrong,
    };
    engine.shutdown().await.expect("no faults here");
    restarted
}

/// A figure of this process' memory, in MiB.
fn resident(figure: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|line| line.starts_with(figure));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

/// Lets another process do one part, and returns what it printed.
fn part(what: &[&str]) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .env(PART, what.join(" "))
        .envs(is_bounded(what).then_some(("MALLOC_ARENA_MAX", "1")))
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{what:?} failed");
    String::from_utf8(output.stdout).expect("it prints text")
}

fn is_bounded(what: &[&str]) -> bool {
    what.get(3).is_some_and(|memory| *memory != "-")
}

fn restarted(what: &[&str]) -> Restarted {
    let restarted = serde_json::from_str(&part(what)).expect("it prints what a restart came to");
    eprintln!("{what:?}: {restarted:?}");
    restarted
}

async fn be_part(part: &str) {
    let words: Vec<&str> = part.split(' ').collect();
    let dir = Path::new(words[2]);
    if words[0] == "fill" {
        return fill(words[1], dir).await;
    }
    let memory = words[3].parse().ok();
    let run = words[4].parse().expect("a number");
    let restarted = restart(words[1], dir, memory, run).await;
    println!("{}", serde_json::to_string(&restarted).expect("plain data"));
}

fn measure(report: &mut Report) {
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let dir = tempfile::tempdir().expect("a folder");
    let place = dir.path().to_str().expect("a path in UTF-8");
    part(&["fill", &prefix, place]);
    let whole = restarted(&["restart", &prefix, place, "-", "0"]);
    let half = whole.loaded_mib / 2.0;
    // What a process takes that holds no state yet is no part of the budget.
    let bound = |halved: &Restarted| half + halved.ready_mib;
    let budget = ((half as usize) << 20).to_string();
    let halved = restarted(&["restart", &prefix, place, &budget, "1"]);
    assert_eq!((whole.wrong, halved.wrong), (0, 0), "every state is right");
    report.add("ready, all memory", "ms", "3 s", &[(whole.ready, BEARABLE)]);
    report.add("ready, half", "ms", "3 s", &[(halved.ready, BEARABLE)]);
    report.add(
        "memory when ready, half",
        "MiB",
        "the budget",
        &[(halved.ready_mib, half)],
    );
    report.add(
        "memory after load, half",
        "MiB",
        "budget + when ready",
        &[(halved.loaded_mib, bound(&halved))],
    );
    report.add(
        "adds, half",
        "1/s",
        "all memory",
        &[(halved.adds, whole.adds)],
    );
    report.add(
        "looks, half",
        "1/s",
        "all memory",
        &[(halved.checks, whole.checks)],
    );
}

fn main() {
    tell_warnings();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Ok(part) = std::env::var(PART) {
        return runtime.block_on(be_part(&part));
    }
    let arguments = Arguments::parse();
    let mut report = Report::new("restart", &arguments);
    measure(&mut report);
    report.finish();
}
