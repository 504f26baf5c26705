//! A producer: batches in, one answer for each out.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use factum_core::{Appended, LogError, LogErrorKind, RecordRef, Records};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use slab::Slab;
use tokio::sync::oneshot;

use crate::client::{Reporting, Reports};
use crate::error::{failed, kind};
use crate::rescue::Rescue;
use crate::settings::KafkaSettings;
use crate::tally::Tally;

/// The name of the record header that carries Factum's own.
pub(crate) const HEADER: &str = match HEADER_NAME.to_str() {
    Ok(name) => name,
    Err(_) => panic!("not UTF-8"),
};
/// The same for librdkafka.
pub(crate) const HEADER_NAME: &CStr = c"factum";

/// How long the thread that serves delivery reports waits at a time. Reports are served at once;
/// this only bounds how long the thread outlives its producer. librdkafka's binding spins through
/// the last millisecond of each wait, so short waits cost.
const WAIT: Duration = Duration::from_millis(500);

pub(crate) type Answer = oneshot::Receiver<Result<Appended, RDKafkaErrorCode>>;

/// Sends batches, and answers each once all its records were reported.
pub(crate) struct Producer {
    client: Arc<BaseProducer<Deliveries>>,
    stopped: Arc<AtomicBool>,
}

impl Producer {
    /// Starts connecting; nothing is waited for.
    pub(crate) fn start(settings: &KafkaSettings, reports: Arc<Reports>) -> Result<Self, LogError> {
        let context = Deliveries {
            reporting: Reporting(reports),
            batches: Mutex::default(),
        };
        let client = BaseProducer::from_config_and_context(&settings.producer(), context)
            .map_err(|error| failed(error, "the Kafka settings are not valid".to_owned()))?;
        let producer = Self {
            client: Arc::new(client),
            stopped: Arc::default(),
        };
        producer.serve_reports(Rescue::new(&settings.servers));
        Ok(producer)
    }

    /// Starts the thread that serves delivery reports until the producer is dropped and everything
    /// it took was answered.
    fn serve_reports(&self, mut rescue: Rescue) {
        let (client, stopped) = (self.client.clone(), self.stopped.clone());
        let serve = move || {
            while !(stopped.load(Ordering::Acquire) && client.in_flight_count() == 0) {
                client.poll(WAIT);
                let reports = &client.context().reporting.0;
                rescue.look(client.client(), reports);
            }
        };
        let thread = thread::Builder::new().name("factum-kafka-producer".to_owned());
        thread.spawn(serve).expect("the system can start a thread");
    }

    pub(crate) fn client(&self) -> &Client<Deliveries> {
        self.client.client()
    }

    /// Hands a batch to librdkafka, record by record, in order.
    pub(crate) fn append(&self, topic: &str, partition: u32, records: &Records) -> Answer {
        let (answer, answered) = oneshot::channel();
        let batch = Batch {
            tally: Tally::new(records.len()),
            answer,
        };
        let slot = self.client.context().batches().insert(batch);
        for (index, record) in records.iter().enumerate() {
            let outgoing = outgoing(topic, partition, record, pack(slot, index));
            if let Err((error, _)) = self.client.send(outgoing) {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                let rest = records.len() - index;
                self.client
                    .context()
                    .report(slot, |tally| tally.failed(rest, code));
                break;
            }
        }
        answered
    }

    /// Why the producer can't go on, if it can't.
    pub(crate) fn fatal(&self) -> Option<LogError> {
        let (code, reason) = self.client.client().fatal_error()?;
        let (kind, hint) = match kind(code) {
            // So says Kafka to whoever may not write to any topic at all.
            LogErrorKind::Denied => (
                LogErrorKind::Denied,
                "it takes the right to Write to the topic",
            ),
            _ => (LogErrorKind::Closed, "restart the process"),
        };
        let message = format!("Kafka's producer can't go on, {hint}: {reason}");
        Some(LogError::new(kind, message).with_source(code))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}

fn outgoing<'a>(
    topic: &'a str,
    partition: u32,
    record: RecordRef<'a>,
    opaque: usize,
) -> BaseRecord<'a, [u8], [u8], usize> {
    let outgoing = BaseRecord::with_opaque_to(topic, opaque)
        .partition(partition.cast_signed())
        .key(record.key)
        .payload(record.value);
    match record.header {
        None => outgoing,
        Some(value) => outgoing.headers(OwnedHeaders::new_with_capacity(1).insert(Header {
            key: HEADER,
            value: Some(value),
        })),
    }
}

/// Which batch, and which record of it, a delivery report is about: packed into the one word that
/// librdkafka carries along, so that a record costs no allocation and no shared count.
const INDEX_BITS: u32 = 32;
const _: () = assert!(usize::BITS == 64, "two counts fit into a word");

fn pack(slot: usize, index: usize) -> usize {
    debug_assert!(index >> INDEX_BITS == 0 && slot >> INDEX_BITS == 0);
    slot << INDEX_BITS | index
}

fn unpack(opaque: usize) -> (usize, usize) {
    (opaque >> INDEX_BITS, opaque & ((1 << INDEX_BITS) - 1))
}

/// The batches under way.
pub(crate) struct Deliveries {
    reporting: Reporting,
    batches: Mutex<Slab<Batch>>,
}

struct Batch {
    tally: Tally,
    answer: oneshot::Sender<Result<Appended, RDKafkaErrorCode>>,
}

impl Deliveries {
    fn batches(&self) -> MutexGuard<'_, Slab<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of records of a batch, and answers it when they were the last.
    fn report(&self, slot: usize, note: impl FnOnce(&mut Tally)) {
        let mut batches = self.batches();
        let tally = &mut batches[slot].tally;
        note(tally);
        let Some(verdict) = tally.verdict() else {
            return;
        };
        let batch = batches.remove(slot);
        drop(batches);
        // Nobody may be waiting any more.
        let _ = batch.answer.send(verdict);
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporting.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporting.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let (slot, index) = unpack(opaque);
        self.report(slot, |tally| match result {
            Ok(message) => {
                self.reporting.0.well();
                tally.stored(index, message.offset());
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                if kind(code) == LogErrorKind::Unreachable {
                    self.reporting.0.trouble();
                }
                tally.failed(1, code);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn a_word_holds_batch_and_record() {
        for pair in [(0, 0), (7, 123_456), (123_456, 7)] {
            assert_eq!(unpack(pack(pair.0, pair.1)), pair);
        }
    }
}
