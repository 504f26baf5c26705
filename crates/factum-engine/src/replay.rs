//! Reading a partition into its state, and into the writer that is to own it.

use std::time::{Duration, Instant};

use factum_core::{
    Aggregate, CommitReader, Fetched, Header, LogError, LogErrorKind, LogReader, Offset, Position,
    ReaderRule, Topic, Writer, chain,
};
use factum_host::{Guard, holds};

use crate::history::Places;
use crate::keeper::Keeper;
use crate::state::PartitionState;
use crate::{EngineOptions, Replayed};

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Brings a partition's state up to date: from its first record on, or from a checkpoint. It may stay
/// at hand between two readings, and go on where it was.
pub(crate) struct Replay<A> {
    pub state: PartitionState<A>,
    topic: String,
    partition: u32,
    commits: CommitReader,
    /// `None` until the next fetch opens it, where it failed or there was none.
    reader: Option<Box<dyn LogReader>>,
    /// Where the next record is, or comes.
    at: Offset,
    /// Whether all that was fetched is in the state, and nothing in part.
    whole: bool,
    reported: Instant,
}

/// Why a replay ended early.
#[derive(Debug)]
pub(crate) enum ReplayError {
    Log(LogError),
    /// The log does not go on from the checkpoint, or that cannot be read: it is to be discarded.
    Misfit(String),
}

impl From<LogError> for ReplayError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl<A: Aggregate> Replay<A> {
    pub async fn start(
        topic: &dyn Topic,
        partition: u32,
        options: &EngineOptions,
        keeper: &mut Option<Keeper<A>>,
    ) -> Result<Self, LogError> {
        let start = topic.start(partition).await?;
        if start > 0 {
            let name = topic.name();
            return Err(LogError::new(
                LogErrorKind::Damaged,
                format!(
                    "{name} partition {partition}: the records before offset {start} were deleted. \
                     Events live for ever: restore the topic, and remove what deletes from it"
                ),
            ));
        }
        let (state, position) = match keeper {
            Some(keeper) => keeper.resume(topic).await?,
            None => {
                let state = PartitionState::new(options.command_window, None);
                (state, Position::START)
            }
        };
        Ok(Self::go_on(topic, partition, state, position))
    }

    /// Goes on from a state, all of which is fact, at its position.
    pub fn go_on(
        topic: &dyn Topic,
        partition: u32,
        state: PartitionState<A>,
        position: Position,
    ) -> Self {
        Self {
            state,
            topic: topic.name().to_owned(),
            partition,
            commits: CommitReader::new(topic.name(), partition, topic.partitions(), position),
            reader: None,
            at: position.offset,
            whole: true,
            reported: Instant::now(),
        }
    }

    /// Whether it can go on. Not where taking in what was fetched failed, or was broken off.
    pub fn is_whole(&self) -> bool {
        self.whole || !holds(Guard::Unbroken)
    }

    /// The state of the reader rule, and the offset of the next record to read: also in the middle of
    /// a commit.
    pub fn place(&self) -> (ReaderRule, Offset) {
        (*self.commits.rule(), self.at)
    }

    /// Where the log goes on from the state.
    pub fn position(&self) -> Position {
        *self.commits.position()
    }

    /// Counts the replayed events from 0 on again.
    pub fn count_anew(&mut self) {
        self.state.replayed = 0;
        self.reported = Instant::now();
    }

    /// Waits for what comes next. Cancel safe; after an error it may be tried again.
    pub async fn fetch(&mut self, topic: &dyn Topic) -> Result<Vec<Fetched>, LogError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let reader = topic.read(&[(self.partition, self.at)]).await?;
                none.insert(reader)
            }
        };
        let fetched = reader.next().await;
        if fetched.is_err() {
            self.reader = None;
        }
        fetched
    }

    /// Takes what was fetched into the state.
    pub async fn take_in(
        &mut self,
        fetched: &Fetched,
        keeper: &mut Option<Keeper<A>>,
    ) -> Result<(), ReplayError> {
        self.whole = false;
        if let Some(keeper) = keeper {
            if keeper.is_doubtful() && !may_follow(fetched, self.commits.rule().epoch()) {
                let what = "the log lost its end, and grew beyond the checkpoint since";
                return Err(ReplayError::Misfit(what.to_owned()));
            }
            self.load(fetched, keeper).await?;
        }
        let (state, topic) = (&mut self.state, &self.topic);
        let read = self
            .commits
            .read_all(fetched, |record| state.replay(topic, record));
        if let Some(keeper) = keeper {
            self.check(&read, keeper)?;
        }
        read?;
        // Not the end, also if the partition's end is told: it may be an old one.
        self.at = self.at.max(fetched.next);
        self.whole = true;
        Ok(())
    }

    /// Reads up to `end`, exclusive, into the state, and what the writer does not know yet also into
    /// the writer.
    pub async fn read_to<T>(
        &mut self,
        topic: &dyn Topic,
        end: Offset,
        writer: &mut Writer<T>,
        options: &EngineOptions,
        keeper: &mut Option<Keeper<A>>,
    ) -> Result<(), ReplayError> {
        while self.at < end {
            for fetched in self.fetch(topic).await? {
                self.take_in(&fetched, keeper).await?;
                writer.read(&self.topic, &fetched)?;
                self.keep(keeper).await;
            }
            self.report(end, options);
        }
        debug_assert_eq!(
            self.commits.rule().position(self.at),
            writer.rule().position(self.at),
            "state and writer judge alike"
        );
        self.is_at_end(keeper);
        Ok(())
    }

    /// Takes note that the log was read to its end.
    pub fn is_at_end(&mut self, keeper: &mut Option<Keeper<A>>) {
        self.warn_of_foreign();
        if let Some(keeper) = keeper {
            keeper.fits();
        }
    }

    /// Makes sure that the aggregates are in memory whose records were read.
    async fn load(&mut self, fetched: &Fetched, keeper: &mut Keeper<A>) -> Result<(), ReplayError> {
        let keys = fetched.records.iter().map(|record| record.key);
        let ids = keys.filter_map(|key| std::str::from_utf8(key).ok());
        let missing = self.state.aggregates.missing(ids);
        let loaded = keeper.load(&mut self.state, missing).await;
        loaded.map_err(|error| ReplayError::Misfit(chain(&error)))
    }

    /// Finds out whether the log goes on from the checkpoint. What follows it in another log, or at
    /// another place, shows as a gap, as damage, or as an event that is not its aggregate's next.
    fn check(&self, read: &Result<(), LogError>, keeper: &Keeper<A>) -> Result<(), ReplayError> {
        let closed = self.commits.position().closed;
        let damaged = matches!(read, Err(error) if error.kind() == LogErrorKind::Damaged);
        if self.state.misfit && keeper.is_used() || keeper.is_doubtful() && (closed || damaged) {
            let what = "the log does not go on from it";
            return Err(ReplayError::Misfit(what.to_owned()));
        }
        Ok(())
    }

    /// Stores what is new, if there is much; and drops what was not used lately, but never what a
    /// half-read commit is about to change.
    pub async fn keep(&mut self, keeper: &mut Option<Keeper<A>>) {
        let Some(keeper) = keeper else { return };
        keeper.keep_replayed(&mut self.state, &self.commits).await;
        if self.commits.rule().position(self.at).is_some() {
            keeper.evict(&mut self.state);
        }
    }

    fn report(&mut self, end: Offset, options: &EngineOptions) {
        let done = self.at >= end;
        if !done && self.reported.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.reported = Instant::now();
        let (partition, events, offset) = (self.partition, self.state.replayed, self.at);
        // What was appended since the end was asked for may be read along.
        let end = end.max(offset);
        tracing::info!(
            topic = self.topic,
            partition,
            events,
            offset,
            end,
            "replayed"
        );
        if let Some(on_replay) = &options.on_replay {
            on_replay(Replayed {
                partition,
                events,
                offset,
                end,
            });
        }
    }

    fn warn_of_foreign(&mut self) {
        if let Some(foreign) = self.commits.take_foreign() {
            tracing::warn!(
                topic = self.topic,
                partition = self.partition,
                offset = foreign.first,
                records = foreign.count,
                "records that Factum did not write were ignored: check who may write to the topic"
            );
        }
    }
}

/// Whether records may come behind a place where some epoch is in force: each writer claims the next
/// epoch before it writes.
fn may_follow(fetched: &Fetched, mut epoch: u64) -> bool {
    let headers = fetched.iter().filter_map(|(_, record)| record.header);
    let mut headers = headers.filter_map(|header| Header::decode(header).ok());
    headers.all(|header| match header {
        Header::Claim(claim) => {
            let is_next = claim.epoch <= epoch + 1;
            epoch = epoch.max(claim.epoch);
            is_next
        }
        Header::Event(event) | Header::Handled(event) => event.stamp.epoch <= epoch,
    })
}

/// Reads part of a partition for a writer that owns it and has its state; takes note of where events stand.
pub(crate) async fn observe_to<T>(
    topic: &dyn Topic,
    partition: u32,
    end: Offset,
    writer: &mut Writer<T>,
    mut places: Option<&mut Places>,
) -> Result<(), LogError> {
    let mut reader = topic.read(&[(partition, writer.known())]).await?;
    while writer.known() < end {
        for fetched in reader.next().await? {
            if let Some(places) = &mut places {
                places.observe(*writer.rule(), writer.known(), &fetched);
            }
            writer.read(topic.name(), &fetched)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use factum_core::{Claim, EventLog, NewTopic};
    use factum_testkit::MemoryLog;
    use factum_testkit::doctest::Light;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn progress_never_passes_the_end() {
        let create = NewTopic {
            partitions: 1,
            ..NewTopic::default()
        };
        let topic = MemoryLog::new().open("t", Some(create)).await.unwrap();
        for epoch in 1..=3 {
            let claim = Claim {
                epoch,
                claimant: Uuid::nil(),
                floor: 1,
                partitions: 1,
            };
            topic.append(0, claim.record()).await.unwrap();
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let options = EngineOptions {
            on_replay: Some(Arc::new(move |progress| {
                tell.lock().unwrap().push(progress)
            })),
            ..EngineOptions::default()
        };
        let mut writer = Writer::<()>::new(Uuid::nil(), 1, Default::default(), 0);
        let mut replay = Replay::<Light>::start(&*topic, 0, &options, &mut None)
            .await
            .unwrap();
        // The end is an old one: two records came since.
        replay
            .read_to(&*topic, 1, &mut writer, &options, &mut None)
            .await
            .unwrap();
        let progress = Replayed {
            partition: 0,
            events: 0,
            offset: 3,
            end: 3,
        };
        assert_eq!(*told.lock().unwrap(), [progress]);
    }
}
