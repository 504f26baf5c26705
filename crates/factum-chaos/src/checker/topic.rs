//! A plain consumer: the raw records of a topic, and its health.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::RawRecord;

const PATIENCE: Duration = Duration::from_secs(30);

fn consumer(servers: &str) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("group.id", "chaos-checker")
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true");
    Ok(config.create()?)
}

/// Reads all records that a topic holds, and says how many partitions it has; `None` if there is no
/// such topic. Blocks.
///
/// # Errors
/// Kafka cannot be reached, or the topic's beginning is gone.
pub fn read_topic(servers: &str, topic: &str) -> Result<Option<(Vec<RawRecord>, u32)>> {
    let consumer = consumer(servers)?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata
        .topics()
        .first()
        .map_or(0, |it| it.partitions().len());
    if partitions == 0 {
        return Ok(None);
    }
    let mut records = Vec::new();
    for partition in 0..i32::try_from(partitions)? {
        let (start, end) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        ensure!(start == 0, "{topic}/{partition} begins at {start}");
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
        consumer.assign(&assignment)?;
        read_to(&consumer, end, &mut records)?;
    }
    Ok(Some((records, u32::try_from(partitions)?)))
}

fn read_to(consumer: &BaseConsumer, end: i64, records: &mut Vec<RawRecord>) -> Result<()> {
    let mut at = 0;
    let mut deadline = Instant::now() + PATIENCE;
    while at < end {
        ensure!(
            Instant::now() < deadline,
            "Kafka gives no record at {at} of {end}"
        );
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        deadline = Instant::now() + PATIENCE;
        at = message.offset() + 1;
        let headers = message
            .headers()
            .into_iter()
            .flat_map(|headers| headers.iter());
        let header = headers
            .filter(|header| header.key == "factum")
            .find_map(|it| it.value);
        records.push(RawRecord {
            partition: u32::try_from(message.partition())?,
            offset: u64::try_from(message.offset())?,
            key: message.key().unwrap_or_default().to_vec(),
            header: header.map(<[u8]>::to_vec),
            value: message.payload().unwrap_or_default().to_vec(),
        });
    }
    Ok(())
}

/// Waits until all partitions of all topics have `copies` copies in step, for so long at most. Blocks.
///
/// # Errors
/// They have not.
pub fn wait_in_sync(servers: &str, copies: usize, patience: Duration) -> Result<()> {
    let (begin, consumer) = (Instant::now(), consumer(servers)?);
    while !in_sync(&consumer, copies).unwrap_or(false) {
        ensure!(
            begin.elapsed() < patience,
            "the brokers' copies do not get in step"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn in_sync(consumer: &BaseConsumer, copies: usize) -> Result<bool> {
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(5))?;
    let mut partitions = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions());
    Ok(metadata.brokers().len() == copies && partitions.all(|it| it.isr().len() == copies))
}
