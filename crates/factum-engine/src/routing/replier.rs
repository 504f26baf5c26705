//! The owners' answers to those who wait elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use factum_core::{Aggregate, LogError, Offset, RecordRef, Records, Topic, chain};
use factum_host::spawn;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::Codec;
use super::wire::{ReplyTo, push_answer};
use crate::answer::Outcome;

/// How many answers may wait to be gathered; more are dropped.
const WAITING: usize = 16_384;
/// How many bytes of answers are gathered at about most while the log takes none; more are dropped.
const GATHERED_BYTES: usize = 16 << 20;
/// How long an owner that stops waits for its answers to be sent.
const FLUSHED_WITHIN: Duration = Duration::from_secs(1);
/// How often it is told at most that answers are lost.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// A command that came through the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routed {
    /// Where its record stands in the topic of commands.
    pub offset: Offset,
    pub reply_to: Option<ReplyTo>,
}

/// An engine's way back to those who wait elsewhere. An answer that is lost is asked for again. Its task
/// ends with the last clone.
pub(crate) struct Replier<A: Aggregate> {
    codec: Codec<A>,
    out: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Answer(ReplyTo, String),
    /// Dropped once all answers before it are sent.
    Flush(oneshot::Sender<()>),
}

impl<A: Aggregate> Clone for Replier<A> {
    fn clone(&self) -> Self {
        Self {
            codec: self.codec,
            out: self.out.clone(),
            dropped: self.dropped.clone(),
        }
    }
}

impl<A: Aggregate> Replier<A> {
    pub fn start(codec: Codec<A>, topic: Arc<dyn Topic>) -> Self {
        let (out, messages) = mpsc::channel(WAITING);
        let outbox = Outbox::new(topic);
        let dropped = outbox.dropped.clone();
        spawn(outbox.run(messages));
        Self {
            codec,
            out,
            dropped,
        }
    }

    /// Sends the answer to a command, unless nobody waits for it.
    pub fn answer(&self, routed: Routed, outcome: &Outcome<A::Rejection>) {
        // What could not be told as JSON was decided as something that can.
        if let Some(reply_to) = routed.reply_to
            && let Ok(told) = (self.codec.tell)(outcome)
            && self.out.try_send(Message::Answer(reply_to, told)).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a little for all answers to be sent.
    pub async fn flush(&self) {
        let (flush, flushed) = oneshot::channel();
        let flushed = async {
            let _ = self.out.send(Message::Flush(flush)).await;
            let _ = flushed.await;
        };
        let _ = timeout(FLUSHED_WITHIN, flushed).await;
    }
}

/// Gathers answers while others are under way: few large appends cost the log less than many small.
struct Outbox {
    topic: Arc<dyn Topic>,
    waiting: BTreeMap<u32, Gathered>,
    bytes: usize,
    /// At most one append to a partition.
    under_way: FuturesUnordered<BoxFuture<'static, Appended>>,
    busy: BTreeSet<u32>,
    /// How many answers were dropped since that was told.
    dropped: Arc<AtomicU64>,
    /// When it was told last that answers are lost.
    told: Option<Instant>,
    flushes: Vec<oneshot::Sender<()>>,
}

/// What became of the answers to a partition.
struct Appended {
    partition: u32,
    result: Result<(), LogError>,
}

/// The answers that wait for a partition.
#[derive(Default)]
struct Gathered {
    /// A record for each client, that takes more answers.
    open: BTreeMap<Uuid, Vec<u8>>,
    /// Those that were full.
    full: Records,
}

impl Outbox {
    fn new(topic: Arc<dyn Topic>) -> Self {
        Self {
            topic,
            waiting: BTreeMap::new(),
            bytes: 0,
            under_way: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            dropped: Arc::default(),
            told: None,
            flushes: Vec::new(),
        }
    }

    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut taken = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(appended) = self.under_way.next() => self.end(appended),
                count = messages.recv_many(&mut taken, WAITING) => {
                    if count == 0 {
                        return;
                    }
                    taken.drain(..).for_each(|message| self.take(message));
                }
            }
            self.send();
        }
    }

    /// Whoever waits asks again; whoever runs this has to know.
    fn end(&mut self, Appended { partition, result }: Appended) {
        self.busy.remove(&partition);
        let lost = result.is_err() || self.dropped.load(Ordering::Relaxed) > 0;
        let is_told = |at: Instant| at.elapsed() < TOLD_EVERY;
        if lost && !self.told.is_some_and(is_told) {
            self.told = Some(Instant::now());
            let (topic, dropped) = (self.topic.name(), self.dropped.swap(0, Ordering::Relaxed));
            let error = result.as_ref().err().map(|error| chain(error));
            tracing::warn!(topic, partition, dropped, error, "answers are lost");
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Flush(flush) => self.flushes.push(flush),
            Message::Answer(to, told) if to.partition < self.topic.partitions() => {
                self.gather(to, &told);
            }
            Message::Answer(..) => {}
        }
    }

    fn gather(&mut self, to: ReplyTo, told: &str) {
        if self.bytes > GATHERED_BYTES {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Gathered { open, full } = self.waiting.entry(to.partition).or_default();
        let answers = open.entry(to.client).or_default();
        let before = answers.len();
        push_answer(answers, to.call, told);
        self.bytes += answers.len() - before;
        // An answer takes a quarter of the largest record at most.
        if answers.len() > self.topic.max_record_bytes() / 2 {
            full.push(record(&to.client, answers));
            open.remove(&to.client);
        }
    }

    /// Sends what waits for partitions to which nothing is under way.
    fn send(&mut self) {
        let ready: Vec<u32> = self.waiting.keys().copied().collect();
        for partition in ready {
            if self.busy.insert(partition)
                && let Some(gathered) = self.waiting.remove(&partition)
            {
                self.append(partition, gathered);
            }
        }
        if self.waiting.is_empty() && self.under_way.is_empty() {
            self.flushes.clear();
        }
    }

    fn append(&mut self, partition: u32, gathered: Gathered) {
        let Gathered { open, full } = gathered;
        let mut records = full;
        for (client, answers) in &open {
            records.push(record(client, answers));
        }
        let values = records.iter().map(|record| record.value.len());
        self.bytes -= values.sum::<usize>();
        let appended = self.topic.append(partition, records);
        let end = move |result: Result<_, LogError>| Appended {
            partition,
            result: result.map(drop),
        };
        self.under_way.push(appended.map(end).boxed());
    }
}

fn record<'a>(client: &'a Uuid, answers: &'a [u8]) -> RecordRef<'a> {
    RecordRef {
        key: client.as_bytes(),
        header: None,
        value: answers,
    }
}

#[cfg(test)]
mod tests {
    use factum_core::{EventLog, NewTopic};
    use factum_testkit::MemoryLog;

    use super::*;
    use crate::routing::wire::answers;

    const CREATE: NewTopic = NewTopic {
        partitions: 2,
        replication: None,
    };

    fn to(partition: u32, client: u128, call: u64) -> ReplyTo {
        ReplyTo {
            client: Uuid::from_u128(client),
            partition,
            call,
            again: false,
        }
    }

    /// The calls that were answered in a partition.
    async fn answered(topic: &Arc<dyn Topic>, partition: u32) -> Vec<u64> {
        let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
        let (mut calls, end) = (Vec::new(), topic.end(partition).await.unwrap());
        let mut at = 0;
        while at < end {
            for fetched in reader.next().await.unwrap() {
                let values = fetched.iter().map(|(_, record)| record.value);
                calls.extend(values.flat_map(answers).map(|(call, _)| call));
                at = fetched.next;
            }
        }
        calls.sort_unstable();
        calls
    }

    #[tokio::test]
    async fn every_answer_goes_to_its_client_also_those_that_fill_records() {
        let log = MemoryLog::new();
        let topic = log.open("answers", Some(CREATE)).await.unwrap();
        let mut outbox = Outbox::new(topic.clone());
        let long = "x".repeat(200_000);
        for call in 0..20 {
            let partition = (call % 2) as u32;
            outbox.take(Message::Answer(
                to(partition, u128::from(call % 4), call),
                long.clone(),
            ));
        }
        outbox.take(Message::Answer(to(7, 1, 99), "nowhere".to_owned()));
        let (flush, flushed) = oneshot::channel();
        outbox.take(Message::Flush(flush));
        let (out, messages) = mpsc::channel(1);
        outbox.send();
        let run = spawn(outbox.run(messages));
        assert!(flushed.await.is_err(), "it is dropped when all is sent");
        assert_eq!(
            answered(&topic, 0).await,
            (0..20).step_by(2).collect::<Vec<_>>()
        );
        assert_eq!(
            answered(&topic, 1).await,
            (1..20).step_by(2).collect::<Vec<_>>()
        );
        drop(out);
        run.await.unwrap();
    }

    #[tokio::test]
    async fn what_nobody_takes_is_bounded() {
        let log = MemoryLog::new();
        let topic = log.open("answers", Some(CREATE)).await.unwrap();
        let mut outbox = Outbox::new(topic);
        outbox.busy.insert(0);
        let long = "x".repeat(100_000);
        for call in 0..10_000 {
            outbox.take(Message::Answer(to(0, 1, call), long.clone()));
            outbox.send();
        }
        assert!(outbox.bytes < GATHERED_BYTES + 200_000, "{}", outbox.bytes);
        outbox.busy.clear();
        outbox.send();
        assert_eq!(outbox.bytes, 0);
    }
}
