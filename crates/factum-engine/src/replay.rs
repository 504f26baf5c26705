//! Reading a partition into its state, and into the writer that is to own it.

use std::time::{Duration, Instant};

use factum_core::{
    Aggregate, CommitReader, LogError, LogErrorKind, LogReader, Offset, Position, Topic, Writer,
};

use crate::state::PartitionState;
use crate::{EngineOptions, Replayed};

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Follows a partition from its first record on.
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

impl<A: Aggregate> Replay<A> {
    pub async fn start(
        topic: &dyn Topic,
        partition: u32,
        options: &EngineOptions,
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
        Ok(Self {
            state: PartitionState::new(options.command_window),
            topic: topic.name().to_owned(),
            partition,
            commits: CommitReader::new(
                topic.name(),
                partition,
                topic.partitions(),
                Position::START,
            ),
            reader: topic.read(&[(partition, 0)]).await?,
            at: 0,
            reported: Instant::now(),
        })
    }

    /// Reads up to `end`, exclusive, into the state, and what the writer does not know yet also into
    /// the writer.
    pub async fn read_to<T>(
        &mut self,
        end: Offset,
        writer: &mut Writer<T>,
        options: &EngineOptions,
    ) -> Result<(), LogError> {
        while self.at < end {
            for fetched in self.reader.next().await? {
                let (state, topic) = (&mut self.state, &self.topic);
                self.commits
                    .read(&fetched, |event| state.replay(topic, event))?;
                writer.read(topic, &fetched)?;
                // Not `end`, also if the partition's end is told: it may be an old one.
                self.at = self.at.max(fetched.next);
            }
            self.report(end, options);
        }
        self.warn_of_foreign();
        debug_assert_eq!(
            self.commits.rule(),
            writer.rule(),
            "state and writer judge alike"
        );
        Ok(())
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
        let mut replay = Replay::<Light>::start(&*topic, 0, &options).await.unwrap();
        // The end is an old one: two records came since.
        replay.read_to(1, &mut writer, &options).await.unwrap();
        let progress = Replayed {
            partition: 0,
            events: 0,
            offset: 3,
            end: 3,
        };
        assert_eq!(*told.lock().unwrap(), [progress]);
    }
}
