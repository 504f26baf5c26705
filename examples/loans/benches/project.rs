//! Projecting a log from offset 0 into Postgres, beside the slower of its two raw halves: consuming
//! the records with plain rdkafka, and copying the rows that it writes with plain COPY; and beside both halves
//! at the same time, which is what the machine leaves room for; and beside the least that a program by hand does: one
//! loop that consumes, decodes and folds into a map, with the same functions, then COPY of the rows.
//!
//! `FACTUM_BENCH_CASES` sets how many cases are made up (default 40,000, about 800,000 events).

mod harness;

use std::collections::HashMap;
use std::error::Error;
use std::future::pending;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use factum::jiff::Timestamp;
use factum::uuid::Uuid;
use factum::{
    Components, Event, EventLog, Fold, KafkaLog, KafkaSettings, Metadata, Projector,
    ProjectorOptions, Recorded, Topic,
};
use harness::{Arguments, Prefixed, Report, tell_warnings};
use loans::board::LoanBoard;
use loans::import::{Import, Progress, Source};
use loans::workload::Workload;
use postgres::{Client, NoTls};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const CASES: u64 = 40_000;
const ROUNDS: usize = 3;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

struct Bench {
    log: Arc<dyn EventLog>,
    kafka: String,
    postgres: String,
    report: Report,
}

#[tokio::main]
async fn main() -> Result<()> {
    tell_warnings();
    let arguments = Arguments::parse();
    let kafka = factum_testkit::servers::kafka();
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let log = KafkaLog::connect(&KafkaSettings::new(&kafka)).await?;
    let log: Arc<dyn EventLog> = Arc::new(Prefixed { log, prefix });
    import(log.clone()).await?;
    let postgres = blocking(move || own_database(&factum_testkit::servers::postgres())).await?;
    let mut bench = Bench {
        log,
        kafka,
        postgres,
        report: Report::new("project", &arguments),
    };
    if arguments.wants("loan_board") {
        bench
            .measure("loan_board", "bank.loan", LoanBoard::TABLE_SQL, || {
                LoanBoard
            })
            .await?;
    }
    if arguments.wants("workload") {
        bench
            .measure("workload", "bank.work", Workload::TABLE_SQL, || Workload)
            .await?;
    }
    bench.report.finish();
    Ok(())
}

async fn import(log: Arc<dyn EventLog>) -> Result<()> {
    let cases = std::env::var("FACTUM_BENCH_CASES").map_or(Ok(CASES), |cases| cases.parse())?;
    let import = Import {
        source: Source::Generated { cases, seed: 1 },
        log: "bench".into(),
        checkpoints: None,
        partitions: 8,
        in_flight: 4096,
        standby: false,
        rejected: None,
        components: Components::new(),
    };
    let progress = Progress::new();
    tokio::select! {
        summary = import.run(log, &progress, pending()) => eprintln!("{}", summary?),
        () = progress.show() => {}
    }
    progress.finish();
    Ok(())
}

impl Bench {
    async fn measure<F: Fold>(
        &mut self,
        table: &'static str,
        aggregate: &str,
        sql: &'static str,
        fold: fn() -> F,
    ) -> Result<()>
    where
        F::Event: Event,
    {
        let topic = self
            .log
            .open(&factum::events_topic(aggregate), None)
            .await?;
        let (mut slower, mut at_once, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (events, ours) = self.project(table, sql, fold()).await?;
            let consume = self.consume(topic.clone()).await?;
            let (rows, copy) = self.copy(table).await?;
            let (folded, fold) = self.fold_by_hand(topic.clone(), fold()).await?;
            assert_eq!(folded, rows, "other rows by hand");
            let began = Instant::now();
            let (consumed, copied) = tokio::join!(self.consume(topic.clone()), self.copy(table));
            let both = began.elapsed();
            consumed?;
            copied?;
            eprintln!(
                "{table}: {events} events in {ours:.2?}; consumed in {consume:.2?}, {rows} rows copied in {copy:.2?}, both at once in {both:.2?}, consumed, decoded and folded by hand in {fold:.2?}"
            );
            if round > 0 {
                let rate = |took: Duration| events as f64 / took.as_secs_f64();
                slower.push((rate(ours), rate(consume.max(copy))));
                at_once.push((rate(ours), rate(both)));
                by_hand.push((rate(ours), rate(fold + copy)));
            }
        }
        let case = format!("{table} from offset 0");
        for (limit, pairs) in [
            ("the slower of raw consume and raw COPY", slower),
            ("raw consume and raw COPY at once", at_once),
            ("one loop by hand, then raw COPY", by_hand),
        ] {
            self.report.add(&case, "events/s", limit, &pairs);
        }
        Ok(())
    }

    /// Projects everything into tables of its own, as a worker with `--until-end` does.
    async fn project<F: Fold>(&self, table: &str, sql: &str, fold: F) -> Result<(u64, Duration)> {
        let (postgres, drop) = (
            self.postgres.clone(),
            format!("DROP TABLE IF EXISTS {table}; DROP SCHEMA IF EXISTS factum CASCADE"),
        );
        blocking(move || Ok(connect(&postgres)?.batch_execute(&drop)?)).await?;
        let options = ProjectorOptions {
            until_end: true,
            ..ProjectorOptions::default()
        };
        let projector = Projector::new(fold).table(sql).options(options);
        let before = Instant::now();
        let summary = projector
            .run(self.log.clone(), &self.postgres, pending())
            .await?;
        Ok((summary.events, before.elapsed()))
    }

    /// Copies the rows that a table holds.
    async fn copy(&self, table: &'static str) -> Result<(u64, Duration)> {
        let postgres = self.postgres.clone();
        blocking(move || copy(&postgres, table)).await
    }

    /// Consumes every record of a topic, and drops it.
    async fn consume(&self, topic: Arc<dyn Topic>) -> Result<Duration> {
        let servers = self.kafka.clone();
        let records = records(&*topic).await?;
        blocking(move || {
            let before = Instant::now();
            consume(&servers, &*topic, records, |_| {})?;
            Ok(before.elapsed())
        })
        .await
    }

    /// Consumes every record of a topic, decodes its event and folds it into a map; returns how many rows there are then.
    async fn fold_by_hand<F: Fold>(&self, topic: Arc<dyn Topic>, fold: F) -> Result<(u64, Duration)>
    where
        F::Event: Event,
    {
        let servers = self.kafka.clone();
        let records = records(&*topic).await?;
        blocking(move || {
            let before = Instant::now();
            let mut rows = HashMap::new();
            consume(&servers, &*topic, records, |message| {
                let Some(event) = recorded(message) else {
                    return; // a claim
                };
                if let Some(key) = fold.key(&event) {
                    let row: &mut Option<F::Row> = rows.entry(key).or_default();
                    *row = fold.fold(row.take(), &event);
                }
            })?;
            let rows = rows.values().flatten().count();
            Ok((rows as u64, before.elapsed()))
        })
        .await
    }
}

/// How many records a topic holds.
async fn records(topic: &dyn Topic) -> Result<u64> {
    let mut records = 0;
    for partition in 0..topic.partitions() {
        records += topic.end(partition).await?;
    }
    Ok(records)
}

/// Consumes so many records with plain rdkafka.
fn consume(
    servers: &str,
    topic: &dyn Topic,
    records: u64,
    mut each: impl FnMut(&BorrowedMessage<'_>),
) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..topic.partitions() {
        assignment.add_partition_offset(topic.name(), partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut consumed = 0;
    while consumed < records {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            each(&message?);
            consumed += 1;
        }
    }
    Ok(())
}

/// An event with as little around it as there can be.
fn recorded<E: Event>(message: &BorrowedMessage<'_>) -> Option<Recorded<E>> {
    Some(Recorded {
        id: String::from_utf8_lossy(message.key()?).into_owned(),
        partition: message.partition().cast_unsigned(),
        offset: message.offset().cast_unsigned(),
        sequence: 0,
        version: 0,
        time: Timestamp::UNIX_EPOCH,
        command: Uuid::nil(),
        metadata: Metadata::default(),
        event: E::decode(message.payload()?).ok()?,
    })
}

/// Copies the table's rows into an empty one like it, keys included.
fn copy(postgres: &str, table: &str) -> Result<(u64, Duration)> {
    let mut client = connect(postgres)?;
    let mut rows = Vec::new();
    client
        .copy_out(&format!("COPY {table} TO STDOUT (FORMAT binary)"))?
        .read_to_end(&mut rows)?;
    client.batch_execute(&format!(
        "DROP TABLE IF EXISTS raw_copy; CREATE TABLE raw_copy (LIKE {table} INCLUDING ALL)"
    ))?;
    let before = Instant::now();
    let mut copy = client.copy_in("COPY raw_copy FROM STDIN (FORMAT binary)")?;
    copy.write_all(&rows)?;
    Ok((copy.finish()?, before.elapsed()))
}

fn connect(postgres: &str) -> Result<Client> {
    Ok(Client::connect(postgres, NoTls)?)
}

/// Makes a database for this run, and returns its address.
fn own_database(postgres: &str) -> Result<String> {
    let name = format!("bench_{}", factum::uuid::Uuid::new_v4().simple());
    connect(postgres)?.batch_execute(&format!("CREATE DATABASE {name}"))?;
    let (server, _) = postgres
        .rsplit_once('/')
        .ok_or("the address of Postgres names no database")?;
    Ok(format!("{server}/{name}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}
