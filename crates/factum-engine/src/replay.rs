//! Reading a partition into its state, and into the writer that is to own it.

use std::time::{Duration, Instant};

use factum_core::{
    Aggregate, CommitReader, Fetched, LogError, LogErrorKind, LogReader, Offset, Position, Topic,
    Writer,
};

use crate::keeper::Keeper;
use crate::owner::chain;
use crate::state::PartitionState;
use crate::{EngineOptions, Replayed};

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Brings a partition's state up to date: from its first record on, or from a checkpoint.
pub(crate) struct Replay<A> {
    pub state: PartitionState<A>,
    topic: String,
    partition: u32,
    commits: CommitReader,
    reader: Box<dyn LogReader>,
    /// Where the next record is, or comes.
    at: Offset,
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
        Ok(Self {
            state,
            topic: topic.name().to_owned(),
            partition,
            commits: CommitReader::new(topic.name(), partition, topic.partitions(), position),
            reader: topic.read(&[(partition, position.offset)]).await?,
            at: position.offset,
            reported: Instant::now(),
        })
    }

    /// Where the replay has come to.
    pub fn position(&self) -> &Position {
        self.commits.position()
    }

    /// Reads up to `end`, exclusive, into the state, and what the writer does not know yet also into
    /// the writer.
    pub async fn read_to<T>(
        &mut self,
        end: Offset,
        writer: &mut Writer<T>,
        options: &EngineOptions,
        keeper: &mut Option<Keeper<A>>,
    ) -> Result<(), ReplayError> {
        while self.at < end {
            for fetched in self.reader.next().await? {
                if let Some(keeper) = keeper {
                    self.load(&fetched, keeper).await?;
                }
                let read = self.take(&fetched, writer);
                if let Some(keeper) = keeper {
                    self.check(&read, keeper)?;
                    self.keep(keeper).await;
                }
                read?;
            }
            self.report(end, options);
        }
        self.warn_of_foreign();
        debug_assert_eq!(
            self.commits.rule().position(self.at),
            writer.rule().position(self.at),
            "state and writer judge alike"
        );
        if let Some(keeper) = keeper {
            keeper.fits();
        }
        Ok(())
    }

    fn take<T>(&mut self, fetched: &Fetched, writer: &mut Writer<T>) -> Result<(), LogError> {
        let (state, topic) = (&mut self.state, &self.topic);
        self.commits
            .read_all(fetched, |record| state.replay(topic, record))?;
        writer.read(topic, fetched)?;
        // Not the end, also if the partition's end is told: it may be an old one.
        self.at = self.at.max(fetched.next);
        Ok(())
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
    async fn keep(&mut self, keeper: &mut Keeper<A>) {
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

/// Reads part of a partition for a writer that owns it and has its state.
pub(crate) async fn observe_to<T>(
    topic: &dyn Topic,
    partition: u32,
    end: Offset,
    writer: &mut Writer<T>,
) -> Result<(), LogError> {
    let mut reader = topic.read(&[(partition, writer.known())]).await?;
    while writer.known() < end {
        for fetched in reader.next().await? {
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
            .read_to(1, &mut writer, &options, &mut None)
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
