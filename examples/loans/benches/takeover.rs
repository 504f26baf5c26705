//! How long a partition of a million events is without an owner when its owner is killed.
//!
//! The owner is a process of its own, and gets SIGKILL. The survivor is a member of the group, and was
//! given nothing so far. It has a checkpoint from an earlier life, or is a warm standby, or has nothing.

mod harness;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use factum::{
    Aggregate, Checkpoints, CommandOptions, Engine, EngineOptions, EventLog, ExecuteError,
    KafkaLog, KafkaSettings, NewTopic, StandbyPhase, jiff::Timestamp,
};
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::{Arguments, Prefixed, Report, tell_warnings};
use serde::{Deserialize, Serialize};

const EVENTS: u64 = 1_000_000;
const AGGREGATES: u64 = 100_000;
/// What comes after the survivor's checkpoint.
const TAIL: u64 = 10_000;
const ROUNDS: usize = 3;
/// What the victim is told: the topic's prefix, and the group.
const VICTIM: &str = "FACTUM_BENCH_VICTIM";

/// Counts what was done, and remembers the last of it.
#[derive(Default, Serialize, Deserialize)]
struct Case {
    done: u64,
    last: i64,
}

impl Aggregate for Case {
    type Command = Completed;
    type Event = WorkEvent;
    type Rejection = std::convert::Infallible;

    fn decide(&self, done: Completed) -> Result<Vec<WorkEvent>, Self::Rejection> {
        Ok(vec![done.into()])
    }

    fn apply(&mut self, event: &WorkEvent) {
        self.done += 1;
        if let WorkEvent::Completed(done) = event {
            self.last = done.entry;
        }
    }
}

/// What the survivor has when the owner is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survivor {
    Checkpoint,
    Standby,
    Nothing,
}

async fn node(
    servers: &str,
    prefix: &str,
    group: &str,
    standby: bool,
    checkpoints: Option<&Path>,
) -> Engine<Case> {
    let log = KafkaLog::connect(&KafkaSettings::new(servers)).await;
    let log: Arc<dyn EventLog> = Arc::new(Prefixed {
        log: log.expect("Kafka answers"),
        prefix: prefix.to_owned(),
    });
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 1,
            replication: None,
        }),
        group: Some(group.to_owned()),
        standby,
        ..EngineOptions::default()
    };
    let started = match checkpoints {
        None => Engine::start(log, options).await,
        Some(dir) => {
            Engine::builder(log)
                .options(options)
                .checkpoints(Checkpoints::in_dir(dir))
                .start()
                .await
        }
    };
    started.expect("the engine starts")
}

async fn fill(engine: &Engine<Case>, events: u64) {
    let mut replies = std::collections::VecDeque::new();
    for number in 0..events {
        let options = CommandOptions::default();
        let queued = engine.enqueue(id(number), command(number), options).await;
        replies.push_back(queued.expect("it owns the partition"));
        if replies.len() > 8192 {
            let reply = replies.pop_front().expect("there are some");
            reply.await.expect("no faults here");
        }
    }
    for reply in replies {
        reply.await.expect("no faults here");
    }
}

fn id(number: u64) -> String {
    format!("case-{}", number * 7919 % AGGREGATES)
}

fn command(number: u64) -> Completed {
    Completed {
        entry: number.cast_signed(),
        time: Timestamp::UNIX_EPOCH,
        resource: None,
        activity: Activity::CallAboutOffer,
    }
}

/// The process that is killed: owns the partition, adds to it, says so, and waits.
async fn be_victim(servers: &str, told: &str) {
    // Should nobody be left to kill it, it ends by itself.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let (prefix, group) = told.split_once(' ').expect("a prefix and a group");
    let engine = node(servers, prefix, group, false, None).await;
    fill(&engine, TAIL).await;
    println!("owner");
    std::future::pending::<()>().await;
}

fn start_victim(prefix: &str, group: &str) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut victim = Command::new(program)
        .env(VICTIM, format!("{prefix} {group}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut line = String::new();
    let mut output = BufReader::new(victim.stdout.take().expect("it is piped"));
    output.read_line(&mut line).expect("it can be read");
    assert_eq!(line, "owner\n", "the victim owns the partition");
    victim
}

/// From the kill, and from the group's decision, to the first new acknowledgement, in milliseconds; and
/// how many events were replayed in between.
struct Taken {
    kill: f64,
    given: f64,
    replayed: u64,
}

async fn take_over(servers: &str, prefix: &str, survivor: Survivor, dir: &Path) -> Taken {
    let group = format!("{prefix}-{}", factum::uuid::Uuid::new_v4());
    let mut victim = {
        let (prefix, group) = (prefix.to_owned(), group.clone());
        let started = tokio::task::spawn_blocking(move || start_victim(&prefix, &group));
        started.await.expect("the victim starts")
    };
    let standby = survivor == Survivor::Standby;
    let checkpoints = (survivor == Survivor::Checkpoint).then_some(dir);
    let engine = node(servers, prefix, &group, standby, checkpoints).await;
    while standby && engine.status().standbys[0].phase != StandbyPhase::Following {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let killed = Instant::now();
    victim.kill().expect("it runs"); // SIGKILL
    victim.wait().expect("it was killed");
    let mut given = None;
    loop {
        match engine.execute(id(1), command(1)).await {
            Ok(_) => break,
            Err(ExecuteError::Unavailable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        if given.is_none() && !engine.status().owned.is_empty() {
            given = Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let acknowledged = Instant::now();
    let takeover = engine.status().owned[0].takeover.expect("it took over");
    // Its own clock: a command that waits for the takeover keeps this loop from looking.
    let since_given = Duration::from_secs_f64(takeover.seconds);
    let served = acknowledged - given.unwrap_or(acknowledged);
    let taken = Taken {
        kill: (acknowledged - killed).as_secs_f64() * 1e3,
        given: since_given.max(served).as_secs_f64() * 1e3,
        replayed: takeover.events,
    };
    engine.shutdown().await.expect("no faults here");
    eprintln!(
        "{survivor:?}: {:.0} ms from the kill, {:.0} ms from the group's decision, {} events replayed",
        taken.kill, taken.given, taken.replayed
    );
    taken
}

async fn measure(report: &mut Report, servers: &str) {
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let dir = tempfile::tempdir().expect("a folder");
    let session = KafkaSettings::new(servers).session_timeout.as_secs_f64() * 1e3;
    let first = node(servers, &prefix, &prefix, false, Some(dir.path())).await;
    fill(&first, EVENTS).await;
    first.shutdown().await.expect("no faults here");
    eprintln!("{EVENTS} events of {AGGREGATES} aggregates, session time-out {session} ms");
    let cases = [
        (Survivor::Checkpoint, "checkpoint"),
        (Survivor::Standby, "standby"),
        (Survivor::Nothing, "nothing"),
    ];
    for (survivor, name) in cases {
        let (mut kills, mut given) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let taken = take_over(servers, &prefix, survivor, dir.path()).await;
            kills.push((taken.kill, session + 1e3));
            given.push((taken.given, 1e3));
        }
        report.add(&format!("{name}, killed"), "ms", "session + 1 s", &kills);
        report.add(&format!("{name}, given"), "ms", "1 s", &given);
    }
}

#[tokio::main]
async fn main() {
    tell_warnings();
    let servers = factum_testkit::servers::kafka();
    if let Ok(told) = std::env::var(VICTIM) {
        return be_victim(&servers, &told).await;
    }
    let arguments = Arguments::parse();
    let mut report = Report::new("takeover", &arguments);
    measure(&mut report, &servers).await;
    report.finish();
}
