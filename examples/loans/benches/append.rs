//! Appending events through an engine, beside plain rdkafka with the same settings, keys, headers and
//! values: one caller, many callers that each wait for an answer, and an import that does not.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Parser;
use factum::{
    CommandOptions, Engine, EngineOptions, Event, EventLog, KafkaLog, KafkaSettings, NewTopic,
    Topic, jiff::Timestamp,
};
use harness::desk::Desk;
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::loops::{closed_loop, micros, plain_settings};
use harness::{Arguments, Prefixed, Report, percentile, rate};
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, FutureProducer, FutureRecord, Producer, ProducerContext,
    ThreadedProducer,
};
use rdkafka::util::Timeout;

const PARTITIONS: u32 = 8;
const ROUNDS: usize = 5;
const ONE_CALLER: usize = 1000;
/// Closed loops run in short windows in turn, so that both sides meet the same machine.
const WINDOWS: usize = 15;
const IMPORT: usize = 200_000;
const PLAIN: &str = "plain";

fn command(number: usize) -> (String, Completed) {
    let done = Completed {
        entry: number as i64,
        time: Timestamp::from_millisecond(1_317_422_324_546 + number as i64).expect("in range"),
        resource: Some("10913".to_owned()),
        activity: Activity::CallAboutOffer,
    };
    (format!("{}", 173_688 + number % 20_000), done)
}

/// A record as plain rdkafka sends it.
#[derive(Clone)]
struct Plain {
    partition: i32,
    key: Vec<u8>,
    header: Vec<u8>,
    value: Vec<u8>,
}

impl Plain {
    fn headers(&self) -> OwnedHeaders {
        OwnedHeaders::new().insert(Header {
            key: "factum",
            value: Some(&self.header),
        })
    }
}

/// Reads `count` events back, exactly as they went to the log, in the order of their commands: then
/// the same callers reach the same partitions in turn, and batches form as they do for the engine.
async fn records_of(topic: &dyn Topic, count: usize) -> Vec<Plain> {
    let from: Vec<_> = (0..topic.partitions())
        .map(|partition| (partition, 0))
        .collect();
    let mut reader = topic.read(&from).await.expect("the topic can be read");
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        for fetched in reader.next().await.expect("the topic can be read") {
            let partition = fetched.partition as i32;
            records.extend(
                fetched
                    .iter()
                    .filter(|(_, record)| !record.key.is_empty())
                    .map(|(_, record)| Plain {
                        partition,
                        key: record.key.to_vec(),
                        header: record.header.unwrap_or_default().to_vec(),
                        value: record.value.to_vec(),
                    }),
            );
        }
    }
    records.sort_by_cached_key(|record| number_of(&record.value));
    records
}

/// The number of the command that an event came from.
fn number_of(value: &[u8]) -> i64 {
    match WorkEvent::decode(value).expect("it was written here") {
        WorkEvent::Completed(done) => done.entry,
        other => unreachable!("{other:?} is emitted nowhere"),
    }
}

struct Bench {
    engine: Arc<Engine<Desk>>,
    servers: String,
    plain_topic: String,
    records: Arc<Vec<Plain>>,
    report: Report,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let servers = factum_testkit::servers::kafka();
    let log = KafkaLog::connect(&KafkaSettings::new(&servers)).await?;
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    let log: Arc<dyn EventLog> = Arc::new(Prefixed {
        log,
        prefix: prefix.clone(),
    });
    log.open(PLAIN, Some(create)).await?;
    let options = EngineOptions {
        create: Some(create),
        group: Some(prefix.clone()),
        ..EngineOptions::default()
    };
    let engine = Arc::new(Engine::<Desk>::start(log.clone(), options).await?);

    import(&engine, IMPORT).await;
    let topic = log.open(&factum::events_topic("bank.work"), None).await?;
    let records = Arc::new(records_of(&*topic, IMPORT).await);
    let report = Report::new("append", &arguments);
    let mut bench = Bench {
        engine,
        servers,
        plain_topic: format!("{prefix}.{PLAIN}"),
        records,
        report,
    };
    if arguments.wants("execute, 1 caller") {
        bench.one_caller().await;
    }
    for callers in [16, 256, 4096] {
        if arguments.wants(&format!("closed loop, {callers} callers")) {
            bench.closed_loop(callers).await;
        }
    }
    if arguments.wants("import") {
        bench.import().await;
    }
    bench.report.finish();
    Ok(())
}

impl Bench {
    async fn one_caller(&mut self) {
        let producer: FutureProducer = plain_settings(&self.servers).create().expect("a producer");
        let (mut median, mut tail) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for number in 0..ONE_CALLER {
                let (id, done) = command(number);
                let before = Instant::now();
                self.engine.execute(id, done).await.expect("no faults here");
                ours.push(micros(before));
                let record = &self.records[number];
                let before = Instant::now();
                send(&producer, &self.plain_topic, record).await;
                theirs.push(micros(before));
            }
            if round > 0 {
                median.push((percentile(&mut ours, 50), percentile(&mut theirs, 50)));
                tail.push((percentile(&mut ours, 99), percentile(&mut theirs, 99)));
            }
        }
        let limit = "one produce round trip, FutureProducer";
        self.report
            .add("execute, 1 caller, p50", "us", limit, &median);
        self.report
            .add("execute, 1 caller, p99", "us", limit, &tail);
    }

    async fn closed_loop(&mut self, callers: usize) {
        let producer: FutureProducer = plain_settings(&self.servers).create().expect("a producer");
        let (mut rates, mut tails) = (Vec::new(), Vec::new());
        for round in 0..=WINDOWS {
            let engine = self.engine.clone();
            let ours = closed_loop(callers, move |number| {
                let engine = engine.clone();
                async move {
                    let (id, done) = command(number);
                    engine.execute(id, done).await.expect("no faults here");
                }
            })
            .await;
            let plain = (
                producer.clone(),
                self.plain_topic.clone(),
                self.records.clone(),
            );
            let theirs = closed_loop(callers, move |number| {
                let (producer, topic, records) = plain.clone();
                async move { send(&producer, &topic, &records[number % records.len()]).await }
            })
            .await;
            if round > 0 {
                rates.push((ours.0, theirs.0));
                tails.push((ours.1, theirs.1));
            }
        }
        let limit = "FutureProducer, as many callers";
        self.report.add(
            &format!("closed loop, {callers} callers"),
            "events/s",
            limit,
            &rates,
        );
        self.report
            .add(&format!("closed loop, {callers}, p99"), "us", limit, &tails);
    }

    async fn import(&mut self) {
        let mut pairs = Vec::new();
        for round in 0..=ROUNDS {
            let before = Instant::now();
            import(&self.engine, IMPORT).await;
            let ours = rate(IMPORT, before.elapsed());
            let (servers, topic, records) = (
                self.servers.clone(),
                self.plain_topic.clone(),
                self.records.clone(),
            );
            let theirs = tokio::task::spawn_blocking(move || pipelined(&servers, &topic, &records));
            let theirs = theirs.await.expect("the producer does not panic");
            if round > 0 {
                pairs.push((ours, theirs));
            }
        }
        self.report
            .add("import", "events/s", "ThreadedProducer, pipelined", &pairs);
    }
}

async fn send(producer: &FutureProducer, topic: &str, record: &Plain) {
    let future_record = FutureRecord::to(topic)
        .partition(record.partition)
        .key(&record.key)
        .headers(record.headers())
        .payload(&record.value);
    producer
        .send(future_record, Timeout::Never)
        .await
        .expect("no faults here");
}

/// Commands queued one behind the other, and their answers taken as they come.
async fn import(engine: &Arc<Engine<Desk>>, count: usize) {
    let (replies, mut waiting) = tokio::sync::mpsc::channel(16_384);
    let answers = tokio::spawn(async move {
        let mut buffer = Vec::new();
        while waiting.recv_many(&mut buffer, 1024).await > 0 {
            for reply in buffer.drain(..) {
                let reply: factum::Reply<std::convert::Infallible> = reply;
                reply.await.expect("no faults here");
            }
        }
    });
    for number in 0..count {
        let (id, done) = command(number);
        let reply = engine
            .enqueue(id, done, CommandOptions::default())
            .await
            .expect("owned");
        replies.send(reply).await.expect("answers are taken");
    }
    drop(replies);
    answers.await.expect("no faults here");
}

/// Counts what was delivered.
struct Delivered(Arc<AtomicUsize>);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        result.as_ref().expect("no faults here");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Events per second of a producer that keeps its queue full.
fn pipelined(servers: &str, topic: &str, records: &[Plain]) -> f64 {
    let delivered = Arc::new(AtomicUsize::new(0));
    let producer: ThreadedProducer<_> = plain_settings(servers)
        .create_with_context(Delivered(delivered.clone()))
        .expect("a producer");
    // The first send of a producer waits for its id; an engine's producer has had that behind it.
    produce(&producer, topic, &records[..1]);
    producer.flush(Timeout::Never).expect("flushed");
    let before = Instant::now();
    produce(&producer, topic, records);
    producer.flush(Timeout::Never).expect("flushed");
    assert_eq!(delivered.load(Ordering::Relaxed), records.len() + 1);
    rate(records.len(), before.elapsed())
}

fn produce(producer: &ThreadedProducer<Delivered>, topic: &str, records: &[Plain]) {
    for record in records {
        let mut next = BaseRecord::to(topic)
            .partition(record.partition)
            .key(&record.key)
            .headers(record.headers())
            .payload(&record.value);
        while let Err((error, back)) = producer.send(next) {
            assert_eq!(
                error,
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
            );
            next = back;
            std::thread::yield_now();
        }
    }
}
