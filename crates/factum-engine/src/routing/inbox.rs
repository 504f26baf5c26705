//! The commands of one partition, read in order for its owner.

use std::time::Duration;

use factum_core::{
    Aggregate, Fetched, LogError, LogErrorKind, Offset, RecordRef, Records, partition_of,
};
use factum_host::spawn;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::replier::Routed;
use super::wire::{Envelope, id_of_place};
use super::{Codec, Topics};
use crate::decider::{Caller, Request};
use crate::owner::chain;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What is to be handled, in the order of the topic of commands.
pub(crate) type Commands<A> = Vec<Request<A>>;

/// Follows the commands of a partition in a task of its own, which ends with this.
pub(crate) struct Inbox<A: Aggregate> {
    commands: mpsc::Receiver<Result<Commands<A>, LogError>>,
    task: JoinHandle<()>,
}

impl<A: Aggregate> Inbox<A> {
    /// Follows the commands from `next` on: all before it are handled.
    pub fn open(topics: Topics, codec: Codec<A>, partition: u32, next: Offset) -> Self {
        let (out, commands) = mpsc::channel(1);
        let follower = Follower {
            topics,
            codec,
            partition,
            next,
        };
        let task = spawn(follower.run(out));
        Self { commands, task }
    }

    /// The next commands. Cancel safe.
    ///
    /// # Errors
    /// Commands that were not handled yet are gone, or cannot be read.
    pub async fn next(&mut self) -> Result<Commands<A>, LogError> {
        let closed = || LogError::new(LogErrorKind::Closed, "the reader of commands ended");
        self.commands.recv().await.unwrap_or_else(|| Err(closed()))
    }
}

impl<A: Aggregate> Drop for Inbox<A> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower<A: Aggregate> {
    topics: Topics,
    codec: Codec<A>,
    partition: u32,
    next: Offset,
}

impl<A: Aggregate> Follower<A> {
    async fn run(mut self, out: mpsc::Sender<Result<Commands<A>, LogError>>) {
        let mut retry = FIRST_RETRY;
        loop {
            let before = self.next;
            let Err(error) = self.follow(&out).await else {
                return;
            };
            if !error.is_retryable() {
                let _ = out.send(Err(error)).await;
                return;
            }
            let (topic, error) = (self.topics.commands.name(), chain(&error));
            tracing::warn!(
                topic,
                self.partition,
                error,
                "commands cannot be read: trying again"
            );
            if self.next > before {
                retry = FIRST_RETRY;
            }
            tokio::time::sleep(retry).await;
            retry = LAST_RETRY.min(retry * 2);
        }
    }

    /// Hands on commands until nobody takes them any more.
    async fn follow(
        &mut self,
        out: &mpsc::Sender<Result<Commands<A>, LogError>>,
    ) -> Result<(), LogError> {
        self.check_bounds().await?;
        let topic = self.topics.commands.clone();
        let mut reader = topic.read(&[(self.partition, self.next)]).await?;
        loop {
            for fetched in reader.next().await? {
                let commands = self.understand(&fetched).await?;
                if !commands.is_empty() && out.send(Ok(commands)).await.is_err() {
                    return Ok(());
                }
                self.next = self.next.max(fetched.next);
            }
        }
    }

    /// What is to be handled must be there, and what was handled must have been.
    async fn check_bounds(&self) -> Result<(), LogError> {
        let (topic, partition, next) = (&self.topics.commands, self.partition, self.next);
        let (start, end) = (topic.start(partition).await?, topic.end(partition).await?);
        if (start..=end).contains(&next) {
            return Ok(());
        }
        Err(LogError::new(
            LogErrorKind::Damaged,
            format!(
                "{} partition {partition} holds offsets {start} to {end}, and by its events the commands \
                 up to {next} were handled: it lost commands, or is another topic under the same name. \
                 Restore it, or create it anew together with the topic of events",
                topic.name()
            ),
        ))
    }

    async fn understand(&self, fetched: &Fetched) -> Result<Commands<A>, LogError> {
        let mut commands = Vec::with_capacity(fetched.iter().len());
        for (offset, record) in fetched.iter().filter(|(offset, _)| *offset >= self.next) {
            let request = self.request(offset, record);
            if let Err(reason) = &request.command {
                self.bury(offset, record, reason).await?;
            }
            commands.push(request);
        }
        Ok(commands)
    }

    /// What a record asks for; or why it asks for nothing.
    fn request(&self, offset: Offset, record: RecordRef<'_>) -> Request<A> {
        let envelope = record.header.map_or_else(
            || Ok(Envelope::default()),
            serde_json::from_slice::<Envelope>,
        );
        let (envelope, wrong) = match envelope {
            Ok(envelope) => (envelope, None),
            Err(error) => (Envelope::default(), Some(format!("its header: {error}"))),
        };
        let command = envelope
            .command
            .unwrap_or_else(|| id_of_place(self.partition, offset));
        let id = String::from_utf8_lossy(record.key).into_owned();
        let understood = match wrong.or_else(|| self.misplaced(record.key)) {
            Some(wrong) => Err(wrong),
            None => (self.codec.decode)(record.value).map_err(|error| error.to_string()),
        };
        Request {
            id,
            command: understood,
            command_id: command,
            chosen: true,
            expected_version: envelope.expected_version,
            metadata: Some(Box::new(envelope.metadata())),
            caller: Caller::There(Routed {
                offset,
                reply_to: envelope.reply_to,
                command,
            }),
        }
    }

    /// Why a command is not for an aggregate of this partition.
    fn misplaced(&self, key: &[u8]) -> Option<String> {
        if std::str::from_utf8(key).is_err() {
            return Some("its key is not UTF-8; it has to be the aggregate's id".to_owned());
        }
        let right = partition_of(key, self.topics.commands.partitions());
        (right != self.partition).then(|| {
            format!(
                "its key belongs into partition {right}: use the murmur2 partitioner, as Java's client does"
            )
        })
    }

    /// Keeps a command that nobody understands where it can be looked at. Once more, perhaps, if
    /// whoever does so ends before the command counts as handled.
    async fn bury(
        &self,
        offset: Offset,
        record: RecordRef<'_>,
        reason: &str,
    ) -> Result<(), LogError> {
        let (topic, partition) = (self.topics.commands.name(), self.partition);
        tracing::warn!(
            topic,
            partition,
            offset,
            reason,
            "a command is not understood"
        );
        let header = record.header.map(String::from_utf8_lossy);
        let why = serde_json::json!({
            "topic": topic, "partition": partition, "offset": offset, "reason": reason, "header": header,
        });
        let mut records = Records::new();
        records.push(RecordRef {
            key: record.key,
            header: Some(why.to_string().as_bytes()),
            value: record.value,
        });
        self.topics.dead_letters.append(partition, records).await?;
        Ok(())
    }
}
