//! Reading the log into batches, while the batch before is being written.

use std::collections::{BTreeMap, BTreeSet};

use factum_core::{
    CommitReader, Fetched, LogError, LogReader, Offset, Position, Recorded, ValidEvent, chain,
};
use factum_host::spawn;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::batch::Batch;
use crate::caught::caught;
use crate::events::decode;
use crate::letter::{Letter, Record, storable};
use crate::pace::Pace;
use crate::sources::{Source, Sources, partition_in, source_of};
use crate::{Events, ProjectorError};

/// The batches of some partitions, read in a task of its own. Dropping it ends the task.
pub(crate) struct Feed<E> {
    /// Says that the next batch is wanted: what was read so far, be it little or much. Room for another one
    /// comes along.
    ready: mpsc::Sender<Vec<Recorded<E>>>,
    batches: mpsc::Receiver<Result<Batch<E>, End>>,
    /// Whether a batch is wanted that did not come yet.
    asked: bool,
    /// Room of a batch that is done: it is large, and new memory costs more than what is put there.
    spare: Vec<Recorded<E>>,
    task: JoinHandle<()>,
}

/// Why a feed ends. Everything before that was returned.
#[derive(Debug)]
pub(crate) enum End {
    /// The log failed, or holds what can't be read; or the reading task panicked.
    Failed(ProjectorError),
    /// It has come to the event of this partition before which it was to end.
    Before(u32),
}

/// What a feed does besides decoding events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Care {
    /// Keeps their records.
    pub records: bool,
    /// Goes on behind one that cannot be decoded.
    pub unreadable: bool,
}

impl<E: Events> Feed<E> {
    /// Starts reading from the given positions, up to about `batch_bytes` ahead, and no faster than its pace. It ends where it
    /// comes to one of the records with the offsets `stops`, before the commit that holds it.
    pub(crate) async fn open(
        sources: &Sources,
        positions: &BTreeMap<u32, Position>,
        stops: BTreeMap<u32, Offset>,
        batch_bytes: usize,
        care: Care,
        pace: Option<Pace>,
    ) -> Result<Self, ProjectorError> {
        let from: Vec<_> = positions.iter().map(|(p, at)| (*p, at.offset)).collect();
        let reader = sources.read(&from).await?;
        let (ready, wanted) = mpsc::channel(1);
        let (send, batches) = mpsc::channel(1);
        let feeder = Feeder {
            partitions: readers(sources, positions),
            sources: sources.described(),
            stops,
            batch: Batch::new(),
            batch_bytes,
            care,
            pace,
            behind: positions.keys().copied().collect(),
        };
        let task = spawn(feeder.run(reader, wanted, send));
        Ok(Self {
            ready,
            batches,
            asked: false,
            spare: Vec::new(),
            task,
        })
    }

    /// Waits for records, and returns all that were read by then. Cancel safe.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) async fn next(&mut self) -> Result<Batch<E>, End> {
        if !self.asked {
            let spare = std::mem::take(&mut self.spare);
            self.asked = self.ready.try_send(spare).is_ok();
        }
        match self.batches.recv().await {
            Some(batch) => {
                self.asked = false;
                batch
            }
            None => match (&mut self.task).await {
                Err(panic) => Err(End::Failed(ProjectorError::Panicked(panic))),
                Ok(()) => std::future::pending().await, // it has told its end already
            },
        }
    }
}

impl<E> Feed<E> {
    /// Takes a batch back that is done.
    pub(crate) fn recycle(&mut self, batch: Batch<E>) {
        self.spare = batch.events;
        self.spare.clear();
    }
}

impl<E> Drop for Feed<E> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn readers(sources: &Sources, positions: &BTreeMap<u32, Position>) -> BTreeMap<u32, CommitReader> {
    let reader = |(&slot, &position): (&u32, &Position)| (slot, sources.reader(slot, position));
    positions.iter().map(reader).collect()
}

/// The state of the reading task.
struct Feeder<E> {
    sources: Vec<Source>,
    partitions: BTreeMap<u32, CommitReader>,
    /// Offsets of records that are not to be read any more.
    stops: BTreeMap<u32, Offset>,
    batch: Batch<E>,
    batch_bytes: usize,
    care: Care,
    pace: Option<Pace>,
    /// The partitions of which there is more to read.
    behind: BTreeSet<u32>,
}

impl<E: Events> Feeder<E> {
    async fn run(
        mut self,
        mut reader: Box<dyn LogReader>,
        mut wanted: mpsc::Receiver<Vec<Recorded<E>>>,
        send: mpsc::Sender<Result<Batch<E>, End>>,
    ) {
        let end = loop {
            tokio::select! {
                biased;
                asked = wanted.recv(), if !self.batch.is_empty() => {
                    let Some(spare) = asked else { return };
                    let batch = std::mem::replace(&mut self.batch, Batch::in_room(spare));
                    if send.send(Ok(batch)).await.is_err() {
                        return;
                    }
                }
                fetched = paced(self.pace.as_ref(), &mut reader), if self.has_room() => {
                    let fetched = fetched.map_err(|error| End::Failed(error.into()));
                    if let Err(end) = fetched.and_then(|it| self.take(&it)) {
                        break end;
                    }
                }
            }
        };
        if !self.batch.is_empty() {
            wanted.recv().await;
            let _ = send.send(Ok(self.batch)).await;
        }
        wanted.recv().await;
        let _ = send.send(Err(end)).await;
    }

    /// A commit that is larger than a batch is read to its end.
    fn has_room(&self) -> bool {
        self.batch.bytes < self.batch_bytes || self.batch.is_empty()
    }

    fn take(&mut self, fetched: &[Fetched]) -> Result<(), End> {
        if let Some(pace) = &mut self.pace {
            pace.took(fetched.iter().map(|it| it.records.len()).sum());
        }
        fetched.iter().try_for_each(|it| self.take_up_to_stop(it))
    }

    fn take_up_to_stop(&mut self, fetched: &Fetched) -> Result<(), End> {
        let partition = fetched.partition;
        let stop = self.stops.get(&partition);
        match stop.and_then(|stop| fetched.offsets.binary_search(stop).ok()) {
            None => self.take_one(fetched).map_err(End::Failed),
            Some(index) => {
                let before = first(fetched, index);
                self.take_one(&before).map_err(End::Failed)?;
                Err(End::Before(partition))
            }
        }
    }

    fn take_one(&mut self, fetched: &Fetched) -> Result<(), ProjectorError> {
        let Some(reader) = self.partitions.get_mut(&fetched.partition) else {
            return Ok(());
        };
        let (partition, from) = (fetched.partition, *reader.position());
        let topic = &*self.sources[source_of(partition)].topic;
        let (batch, care) = (&mut self.batch, self.care);
        let read = reader.read(fetched, |valid| batch.take((topic, partition), valid, care));
        if fetched.at_end {
            self.behind.remove(&partition);
        } else {
            self.behind.insert(partition);
        }
        self.batch.at_end = self.behind.is_empty();
        self.batch.bytes += fetched.records.byte_len();
        self.batch.moved(partition, from, *reader.position());
        if let Some(foreign) = reader.take_foreign() {
            let (first, count) = (foreign.first, foreign.count);
            tracing::warn!(
                topic,
                partition = partition_in(partition),
                first,
                count,
                "skipped records that Factum did not write: who else may write to this topic?"
            );
        }
        read.map_err(|error| {
            self.batch.cut(partition, reader.position().next);
            error.into()
        })
    }
}

/// Reads on when it is time to. Cancel safe, as its parts are.
async fn paced(
    pace: Option<&Pace>,
    reader: &mut Box<dyn LogReader>,
) -> Result<Vec<Fetched>, LogError> {
    if let Some(pace) = pace {
        pace.may_read().await;
    }
    reader.next().await
}

/// The first records of some; there are more behind them.
fn first(fetched: &Fetched, count: usize) -> Fetched {
    let mut first = Fetched::new(fetched.partition, fetched.next);
    for (offset, record) in fetched.iter().take(count) {
        first.push(offset, record);
    }
    first
}

impl<E: Events> Batch<E> {
    /// Adds an event of a topic and the slot of its partition.
    fn take(
        &mut self,
        (topic, slot): (&str, u32),
        valid: &ValidEvent<'_>,
        care: Care,
    ) -> Result<(), LogError> {
        if !care.unreadable {
            self.events.push(decode(topic, slot, valid)?);
        } else {
            match caught(|| decode(topic, slot, valid)) {
                Ok(Ok(event)) => self.events.push(event),
                Ok(Err(error)) => self.add_unreadable(slot, valid, chain(&error)),
                Err(error) => self.add_unreadable(slot, valid, chain(&error)),
            }
        }
        if care.records {
            self.keep(slot, valid);
        }
        Ok(())
    }

    fn add_unreadable(&mut self, slot: u32, valid: &ValidEvent<'_>, error: String) {
        let letter = Letter {
            partition: slot,
            sequence: valid.header.stamp.sequence,
            offset: valid.offset,
            aggregate: storable(valid.key).into_owned(),
            version: valid.header.version,
            event: None,
            keys: Vec::new(),
            record: Record::new(valid.key, valid.header, valid.value),
            error: Some(storable(&error).into_owned()),
            attempts: 1,
        };
        self.unreadable.push((self.events.len(), letter));
    }
}
