//! What the records of the topic of commands ask for.

use factum_core::{Aggregate, Fetched, LogError, Offset, RecordRef, Records, partition_of};

use uuid::Uuid;

use super::replier::Routed;
use super::wire::{Envelope, id_of_place};
use super::{Codec, Topics};
use crate::decider::{Caller, Request};

/// The longest id of an aggregate that is taken from the log, in bytes.
const LONGEST_ID: usize = 16 << 10;
/// How much of a reason is kept, in characters.
const REASON: usize = 1000;

/// Makes requests of records, and puts what is none to the dead letters.
pub(crate) struct Understanding<A: Aggregate> {
    pub topics: Topics,
    pub codec: Codec<A>,
}

impl<A: Aggregate> Understanding<A> {
    /// The requests in the records from `next` on.
    ///
    /// # Errors
    /// A dead letter could not be written.
    pub async fn requests(
        &self,
        fetched: &Fetched,
        next: Offset,
    ) -> Result<Vec<Request<A>>, LogError> {
        let mut requests = Vec::with_capacity(fetched.iter().len());
        for (offset, record) in fetched.iter().filter(|(offset, _)| *offset >= next) {
            let request = self.request(fetched.partition, offset, record);
            // The first of a command's copies may have been carried out, by a build that understood it.
            if let (Err(reason), false) = (&request.command, request.caller.asks_again()) {
                self.bury(fetched.partition, offset, record, reason).await?;
            }
            requests.push(request);
        }
        Ok(requests)
    }

    /// What a record asks for; or why it asks for nothing.
    fn request(&self, partition: u32, offset: Offset, record: RecordRef<'_>) -> Request<A> {
        let (envelope, wrong) = match envelope(record) {
            Ok(envelope) => (envelope, None),
            Err(error) => (Envelope::default(), Some(format!("its header: {error}"))),
        };
        let command = envelope
            .command
            .unwrap_or_else(|| id_of_place(partition, offset));
        let misplaced = self.misplaced(partition, record.key);
        let id = match (&misplaced, std::str::from_utf8(record.key)) {
            (None, Ok(id)) => id.to_owned(),
            _ => String::new(),
        };
        let understood = match wrong.or(misplaced) {
            Some(wrong) => Err(wrong),
            None => self.codec.decode(record.value),
        };
        Request {
            id,
            command: understood.map_err(|reason| reason.chars().take(REASON).collect()),
            command_id: command,
            chosen: true,
            expected_version: envelope.expected_version,
            metadata: Some(Box::new(envelope.metadata())),
            caller: Caller::There(Routed {
                offset,
                reply_to: envelope.reply_to,
            }),
        }
    }

    /// Why a command is not for an aggregate of this partition.
    fn misplaced(&self, partition: u32, key: &[u8]) -> Option<String> {
        if key.is_empty() || key.len() > LONGEST_ID {
            return Some(format!(
                "its key has {} bytes; it has to be the aggregate's id, of 1 to {LONGEST_ID} bytes",
                key.len()
            ));
        }
        if std::str::from_utf8(key).is_err() {
            return Some("its key is not UTF-8; it has to be the aggregate's id".to_owned());
        }
        let right = partition_of(key, self.topics.commands.partitions());
        (right != partition).then(|| {
            format!(
                "its key belongs into partition {right}: use the murmur2 partitioner, as Java's client does"
            )
        })
    }

    /// Keeps a command that nobody understands where it can be looked at. Once more, perhaps, if
    /// whoever does so ends before the command counts as handled.
    async fn bury(
        &self,
        partition: u32,
        offset: Offset,
        record: RecordRef<'_>,
        reason: &str,
    ) -> Result<(), LogError> {
        let topic = self.topics.commands.name();
        tracing::warn!(
            topic,
            partition,
            offset,
            reason,
            "a command is not understood"
        );
        // JSON may take six bytes for one of the header's.
        let whole = record.byte_len() < self.topics.dead_letters.max_record_bytes() / 8;
        let header = record.header.filter(|_| whole).map(String::from_utf8_lossy);
        let why = serde_json::json!({
            "topic": topic, "partition": partition, "offset": offset, "reason": reason, "header": header,
            "whole": whole,
        });
        let why = why.to_string();
        let mut records = Records::new();
        // What is too large to go along is still where it was.
        records.push(RecordRef {
            key: if whole { record.key } else { b"" },
            header: Some(why.as_bytes()),
            value: if whole { record.value } else { b"" },
        });
        self.topics.dead_letters.append(partition, records).await?;
        Ok(())
    }
}

/// Whether a record may have been handled as the command with some id.
pub(crate) fn may_be(command: Uuid, partition: u32, offset: Offset, record: RecordRef<'_>) -> bool {
    let id = envelope(record).ok().and_then(|envelope| envelope.command);
    // Another build may have understood less of its header.
    id == Some(command) || id_of_place(partition, offset) == command
}

fn envelope(record: RecordRef<'_>) -> serde_json::Result<Envelope> {
    record
        .header
        .map_or_else(|| Ok(Envelope::default()), serde_json::from_slice)
}
