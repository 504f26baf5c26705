//! Measures the port on Kafka beside librdkafka alone, on the same bytes.
//!
//! `cargo run --release -p factum-kafka --example measure_kafka [records]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use factum_core::{EventLog, NewTopic, RecordRef, Records, Topic};
use factum_kafka::{KafkaLog, KafkaSettings};
use factum_testkit::servers;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, FutureProducer, FutureRecord, ProducerContext, ThreadedProducer,
};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PARTITIONS: u32 = 8;
const BATCH: usize = 2;
const IN_FLIGHT: usize = 20_000;
const KEY: &[u8] = b"loan-173688";
const HEADER: &[u8] = &[7; 48];
const VALUE: &[u8] = &[42; 130];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let records = arguments
        .next()
        .map_or(1_000_000, |it| it.parse().expect("a number of records"));
    let servers = servers::kafka();
    let started = Instant::now();
    let log = KafkaLog::connect(&KafkaSettings::new(&servers))
        .await
        .expect("Kafka answers");
    println!("connect                     {:>10.1?}", started.elapsed());
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    if let Some(written) = arguments.next() {
        let topic = log.open(&written, None).await.expect("the topic is there");
        return measure_reads(&servers, &topic).await;
    }
    let name = format!("measure-{}", uuid::Uuid::new_v4());
    let topic = log
        .open(&name, Some(create))
        .await
        .expect("the topic is made");
    measure_appends(&servers, &topic, records).await;
    measure_reads(&servers, &topic).await;
}

async fn measure_appends(servers: &str, topic: &Arc<dyn Topic>, records: usize) {
    let started = Instant::now();
    topic.append(0, batch(1)).await.expect("lands");
    println!("first append                {:>10.1?}", started.elapsed());
    let raw = raw_round_trips(servers, topic.name()).await;
    let own = round_trips(topic).await;
    println!("one caller, FutureProducer  {}", percentiles(raw));
    println!("one caller, append          {}", percentiles(own));
    for round in 1..=3 {
        let raw = raw_pipelined(servers, topic.name(), records).await;
        let own = pipelined(topic, records).await;
        ratio(&format!("pipelined {round}"), raw, own);
    }
}

async fn measure_reads(servers: &str, topic: &Arc<dyn Topic>) {
    let mut records = 0;
    for partition in 0..PARTITIONS {
        records += topic.end(partition).await.expect("the end is known") as usize;
    }
    for round in 1..=3 {
        let blind = raw_read(servers, topic.name(), records, false);
        let raw = raw_read(servers, topic.name(), records, true);
        let own = read(topic, records).await;
        ratio(&format!("read {round}"), raw, own);
        println!("  a raw loop that leaves the headers unread: {blind:.0}/s");
    }
}

fn batch(records: usize) -> Records {
    let mut batch = Records::new();
    for _ in 0..records {
        batch.push(RecordRef {
            key: KEY,
            header: Some(HEADER),
            value: VALUE,
        });
    }
    batch
}

fn ratio(what: &str, raw: f64, own: f64) {
    println!(
        "{what:<14} raw {raw:>10.0}/s  own {own:>10.0}/s  ratio {:.2}",
        own / raw
    );
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!(
        "p50 {:>9.1?}  p99 {:>9.1?}  max {:>9.1?}",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

fn producer(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", "2147483647");
    config
}

fn headers() -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(1).insert(Header {
        key: "factum",
        value: Some(HEADER),
    })
}

async fn raw_round_trips(servers: &str, topic: &str) -> Vec<Duration> {
    let producer: FutureProducer = producer(servers).create().expect("a producer");
    let mut times = Vec::new();
    for _ in 0..3_100 {
        let started = Instant::now();
        let record = FutureRecord::to(topic)
            .partition(0)
            .key(KEY)
            .payload(VALUE)
            .headers(headers());
        producer.send(record, Duration::ZERO).await.expect("lands");
        times.push(started.elapsed());
    }
    times.split_off(100)
}

async fn round_trips(topic: &Arc<dyn Topic>) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..3_100 {
        let started = Instant::now();
        topic.append(0, batch(1)).await.expect("lands");
        times.push(started.elapsed());
    }
    times.split_off(100)
}

struct Count(Arc<AtomicU64>);
impl ClientContext for Count {}
impl ProducerContext for Count {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn raw_pipelined(servers: &str, topic: &str, records: usize) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Count> = producer(servers)
        .create_with_context(Count(done.clone()))
        .expect("a producer");
    let warm = BaseRecord::to(topic)
        .partition(0)
        .key(KEY)
        .payload(VALUE)
        .headers(headers());
    producer.send(warm).map_err(|it| it.0).expect("enqueued");
    while done.load(Ordering::Relaxed) < 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let started = Instant::now();
    for index in 0..records {
        let partition = (index / BATCH % PARTITIONS as usize) as i32;
        let record = BaseRecord::to(topic)
            .partition(partition)
            .key(KEY)
            .payload(VALUE)
            .headers(headers());
        producer.send(record).map_err(|it| it.0).expect("enqueued");
        while index % 512 == 0 && index as u64 > done.load(Ordering::Relaxed) + IN_FLIGHT as u64 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
    while done.load(Ordering::Relaxed) < records as u64 + 1 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    records as f64 / started.elapsed().as_secs_f64()
}

async fn pipelined(topic: &Arc<dyn Topic>, records: usize) -> f64 {
    let started = Instant::now();
    let mut answers = std::collections::VecDeque::new();
    for index in 0..records / BATCH {
        let partition = (index % PARTITIONS as usize) as u32;
        answers.push_back(topic.append(partition, batch(BATCH)));
        if answers.len() * BATCH >= IN_FLIGHT {
            answers
                .pop_front()
                .expect("one is there")
                .await
                .expect("lands");
        }
    }
    for answer in answers {
        answer.await.expect("lands");
    }
    records as f64 / started.elapsed().as_secs_f64()
}

/// A plain poll loop; `headers` says whether it looks at each record's header, as a reader must.
fn raw_read(servers: &str, topic: &str, records: usize, headers: bool) -> f64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "measure")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("queued.min.messages", "1000000")
        .set("fetch.queue.backoff.ms", "2")
        .create()
        .expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let added = assignment.add_partition_offset(topic, partition as i32, Offset::Beginning);
        added.expect("a partition");
    }
    consumer.assign(&assignment).expect("assigned");
    let started = Instant::now();
    let mut seen = 0;
    while seen < records {
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => seen += usize::from(!headers || message.headers().is_some()),
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
    records as f64 / started.elapsed().as_secs_f64()
}

async fn read(topic: &Arc<dyn Topic>, records: usize) -> f64 {
    let from: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    let started = Instant::now();
    let mut reader = topic.read(&from).await.expect("a reader");
    let mut seen = 0;
    while seen < records {
        for fetched in reader.next().await.expect("reads") {
            seen += fetched.records.len();
        }
    }
    records as f64 / started.elapsed().as_secs_f64()
}
