//! Projecting a log in memory into a real Postgres, beside one raw COPY of the rows it makes.
//!
//! `cargo bench -p factum-projector`; `EVENTS` sets how many events (1,000,000). The log costs next to
//! nothing here, so this shows what the projector and Postgres cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factum_core::{
    Claim, DecodeError, Event, EventHeader, EventLog, Header, NewTopic, Recorded, Records, Stamp,
    Topic,
};
use factum_projector::{Fold, Options, Projector, Row};
use factum_testkit::{MemoryLog, servers};
use futures::SinkExt;
use jiff::Timestamp;
use tokio_postgres::NoTls;
use uuid::Uuid;

const PARTITIONS: u32 = 8;

/// 100 bytes of text, and an amount.
struct Noted {
    amount: i64,
    text: String,
}

impl Event for Noted {
    const AGGREGATE: &'static str = "bench.note";

    fn name(&self) -> &'static str {
        "Noted"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.amount.to_le_bytes());
        out.extend_from_slice(self.text.as_bytes());
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let (amount, text) = value
            .split_first_chunk()
            .ok_or_else(|| DecodeError::new("too short"))?;
        Ok(Self {
            amount: i64::from_le_bytes(*amount),
            text: str::from_utf8(text).map_err(DecodeError::new)?.to_owned(),
        })
    }
}

#[derive(Row)]
#[row(table = "note")]
struct Note {
    #[row(key)]
    id: String,
    #[row(key)]
    part: i64,
    notes: i64,
    amount: i64,
    text: String,
    last: Timestamp,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS note (
    id text, part bigint, notes bigint NOT NULL, amount bigint NOT NULL, text text NOT NULL,
    last timestamptz NOT NULL, PRIMARY KEY (id, part)
)";

/// One row for each event, or one for each aggregate.
struct Notes {
    of_each_event: bool,
}

impl Fold for Notes {
    type Event = Noted;
    type Row = Note;
    const NAME: &'static str = "notes";

    fn key(&self, event: &Recorded<Noted>) -> Option<(String, i64)> {
        let part = if self.of_each_event { event.version } else { 0 };
        Some((event.id.clone(), part as i64))
    }

    fn fold(&self, row: Option<Note>, event: &Recorded<Noted>) -> Option<Note> {
        let mut row = row.unwrap_or_else(|| Note {
            id: event.id.clone(),
            part: if self.of_each_event {
                event.version as i64
            } else {
                0
            },
            notes: 0,
            amount: 0,
            text: String::new(),
            last: event.time,
        });
        row.notes += 1;
        row.amount += event.event.amount;
        row.text.clone_from(&event.event.text);
        row.last = event.time;
        Some(row)
    }
}

#[tokio::main]
async fn main() {
    let events = std::env::var("EVENTS").map_or(1_000_000, |n| n.parse().unwrap());
    for (case, aggregates, of_each_event) in [
        ("a row for each event", 20_000, true),
        ("20,000 rows, events spread", 20_000, false),
        ("200 rows", 200, false),
    ] {
        run(case, events, aggregates, of_each_event).await;
    }
}

async fn run(case: &str, events: u64, aggregates: u64, of_each_event: bool) {
    let schema = format!("bench_{}", Uuid::new_v4().simple());
    let url = servers::postgres();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
    client.batch_execute(&create).await.unwrap();
    let log = MemoryLog::new();
    fill(&log, events, aggregates).await;

    let options = Options {
        until_end: true,
        schema: schema.clone(),
        ..Options::default()
    };
    let sign = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{sign}options=-c%20search_path%3D{schema}");
    let projector = Projector::new(Notes { of_each_event })
        .table(TABLE)
        .options(options);
    let log: Arc<dyn EventLog> = Arc::new(log);
    let start = Instant::now();
    let summary = projector
        .run(log, &url, std::future::pending())
        .await
        .unwrap();
    let projected = start.elapsed();

    let copied = raw_copy(&client).await;
    let rate = |time: Duration| events as f64 / time.as_secs_f64() / 1000.0;
    println!(
        "{case}: {:.0} k events/s ({} rows written in {} batches); raw COPY of the final rows: {:.2} s, {:.2} of it",
        rate(projected),
        summary.rows,
        summary.batches,
        copied.as_secs_f64(),
        copied.as_secs_f64() / projected.as_secs_f64(),
    );
    let drop = format!("DROP SCHEMA {schema} CASCADE");
    client.batch_execute(&drop).await.unwrap();
}

async fn fill(log: &MemoryLog, events: u64, aggregates: u64) {
    let new = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    let topic = log.open("bench.note.events", Some(new)).await.unwrap();
    let text = "x".repeat(100);
    for partition in 0..PARTITIONS {
        let claim = Claim {
            epoch: 1,
            claimant: Uuid::new_v4(),
            floor: 1,
            partitions: PARTITIONS,
        };
        topic.append(partition, claim.record()).await.unwrap();
        let share = aggregates / u64::from(PARTITIONS);
        for first in (1..=events / u64::from(PARTITIONS)).step_by(1000) {
            let mut records = Records::new();
            for sequence in first..first + 1000 {
                push(&mut records, partition, sequence, sequence % share, &text);
            }
            append(topic.as_ref(), partition, records).await;
        }
    }
}

async fn append(topic: &dyn Topic, partition: u32, records: Records) {
    topic.append(partition, records).await.unwrap();
}

fn push(records: &mut Records, partition: u32, sequence: u64, aggregate: u64, text: &str) {
    let header = EventHeader {
        stamp: Stamp {
            epoch: 1,
            sequence,
            index: 0,
            size: 1,
        },
        version: sequence,
        time: sequence as i64,
        command: Uuid::from_u128(sequence.into()),
        ..EventHeader::default()
    };
    let event = Noted {
        amount: sequence as i64,
        text: text.to_owned(),
    };
    records.push_encoded(
        format!("note-{partition}-{aggregate}").as_bytes(),
        |out| Header::Event(header).encode(out),
        |out| event.encode(out),
    );
}

/// Copies the table's rows, as one binary stream, into a table like it.
async fn raw_copy(client: &tokio_postgres::Client) -> Duration {
    use futures::TryStreamExt;
    client
        .batch_execute("CREATE TABLE raw (LIKE note INCLUDING ALL)")
        .await
        .unwrap();
    let out = client.copy_out("COPY note TO STDOUT (FORMAT binary)").await;
    let bytes: Vec<_> = out.unwrap().try_collect().await.unwrap();
    let start = Instant::now();
    let sink = client.copy_in("COPY raw FROM STDIN (FORMAT binary)").await;
    let mut sink = Box::pin(sink.unwrap());
    for chunk in bytes {
        sink.feed(chunk).await.unwrap();
    }
    sink.as_mut().finish().await.unwrap();
    start.elapsed()
}
