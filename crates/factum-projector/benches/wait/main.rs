//! Waiting for a read model: how long after an event is in the log, how many at once, and what the
//! notification costs those who write.
//!
//! `cargo xtask bench wait`; `EVENTS` sets how many events are waited for one by one (1000), `WAITERS` how many
//! wait at once (10,000). The log is in memory, Postgres is real. `-- --json` prints an object a line.

mod crowd;
mod process;

use std::sync::Arc;
use std::time::{Duration, Instant};

use factum_core::{
    Claim, ConsistencyToken, DecodeError, Event, EventHeader, EventLog, Header, NewTopic, Recorded,
    Records, Stamp, Topic,
};
use factum_projector::{Fold, Options, Projector, ReadModel, ReadModelOptions, Row};
use factum_testkit::{MemoryLog, servers};
use futures::future::{join_all, try_join_all};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const PARTITIONS: u32 = 8;
const MINUTE: Duration = Duration::from_secs(60);

struct Counted;

impl Event for Counted {
    const AGGREGATE: &'static str = "bench.count";

    fn name(&self) -> &'static str {
        "Counted"
    }

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

#[derive(Row)]
#[row(table = "count")]
struct Count {
    #[row(key)]
    id: String,
    events: i64,
    partition: i32,
    last: i64,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS count (id text PRIMARY KEY, events bigint NOT NULL, \
                     partition integer NOT NULL, last bigint NOT NULL); \
                     CREATE INDEX IF NOT EXISTS count_by_place ON count (partition, last)";

struct Counts;

impl Fold for Counts {
    type Event = Counted;
    type Row = Count;
    const NAME: &'static str = "counts";

    fn key(&self, event: &Recorded<Counted>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Count>, event: &Recorded<Counted>) -> Option<Count> {
        let (id, events) = (event.id.clone(), row.map_or(0, |row| row.events));
        Some(Count {
            id,
            events: events + 1,
            partition: event.partition as i32,
            last: event.sequence as i64,
        })
    }
}

/// A topic, and the next sequence of each of its partitions.
struct Log {
    topic: Arc<dyn Topic>,
    next: Vec<u64>,
}

impl Log {
    async fn create(log: &MemoryLog) -> Self {
        let new = NewTopic {
            partitions: PARTITIONS,
            replication: None,
        };
        let topic = log.open("bench.count.events", Some(new)).await.unwrap();
        for partition in 0..PARTITIONS {
            let claim = Claim {
                epoch: 1,
                claimant: Uuid::new_v4(),
                floor: 1,
                partitions: PARTITIONS,
            };
            topic.append(partition, claim.record()).await.unwrap();
        }
        let next = vec![1; PARTITIONS as usize];
        Self { topic, next }
    }

    /// What will be told of the event that is appended as the `number`-th from now on, where numbers are
    /// appended in order from 0.
    fn ahead(&self, number: usize) -> ConsistencyToken {
        let partition = number % PARTITIONS as usize;
        ConsistencyToken {
            partition: partition as u32,
            sequence: self.next[partition] + (number / PARTITIONS as usize) as u64,
        }
    }

    async fn append(&mut self, number: usize) -> ConsistencyToken {
        let partition = number as u32 % PARTITIONS;
        let next = &mut self.next[partition as usize];
        let sequence = *next;
        *next += 1;
        let header = EventHeader {
            stamp: Stamp {
                epoch: 1,
                sequence,
                index: 0,
                size: 1,
            },
            version: sequence,
            command: Uuid::from_u128(number as u128),
            ..EventHeader::default()
        };
        let (mut records, id) = (Records::new(), format!("count-{}", number % 1000));
        records.push_encoded(
            id.as_bytes(),
            |out| Header::Event(header).encode(out),
            |_| (),
        );
        self.topic.append(partition, records).await.unwrap();
        ConsistencyToken {
            partition,
            sequence,
        }
    }
}

fn set(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Tells figures, each on a line.
struct Told {
    json: bool,
}

impl Told {
    fn tell(&mut self, case: &str, value: f64, unit: &str) {
        if self.json {
            let line =
                serde_json::json!({ "bench": "wait", "case": case, "value": value, "unit": unit });
            return println!("{line}");
        }
        println!("{case:<48} {value:>12.3} {unit}");
    }

    fn times(&mut self, what: &str, mut times: Vec<Duration>) {
        times.sort();
        if times.is_empty() {
            return;
        }
        let at = |part: usize| times[(times.len() - 1) * part / 1000].as_secs_f64() * 1000.0;
        for (name, part) in [("p50", 500), ("p99", 990), ("longest", 1000)] {
            self.tell(&format!("{what}, {name}"), at(part), "ms");
        }
    }
}

#[tokio::main]
async fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut told = Told { json };
    let schema = format!("bench_{}", Uuid::new_v4().simple());
    let url = servers::postgres();
    let client = connect(&url).await;
    let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
    client.batch_execute(&create).await.unwrap();
    let sign = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{sign}options=-c%20search_path%3D{schema}");

    let memory = MemoryLog::new();
    let mut log = Log::create(&memory).await;
    let worker = {
        let options = Options {
            schema: schema.clone(),
            ..Options::default()
        };
        let projector = Projector::new(Counts).table(TABLE).options(options);
        let url = url.clone();
        tokio::spawn(async move {
            let run = projector.run(Arc::new(memory), &url, std::future::pending());
            run.await.unwrap();
        })
    };
    let options = ReadModelOptions {
        schema: schema.clone(),
        ..ReadModelOptions::default()
    };
    let model = ReadModel::open(&url, "counts", options).await.unwrap();
    let first = log.append(0).await;
    while model.wait_for(first, MINUTE).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await; // it has yet to begin
    }
    one_by_one(&mut log, &model, &mut told).await;
    drop(model);
    crowd::crowd(&mut log, &url, &schema, set("WAITERS", 10_000), &mut told).await;
    worker.abort();
    notifying(&url, &client, &mut told).await;
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    client.batch_execute(&drop).await.unwrap();
}

/// From an event that is in the log, to the return of the wait for it; and of a wait for one that has
/// long been there.
async fn one_by_one(log: &mut Log, model: &ReadModel, told: &mut Told) {
    let (mut waits, mut asks) = (Vec::new(), Vec::new());
    for number in 0..set("EVENTS", 1000) {
        let token = log.append(number).await;
        let start = Instant::now();
        model.wait_for(token, MINUTE).await.unwrap();
        waits.push(start.elapsed());
        let start = Instant::now();
        model.wait_for(token, MINUTE).await.unwrap();
        asks.push(start.elapsed());
    }
    told.times("one by one, from the log to the return", waits);
    told.times("for what has long been there", asks);
}

/// Small transactions, as those of workers that are up to date, with and without a notification.
async fn notifying(url: &str, client: &Client, told: &mut Told) {
    let table = "CREATE TABLE beat (worker integer PRIMARY KEY, beats bigint NOT NULL); \
                 INSERT INTO beat SELECT *, 0 FROM generate_series(0, 31)";
    client.batch_execute(table).await.unwrap();
    for writers in [1, 4, 16] {
        for round in 0..2 {
            for (what, commit) in [
                ("COMMIT", "COMMIT"),
                (
                    "NOTIFY; COMMIT",
                    "NOTIFY \"bench.positions\", 'counts'; COMMIT",
                ),
                (
                    "COMMIT, then NOTIFY by itself",
                    "COMMIT; BEGIN; SET LOCAL synchronous_commit = off; \
                     NOTIFY \"bench.positions\", 'counts'; COMMIT",
                ),
            ] {
                let rate = beats(url, writers, commit).await;
                let case = format!("{writers} writers, {what} (round {round})");
                told.tell(&case, rate, "transactions/s");
            }
        }
    }
}

async fn beats(url: &str, writers: i32, commit: &'static str) -> f64 {
    const TIME: Duration = Duration::from_secs(3);
    let clients = join_all((0..writers).map(|_| connect(url))).await;
    let start = Instant::now();
    let beat = async |(worker, client): (usize, Client)| {
        let update = format!("BEGIN; UPDATE beat SET beats = beats + 1 WHERE worker = {worker}");
        let mut beats = 0;
        while start.elapsed() < TIME {
            client.batch_execute(&update).await?;
            client.batch_execute(commit).await?;
            beats += 1;
        }
        Ok::<_, tokio_postgres::Error>(beats)
    };
    let beats = try_join_all(clients.into_iter().enumerate().map(beat)).await;
    f64::from(beats.unwrap().into_iter().sum::<i32>()) / start.elapsed().as_secs_f64()
}
