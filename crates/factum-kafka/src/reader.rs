//! Following partitions of a topic.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{Fetched, LogError, LogErrorKind, LogReader, Offset};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset as At, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use crate::client::{Reporting, Reports};
use crate::error::{closed, coded, failed, kind};
use crate::intake::{Intake, Taken};
use crate::packing::Packing;
use crate::rescue::Rescue;
use crate::settings::KafkaSettings;

/// How long the thread waits at a time when there is nothing to read: only the time in which it
/// notices that its reader is gone, or what librdkafka tells of itself.
const WAIT: Duration = Duration::from_millis(100);

/// The size at which a batch is handed over even though more could be packed.
const PACKED_BYTES: usize = 1 << 20;

/// Batches that wait to be taken.
const WAITING: usize = 2;

/// Reads with a thread of its own, which packs what librdkafka hands out one by one.
///
/// Memory is bounded by librdkafka's queue (8 MiB of records, one fetch of 4 MiB that may overshoot
/// it, and some 350 bytes around each record) and four batches of [`PACKED_BYTES`], or of all that this queue
/// holds where records are large: measured, a
/// process that reads six million records of 190 bytes peaks at 62 MB.
pub(crate) struct KafkaReader {
    batches: mpsc::Receiver<Result<Vec<Fetched>, LogError>>,
}

impl KafkaReader {
    pub(crate) fn start(
        settings: &KafkaSettings,
        topic: &str,
        from: &[(u32, Offset)],
    ) -> Result<Self, LogError> {
        let reports = Arc::new(Reports::default());
        let intake = intake(settings, topic, from, reports.clone())
            .map_err(|error| failed(error, format!("topic {topic} can't be read")))?;
        let (out, batches) = mpsc::channel(WAITING);
        let packer = Packer {
            intake,
            reports,
            topic: topic.to_owned(),
            servers: settings.servers.clone(),
            timeout: settings.answer_timeout,
            packing: Packing::new(from),
            rescue: Rescue::new(&settings.servers),
        };
        let thread = thread::Builder::new().name("factum-kafka-reader".to_owned());
        thread
            .spawn(move || packer.run(&out))
            .expect("the system can start a thread");
        Ok(Self { batches })
    }
}

fn intake(
    settings: &KafkaSettings,
    topic: &str,
    from: &[(u32, Offset)],
    reports: Arc<Reports>,
) -> KafkaResult<Intake<Reporting>> {
    let config = settings.reader();
    let consumer = BaseConsumer::from_config_and_context(&config, Reporting(reports))?;
    let mut assignment = TopicPartitionList::with_capacity(from.len());
    for (partition, offset) in from {
        let at = At::Offset(offset.cast_signed());
        assignment.add_partition_offset(topic, partition.cast_signed(), at)?;
    }
    let partitions = from.iter().map(|(partition, _)| *partition);
    let intake = Intake::of(consumer, topic, partitions);
    let unknown = || KafkaError::Subscription(topic.to_owned());
    let intake = intake.ok_or_else(unknown)?;
    intake.consumer().assign(&assignment)?;
    Ok(intake)
}

#[async_trait]
impl LogReader for KafkaReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        self.batches
            .recv()
            .await
            .unwrap_or_else(|| Err(closed("the reader")))
    }
}

/// The thread's side of a reader.
struct Packer {
    intake: Intake<Reporting>,
    reports: Arc<Reports>,
    topic: String,
    servers: String,
    timeout: Duration,
    packing: Packing,
    rescue: Rescue,
}

impl Packer {
    /// Packs until the reader is gone or can't go on.
    fn run(mut self, out: &mpsc::Sender<Result<Vec<Fetched>, LogError>>) {
        while !out.is_closed() {
            self.rescue
                .look(self.intake.consumer().client(), &self.reports);
            match self.pack() {
                Ok(()) if self.packing.is_empty() => {}
                Ok(()) => drop(out.blocking_send(Ok(self.packing.take()))),
                Err(error) => {
                    let _ = out.blocking_send(Err(error));
                    return;
                }
            }
        }
    }

    /// Waits for something to tell, then packs all that is there, up to a bound.
    fn pack(&mut self) -> Result<(), LogError> {
        self.hear()?;
        let mut wait = WAIT;
        while self.packing.bytes() < PACKED_BYTES && self.take(wait)? {
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Packs what is there, if there is something.
    fn take(&mut self, wait: Duration) -> Result<bool, LogError> {
        let (packing, mut failures) = (&mut self.packing, Vec::new());
        let taken = self.intake.take(wait, |taken| match taken {
            Taken::Record(partition, offset, record) => packing.push(partition, offset, record),
            Taken::End(partition, offset) => packing.end(partition, offset),
            Taken::Failed(code, reason) => failures.push((code, reason)),
        });
        for (code, reason) in &failures {
            self.pass_or_fail(*code, reason)?;
        }
        if taken && failures.is_empty() {
            self.reports.well();
        }
        Ok(taken)
    }

    /// Hears what librdkafka tells of itself.
    fn hear(&self) -> Result<(), LogError> {
        while let Some(told) = self.intake.consumer().poll(Duration::ZERO) {
            let Err(error) = told else {
                return Err(self.astray());
            };
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            self.pass_or_fail(code, &self.reports.last())?;
        }
        Ok(())
    }

    /// All partitions are led into the intake, so a record that comes by itself may be out of order.
    fn astray(&self) -> LogError {
        let what = format!(
            "topic {}: librdkafka handed out a record out of turn",
            self.topic
        );
        LogError::new(LogErrorKind::Other, what)
    }

    /// Lets librdkafka mend what it mends by itself: lost connections, moved leaders.
    fn pass_or_fail(&self, code: RDKafkaErrorCode, reason: &str) -> Result<(), LogError> {
        match kind(code) {
            // The group is only a formality here, so no right to it is needed.
            LogErrorKind::Denied if code == RDKafkaErrorCode::GroupAuthorizationFailed => Ok(()),
            LogErrorKind::Unreachable | LogErrorKind::Other => {
                tracing::warn!(topic = self.topic, code = %code, "reading is held up: {reason}");
                Ok(())
            }
            LogErrorKind::Damaged => Err(self.out_of_range(code, reason)),
            _ => {
                let Self { topic, servers, .. } = self;
                Err(coded(
                    code,
                    format!("topic {topic} on Kafka at {servers} can't be read: {reason}"),
                ))
            }
        }
    }

    /// Says which partition lacks the offset that it was asked for.
    fn out_of_range(&self, code: RDKafkaErrorCode, reason: &str) -> LogError {
        let topic = &self.topic;
        for (partition, next) in self.packing.positions() {
            let bounds = self.intake.consumer().fetch_watermarks(
                topic,
                partition.cast_signed(),
                self.timeout,
            );
            let Ok((start, end)) = bounds else { continue };
            if !(start.cast_unsigned()..=end.cast_unsigned()).contains(&next) {
                return coded(
                    code,
                    format!(
                        "topic {topic} has lost records, or is another topic under the same name: partition {partition} has no offset {next}, it holds {start} to {end}"
                    ),
                );
            }
        }
        coded(
            code,
            format!(
                "topic {topic} has lost records, or is another topic under the same name: {reason}"
            ),
        )
    }
}
