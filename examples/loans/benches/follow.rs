//! A read model that follows a log: how fast it catches up where the rows are there, and how far it is behind
//! when nothing holds it up. On a real Kafka and a real Postgres.
//!
//! `FACTUM_BENCH_ROWS` sets how many rows there are (200,000), `FACTUM_BENCH_EVENTS` how many events there are to
//! catch up with, each of a random row (1,000,000).

mod harness;

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use factum::jiff::Timestamp;
use factum::{
    CommandOptions, Engine, EngineOptions, EventLog, Fold, KafkaLog, KafkaSettings, NewTopic,
    Projector, ProjectorOptions, ReadModel, ReadModelOptions, Recorded, Reply, Row,
};
use harness::desk::Desk;
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::{Arguments, Prefixed, Report, percentile, tell_warnings};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ROUNDS: u64 = 3;
const UNDER_WAY: usize = 2048;
const LOOKS: u64 = 2000;
const MINUTE: Duration = Duration::from_secs(60);
/// In events per second: what catching up is to come to.
const CATCHING_UP: f64 = 100_000.0;
/// In milliseconds, at the median and at the 99th percentile: how far a read model may be behind.
const BEHIND: [(usize, f64); 2] = [(50, 10.0), (99, 50.0)];

/// What was done for a case.
#[derive(Row)]
#[row(table = "tally")]
struct Tally {
    #[row(key)]
    case_id: String,
    entries: i64,
    resource: String,
    last: Timestamp,
}

struct Tallies;

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS tally (case_id text PRIMARY KEY, entries bigint NOT NULL,
    resource text NOT NULL, last timestamptz NOT NULL)";

impl Fold for Tallies {
    type Event = WorkEvent;
    type Row = Tally;
    const NAME: &'static str = "tally";

    fn key(&self, event: &Recorded<WorkEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Tally>, event: &Recorded<WorkEvent>) -> Option<Tally> {
        let WorkEvent::Completed(done) = &event.event else {
            return row;
        };
        Some(Tally {
            case_id: event.id.clone(),
            entries: row.map_or(0, |row| row.entries) + 1,
            resource: done.resource.clone().unwrap_or_default(),
            last: event.time,
        })
    }
}

struct Bench {
    log: Arc<dyn EventLog>,
    engine: Engine<Desk>,
    postgres: String,
    random: StdRng,
    rows: u64,
}

impl Bench {
    async fn start(rows: u64) -> Self {
        let servers = factum_testkit::servers::kafka();
        let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
        let log = KafkaLog::connect(&KafkaSettings::new(&servers)).await;
        let log: Arc<dyn EventLog> = Arc::new(Prefixed {
            log: log.expect("Kafka answers"),
            prefix: prefix.clone(),
        });
        let options = EngineOptions {
            create: Some(NewTopic::default()),
            group: Some(prefix),
            ..EngineOptions::default()
        };
        let engine = Engine::start(log.clone(), options).await;
        Self {
            log,
            engine: engine.expect("the engine starts"),
            postgres: own_database(&factum_testkit::servers::postgres()).await,
            random: StdRng::seed_from_u64(1),
            rows,
        }
    }

    /// Appends an event to each of these cases, many at the same time.
    async fn append(&self, cases: impl Iterator<Item = u64>) {
        let mut under_way = VecDeque::new();
        let settle = async |reply: Reply<_>| reply.await.expect("no faults here");
        for case in cases {
            let options = CommandOptions::default();
            let queued = self.engine.enqueue(id(case), done(case), options).await;
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
    }

    fn projector(&self, until_end: bool) -> Projector<Tallies> {
        let options = ProjectorOptions {
            until_end,
            ..ProjectorOptions::default()
        };
        Projector::new(Tallies).table(TABLE).options(options)
    }

    /// Projects what there is, and tells how many events a second that were.
    async fn project(&self) -> f64 {
        let began = Instant::now();
        let projector = self.projector(true);
        let run = projector.run(self.log.clone(), &self.postgres, pending());
        let summary = run.await.expect("no faults here");
        let took = began.elapsed();
        eprintln!("{summary:?} in {took:.2?}");
        summary.events as f64 / took.as_secs_f64()
    }

    /// Events of random cases, all of which have a row.
    async fn catch_up(&mut self, events: u64, report: &mut Report) {
        self.append(0..self.rows).await;
        self.project().await;
        let mut pairs = Vec::new();
        for round in 0..=ROUNDS {
            let picks: Vec<_> = (0..events).map(|_| self.pick()).collect();
            self.append(picks.into_iter()).await;
            let rate = self.project().await;
            if round > 0 {
                pairs.push((rate, CATCHING_UP));
            }
        }
        report.add("catching up", "events/s", "what is asked for", &pairs);
    }

    fn pick(&mut self) -> u64 {
        self.random.random_range(0..self.rows)
    }

    /// One event at a time: from the command's acknowledgement to the row that shows it.
    async fn one_at_a_time(&mut self, report: &mut Report) {
        let (projector, log) = (self.projector(false), self.log.clone());
        let postgres = self.postgres.clone();
        let worker = tokio::spawn(async move {
            let run = projector.run(log, &postgres, pending()).await;
            run.expect("no faults here")
        });
        let options = ReadModelOptions::default();
        let model = ReadModel::open(&self.postgres, Tallies::NAME, options).await;
        let model = model.expect("Postgres answers");
        let mut behind = Vec::new();
        for look in 0..LOOKS {
            let case = self.pick();
            let receipt = self.engine.execute(id(case), done(case)).await;
            let acknowledged = Instant::now();
            let shown = receipt.expect("no faults here");
            while model.wait_for(&shown, MINUTE).await.is_err() {
                assert!(look == 0, "the worker has begun");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if look > LOOKS / 10 {
                behind.push(acknowledged.elapsed().as_secs_f64() * 1e3);
            }
            let pause = self.random.random_range(0..5);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        worker.abort();
        for (share, bearable) in BEHIND {
            let case = format!("behind, p{share}");
            let took = percentile(&mut behind, share);
            report.add(&case, "ms", "what is asked for", &[(took, bearable)]);
        }
    }
}

fn id(case: u64) -> String {
    format!("case-{case}")
}

fn done(case: u64) -> Completed {
    Completed {
        entry: case.cast_signed(),
        time: Timestamp::UNIX_EPOCH,
        resource: Some(format!("{case:>40}")),
        activity: Activity::CallAboutOffer,
    }
}

/// Makes a database for this run, and returns its address.
async fn own_database(postgres: &str) -> String {
    let name = format!("bench_{}", factum::uuid::Uuid::new_v4().simple());
    let connected = tokio_postgres::connect(postgres, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("Postgres answers");
    tokio::spawn(connection);
    let create = format!("CREATE DATABASE {name}");
    let created = client.batch_execute(&create).await;
    created.expect("a database can be made");
    let server = postgres.rsplit_once('/').expect("it names a database").0;
    format!("{server}/{name}")
}

fn set(name: &str, default: u64) -> u64 {
    let set = std::env::var(name);
    set.map_or(default, |set| set.parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    tell_warnings();
    let arguments = Arguments::parse();
    let mut report = Report::new("follow", &arguments);
    let mut bench = Bench::start(set("FACTUM_BENCH_ROWS", 200_000)).await;
    if arguments.wants("catching up") {
        let events = set("FACTUM_BENCH_EVENTS", 1_000_000);
        bench.catch_up(events, &mut report).await;
    }
    if arguments.wants("behind") {
        bench.one_at_a_time(&mut report).await;
    }
    report.finish();
}
