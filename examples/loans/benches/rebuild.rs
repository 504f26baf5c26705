//! A read model is built anew from offset 0 and switched to, while commands come at a steady rate and a reader asks
//! the view without a pause: what commands wait with a rebuild and without one, and whether any answer is empty,
//! partial or older than the one before.
//!
//! The live version's worker and the new one's are processes of their own. `FACTUM_BENCH_EVENTS` sets how many events there
//! are before (5,000,000), `FACTUM_BENCH_RATE` how many commands come in a second (5,000), `FACTUM_BENCH_SECONDS` how long the
//! stretch without a rebuild is (30), and `FACTUM_REBUILD_RATE` how many records a second the rebuild reads at most (no bound).

mod harness;

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use factum::jiff::Timestamp;
use factum::tokio_postgres::{Client, NoTls};
use factum::{
    CommandOptions, Engine, EngineOptions, EventLog, Fold, KafkaLog, KafkaSettings, NewTopic,
    Projector, ProjectorOptions, Recorded, Row,
};
use harness::desk::Desk;
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::{Arguments, Prefixed, Report, percentile, tell_warnings};
use rand::RngExt;
use tokio::sync::{mpsc, watch};

const AGGREGATES: u64 = 100_000;
const UNDER_WAY: usize = 1024;
/// How many rows the reader asks for at a time.
const KEYS: usize = 10;
/// How often it asks for a sum of all of them.
const WHOLE: Duration = Duration::from_millis(250);
/// How often it is looked how far workers are.
const LOOK: Duration = Duration::from_millis(50);
/// How long commands go on after the switch.
const AFTER: Duration = Duration::from_secs(2);
/// What a worker's process is told: the topic's prefix, the address of Postgres, and its version.
const WORKER: &str = "FACTUM_BENCH_WORKER";

/// How often something was done to a case, and when first and last.
#[derive(Clone, Debug, Row)]
#[row(table = "tally")]
struct TallyRow {
    #[row(key)]
    id: String,
    done: i64,
    first: i64,
    last: i64,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS tally (\
     id text PRIMARY KEY, done bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL)";
const INDEXES: &str = "CREATE INDEX tally_by_first ON tally (first)";

/// Counts, in version `V` of its code.
struct Tally<const V: u32>;

impl<const V: u32> Fold for Tally<V> {
    type Event = WorkEvent;
    type Row = TallyRow;
    const NAME: &'static str = "tally";
    const VERSION: u32 = V;

    fn key(&self, event: &Recorded<WorkEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<TallyRow>, event: &Recorded<WorkEvent>) -> Option<TallyRow> {
        let WorkEvent::Completed(done) = &event.event else {
            return row;
        };
        let mut row = row.unwrap_or_else(|| TallyRow {
            id: event.id.clone(),
            done: 0,
            first: done.entry,
            last: 0,
        });
        row.done += 1;
        row.last = done.entry;
        Some(row)
    }
}

async fn log(prefix: &str) -> Arc<dyn EventLog> {
    let servers = factum_testkit::servers::kafka();
    let log = KafkaLog::connect(&KafkaSettings::new(&servers)).await;
    Arc::new(Prefixed {
        log: log.expect("Kafka answers"),
        prefix: prefix.to_owned(),
    })
}

async fn connect(postgres: &str) -> Client {
    let connected = factum::tokio_postgres::connect(postgres, NoTls).await;
    let (client, connection) = connected.expect("Postgres answers");
    tokio::spawn(connection);
    client
}

/// A worker in a process of its own. It ends with this one.
struct Worker(Child);

impl Worker {
    fn start(prefix: &str, postgres: &str, version: u32) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let child = Command::new(program)
            .env(WORKER, format!("{prefix} {postgres} {version}"))
            .stdin(Stdio::piped())
            .spawn();
        Self(child.expect("this program starts"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn be_worker(told: &str) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let told: Vec<_> = told.split(' ').collect();
    let [prefix, postgres, version] = told[..] else {
        panic!("{told:?}");
    };
    let log = log(prefix).await;
    match version {
        "1" => run(Tally::<1>, log, postgres).await,
        _ => run(Tally::<2>, log, postgres).await,
    }
}

async fn run(fold: impl Fold, log: Arc<dyn EventLog>, postgres: &str) {
    let projector = Projector::new(fold).table(TABLE).indexes(INDEXES);
    let projector = projector.options(ProjectorOptions {
        rebuild_rate: std::env::var("FACTUM_REBUILD_RATE")
            .ok()
            .map(|it| it.parse().expect("a number above 0")),
        ..ProjectorOptions::default()
    });
    let ran = projector.run(log, postgres, std::future::pending()).await;
    ran.expect("no faults here");
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

async fn fill(engine: &Engine<Desk>, events: u64) {
    let mut under_way = VecDeque::new();
    for number in 0..events {
        let queued = engine.enqueue(id(number), command(number), CommandOptions::default());
        under_way.push_back(queued.await.expect("it owns all partitions"));
        if under_way.len() >= UNDER_WAY
            && let Some(reply) = under_way.pop_front()
        {
            reply.await.expect("no faults here");
        }
    }
    for reply in under_way {
        reply.await.expect("no faults here");
    }
}

/// Sends commands at a steady rate, whether or not earlier ones were answered, until told to stop. How long each took
/// from when it was due, in milliseconds.
async fn commands(engine: &Engine<Desk>, rate: u64, until: impl Future<Output = ()>) -> Vec<f64> {
    let (told, mut latencies) = mpsc::unbounded_channel();
    let (began, mut sent) = (Instant::now(), 0);
    let (mut until, mut ticks) = (pin!(until), tokio::time::interval(Duration::from_millis(1)));
    loop {
        tokio::select! {
            biased;
            () = &mut until => break,
            _ = ticks.tick() => {}
        }
        while (sent as f64) < began.elapsed().as_secs_f64() * rate as f64 {
            let due = began + Duration::from_secs_f64(sent as f64 / rate as f64);
            let queued = engine.enqueue(id(sent), command(sent), CommandOptions::default());
            let (reply, told) = (queued.await.expect("it owns all partitions"), told.clone());
            tokio::spawn(async move {
                reply.await.expect("no faults here");
                let _ = told.send(due.elapsed().as_secs_f64() * 1e3);
            });
            sent += 1;
        }
    }
    drop(told);
    let mut all = Vec::new();
    while let Some(latency) = latencies.recv().await {
        all.push(latency);
    }
    all
}

/// What a reader has seen.
#[derive(Debug, Default)]
struct Reads {
    answers: u64,
    failed: u64,
    /// Answers in which a row was gone, or a count lower than in an earlier one.
    backward: u64,
}

/// Reads again and again: cases are only added, and more and more is done to them.
async fn read(postgres: String, stopped: watch::Receiver<bool>) -> Reads {
    let client = connect(&postgres).await;
    let some = "SELECT id, done FROM tally WHERE id = ANY ($1)";
    let some = client.prepare(some).await.expect("the view is there");
    let mut reads = Reads::default();
    let (mut seen, mut whole, mut looked) = (HashMap::new(), (0, 0), Instant::now());
    while !*stopped.borrow() {
        let ids: Vec<_> = (0..KEYS)
            .map(|_| id(rand::rng().random_range(0..AGGREGATES)))
            .collect();
        match client.query(&some, &[&ids]).await {
            Err(error) => reads.fail(&error),
            Ok(rows) => {
                let now: HashMap<String, i64> =
                    rows.iter().map(|row| (row.get(0), row.get(1))).collect();
                let back = ids.iter().any(|id| now.get(id) < seen.get(id));
                reads.answer(back);
                seen.extend(now);
            }
        }
        if looked.elapsed() < WHOLE {
            continue;
        }
        looked = Instant::now();
        let sum = "SELECT count(*), coalesce(sum(done), 0)::bigint FROM tally";
        match client.query_one(sum, &[]).await {
            Err(error) => reads.fail(&error),
            Ok(row) => {
                let now: (i64, i64) = (row.get(0), row.get(1));
                reads.answer(now.0 < whole.0 || now.1 < whole.1);
                whole = now;
            }
        }
    }
    reads
}

impl Reads {
    fn fail(&mut self, error: &factum::tokio_postgres::Error) {
        eprintln!("a query failed: {error}: {:?}", error.as_db_error());
        self.failed += 1;
    }

    fn answer(&mut self, backward: bool) {
        self.answers += 1;
        self.backward += u64::from(backward);
    }
}

/// Events that a version has applied, whether it is live, and why not.
async fn stands(client: &Client, version: i32) -> (u64, bool) {
    let begun = "SELECT to_regclass('factum.versions') IS NOT NULL";
    let begun = client
        .query_one(begun, &[])
        .await
        .expect("Postgres answers");
    if !begun.get::<_, bool>(0) {
        return (0, false);
    }
    let query = "SELECT coalesce(sum(next - 1), 0)::bigint, \
                 EXISTS (SELECT FROM factum.versions WHERE version = $1 AND state = 'live') \
                 FROM factum.positions WHERE version = $1";
    let row = client.query_one(query, &[&version]).await;
    let row = row.expect("Postgres answers");
    (row.get::<_, i64>(0).cast_unsigned(), row.get(1))
}

async fn reaches(client: &Client, version: i32, events: u64) {
    while stands(client, version).await.0 < events {
        tokio::time::sleep(LOOK).await;
    }
}

/// Resolves some time after a version is live, and notes how many events it had applied then, and after how long.
async fn live(client: &Client, version: i32, noted: &mut (u64, Duration)) {
    let began = Instant::now();
    loop {
        let (events, live) = stands(client, version).await;
        if live {
            *noted = (events, began.elapsed());
            return tokio::time::sleep(AFTER).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Rows that one version has and the other has not.
async fn differences(client: &Client) -> i64 {
    let places = "SELECT place FROM factum.versions ORDER BY version";
    let places = client.query(places, &[]).await.expect("Postgres answers");
    let tables: Vec<_> = places
        .iter()
        .map(|row| format!("TABLE {}.tally", row.get::<_, &str>(0)))
        .collect();
    let (old, new) = (&tables[0], &tables[1]);
    let query = format!(
        "SELECT count(*) FROM (({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old})) AS unlike"
    );
    let row = client.query_one(&query, &[]).await;
    row.expect("both tables are there").get(0)
}

fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(default, |it| it.parse().expect("a number"))
}

async fn own_database() -> String {
    let postgres = factum_testkit::servers::postgres();
    let name = format!("bench_{}", factum::uuid::Uuid::new_v4().simple());
    let create = format!("CREATE DATABASE {name}");
    let created = connect(&postgres).await.batch_execute(&create).await;
    created.expect("a database can be made");
    let (server, _) = postgres.rsplit_once('/').expect("it names a database");
    format!("{server}/{name}")
}

async fn measure(report: &mut Report) {
    let events = setting("FACTUM_BENCH_EVENTS", 5_000_000);
    let rate = setting("FACTUM_BENCH_RATE", 5_000);
    let quiet = Duration::from_secs(setting("FACTUM_BENCH_SECONDS", 30));
    let (prefix, postgres) = (
        format!("bench-{}", factum::uuid::Uuid::new_v4()),
        own_database().await,
    );
    let options = EngineOptions {
        create: Some(NewTopic::default()),
        group: Some(prefix.clone()),
        ..EngineOptions::default()
    };
    let engine = Engine::<Desk>::start(log(&prefix).await, options).await;
    let engine = engine.expect("the engine starts");
    fill(&engine, events).await;
    let client = connect(&postgres).await;
    let _first = Worker::start(&prefix, &postgres, 1);
    reaches(&client, 1, events).await;
    eprintln!("{events} events, all projected; {rate} commands a second");

    let (stop, stopped) = watch::channel(false);
    let reader = tokio::spawn(read(postgres.clone(), stopped));
    let without = commands(&engine, rate, tokio::time::sleep(quiet)).await;
    let _second = Worker::start(&prefix, &postgres, 2);
    let mut rebuilt = (0, Duration::ZERO);
    let with = commands(&engine, rate, live(&client, 2, &mut rebuilt)).await;
    let all = events + (without.len() + with.len()) as u64;
    for version in [1, 2] {
        reaches(&client, version, all).await;
    }
    stop.send_replace(true);
    let reads = reader.await.expect("the reader ends");
    engine.shutdown().await.expect("no faults here");
    assert_eq!(
        differences(&client).await,
        0,
        "rows differ between versions"
    );
    tell(report, rate, (without, with), rebuilt, &reads);
}

fn tell(
    report: &mut Report,
    rate: u64,
    (mut without, mut with): (Vec<f64>, Vec<f64>),
    (events, took): (u64, Duration),
    reads: &Reads,
) {
    eprintln!(
        "{events} events in {took:.1?} until readers saw the new version; both versions have the same rows; {reads:?}"
    );
    for (name, percent) in [("p50", 50), ("p99", 99), ("longest", 100)] {
        let pair = (
            percentile(&mut with, percent),
            percentile(&mut without, percent),
        );
        let case = format!("a command during a rebuild, {name}");
        report.add(&case, "ms", "the same without one", &[pair]);
    }
    let per_second = events as f64 / took.as_secs_f64();
    let pair = (per_second, rate as f64);
    report.add(
        "rebuild and switch",
        "events/s",
        "commands a second meanwhile",
        &[pair],
    );
    let wrong = (reads.failed + reads.backward) as f64;
    let pair = (wrong, reads.answers as f64);
    report.add(
        "failed or backward answers",
        "answers",
        "all answers",
        &[pair],
    );
}

#[tokio::main]
async fn main() {
    tell_warnings();
    if let Ok(told) = std::env::var(WORKER) {
        return be_worker(&told).await;
    }
    let arguments = Arguments::parse();
    let mut report = Report::new("rebuild", &arguments);
    measure(&mut report).await;
    report.finish();
}
