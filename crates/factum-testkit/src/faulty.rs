//! A log behind a network that loses, fails, doubles and delays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, Appended, Change, EventLog, Fetched, LogError, LogErrorKind, LogReader, Membership,
    NewTopic, Offset, Records, Topic,
};
use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{mpsc, watch};

/// How often an append meets each fault: of a thousand appends, so many. At most one fault strikes
/// an append; what is left of the thousand succeeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Decides which appends are struck. The same seed and calls meet the same faults.
    pub seed: u64,
    /// The batch never lands, and the caller is told that it failed.
    pub failed: u16,
    /// Only the first records of the batch land, and the caller is told that it failed.
    pub torn: u16,
    /// The batch lands, but the caller is told that it failed.
    pub unacknowledged: u16,
    /// The caller is told that the batch failed; it lands behind one to three later appends to the
    /// same partition.
    pub late: u16,
    /// The batch lands twice, and the caller is told where the first copy is.
    pub doubled: u16,
    /// The batch lands, but the acknowledgement does not say where.
    pub placeless: u16,
    /// Every acknowledgement, and every question for a partition's end, takes up to this long.
    pub delay: Duration,
}

/// Any log, with faults on its appends. Its readers read ahead, as those of real logs do: what they
/// tell of a partition's end may be old news. Groups pass through, until
/// [they end](FaultyLog::end_memberships).
///
/// A clone is another handle on the same log.
#[derive(Clone)]
pub struct FaultyLog {
    log: Arc<dyn EventLog>,
    faults: Faults,
    /// Changes when memberships end, to why they do.
    ends: watch::Sender<LogErrorKind>,
}

impl FaultyLog {
    /// Puts `log` behind `faults`.
    pub fn new(log: Arc<dyn EventLog>, faults: Faults) -> Self {
        let ends = watch::Sender::new(LogErrorKind::Other);
        Self { log, faults, ends }
    }

    /// Ends the memberships that were joined through this log or its clones, with an error of this
    /// kind. Who joins later is not affected.
    pub fn end_memberships(&self, kind: LogErrorKind) {
        self.ends.send_replace(kind);
    }

    fn behind_faults(&self, topic: Arc<dyn Topic>) -> Arc<dyn Topic> {
        Arc::new(FaultyTopic {
            topic,
            faults: self.faults,
            ends: self.ends.clone(),
            network: Mutex::new(Network {
                random: StdRng::seed_from_u64(self.faults.seed),
                held: HashMap::new(),
            }),
        })
    }
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(self.behind_faults(self.log.open(topic, create).await?))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(self.behind_faults(self.log.open_fleeting(topic, create, keep).await?))
    }
}

struct FaultyTopic {
    topic: Arc<dyn Topic>,
    faults: Faults,
    ends: watch::Sender<LogErrorKind>,
    network: Mutex<Network>,
}

struct Network {
    random: StdRng,
    /// Late batches of each partition, with the number of appends that they let pass before them.
    held: HashMap<u32, Vec<(u8, Records)>>,
}

/// What becomes of one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    Failed,
    Torn,
    Unacknowledged,
    Late,
    Doubled,
    Placeless,
}

impl Faults {
    /// The fate that a number below 1000 stands for.
    fn fate(&self, mut drawn: u16) -> Fate {
        let odds = [
            (self.failed, Fate::Failed),
            (self.torn, Fate::Torn),
            (self.unacknowledged, Fate::Unacknowledged),
            (self.late, Fate::Late),
            (self.doubled, Fate::Doubled),
            (self.placeless, Fate::Placeless),
        ];
        for (share, fate) in odds {
            match drawn.checked_sub(share) {
                Some(rest) => drawn = rest,
                None => return fate,
            }
        }
        Fate::Stored
    }
}

impl FaultyTopic {
    fn strike(&self, network: &mut Network, partition: u32, records: Records) -> Append {
        match self.faults.fate(network.random.random_range(0..1000)) {
            Fate::Stored => self.topic.append(partition, records),
            Fate::Failed => lost(),
            Fate::Torn => {
                let mut part = records;
                part.truncate(network.random.random_range(0..part.len().max(1)));
                unacknowledged(self.topic.append(partition, part))
            }
            Fate::Unacknowledged => unacknowledged(self.topic.append(partition, records)),
            Fate::Late => {
                // One more than it lets pass: this append counts itself.
                let passes = network.random.random_range(2..=4);
                network
                    .held
                    .entry(partition)
                    .or_default()
                    .push((passes, records));
                lost()
            }
            Fate::Doubled => {
                let first = self.topic.append(partition, records.clone());
                let second = self.topic.append(partition, records);
                async move { second.await.and(first.await) }.boxed()
            }
            Fate::Placeless => {
                let stored = self.topic.append(partition, records);
                async move { stored.await.map(|_| Appended::Somewhere) }.boxed()
            }
        }
    }

    /// Lets the late batches land whose time has come.
    fn land_late(&self, network: &mut Network, partition: u32) {
        let Some(held) = network.held.get_mut(&partition) else {
            return;
        };
        for (passes, _) in held.iter_mut() {
            *passes -= 1;
        }
        for (_, records) in held.extract_if(.., |(passes, _)| *passes == 0) {
            drop(self.topic.append(partition, records));
        }
    }
}

fn lost() -> Append {
    std::future::ready(Err(LogError::new(
        LogErrorKind::Unreachable,
        "the injected fault lost this append or its acknowledgement",
    )))
    .boxed()
}

fn unacknowledged(stored: Append) -> Append {
    async move {
        stored.await?;
        lost().await
    }
    .boxed()
}

fn delayed(append: Append, delay: Duration) -> Append {
    async move {
        tokio::time::sleep(delay).await;
        append.await
    }
    .boxed()
}

#[async_trait]
impl Topic for FaultyTopic {
    fn name(&self) -> &str {
        self.topic.name()
    }

    fn partitions(&self) -> u32 {
        self.topic.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.topic.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.strike(&mut network, partition, records);
        self.land_late(&mut network, partition);
        if self.faults.delay.is_zero() {
            return answer;
        }
        let delay = self.faults.delay.mul_f64(network.random.random());
        delayed(answer, delay)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        let late = {
            let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
            self.faults.delay.mul_f64(network.random.random())
        };
        tokio::time::sleep(late).await;
        self.topic.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(ReadingAhead::start(self.topic.read(from).await?)))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        let ends = self.ends.subscribe();
        let member = self.topic.join(group).await?;
        Ok(Box::new(MortalMember { member, ends }))
    }
}

/// A member whose membership may be ended.
struct MortalMember {
    member: Box<dyn Membership>,
    ends: watch::Receiver<LogErrorKind>,
}

#[async_trait]
impl Membership for MortalMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        tokio::select! {
            biased;
            Ok(()) = self.ends.changed() => {
                let kind = *self.ends.borrow();
                Err(LogError::new(kind, "the injected fault ended the membership"))
            }
            change = self.member.next() => change,
        }
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        self.member.leave().await
    }
}

/// How many fetches a reader is ahead at most.
const AHEAD: usize = 8;

/// A reader whose fetches were made before they were asked for.
struct ReadingAhead {
    fetches: mpsc::Receiver<Result<Vec<Fetched>, LogError>>,
}

impl ReadingAhead {
    fn start(mut reader: Box<dyn LogReader>) -> Self {
        let (ahead, fetches) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    fetched = reader.next() => {
                        if ahead.send(fetched).await.is_err() {
                            return;
                        }
                    }
                    () = ahead.closed() => return,
                }
            }
        });
        Self { fetches }
    }
}

#[async_trait]
impl LogReader for ReadingAhead {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        let fetched = self.fetches.recv().await;
        fetched.unwrap_or_else(|| {
            Err(LogError::new(
                LogErrorKind::Closed,
                "the reader's task ended",
            ))
        })
    }
}
