//! One aggregate's events, found by reading the partition that they are in.

use std::io;
use std::time::Duration;

use factum::{CommitReader, Position, Topic, partition_of};
use factum_core::Offset;
use indicatif::{ProgressBar, ProgressStyle};

use super::show::{At, Event};
use crate::failure::Failure;

const LOOK: &str =
    "{bar:30} {percent:>3}%  {human_pos} of {human_len} records, {per_sec}, {eta} to go";

/// Why an aggregate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    /// It has no events.
    #[error("`{id}` has no events in {topic}, where it would be in partition {partition}")]
    Unknown {
        id: String,
        topic: String,
        partition: u32,
    },
    /// It has not come so far.
    #[error("`{id}` has no version {asked}: it is at version {actual}")]
    Beyond { id: String, asked: u64, actual: u64 },
    /// Its first events may be gone.
    #[error(
        "{topic} partition {partition}: the records before offset {start} were deleted. Events live for ever: \
         restore the topic, and remove what deletes from it"
    )]
    Cut {
        topic: String,
        partition: u32,
        start: Offset,
    },
}

/// Reads the partition of an aggregate to where its end is now, and hands on its events up to some moment, in
/// order. Returns the version at that moment. What is in memory is one fetch, and the events behind the
/// moment where clocks may have stepped back.
pub(super) async fn scan(
    topic: &dyn Topic,
    id: &str,
    at: Option<At>,
    mut take: impl FnMut(&Event) -> io::Result<()>,
) -> Result<u64, Failure> {
    let partition = partition_of(id.as_bytes(), topic.partitions());
    let (start, end) = (topic.start(partition).await?, topic.end(partition).await?);
    if start > 0 {
        let topic = topic.name().to_owned();
        return Err(ScanError::Cut {
            topic,
            partition,
            start,
        }
        .into());
    }
    let bar = bar(end);
    let mut found = Found::new(id, at);
    let mut commits =
        CommitReader::new(topic.name(), partition, topic.partitions(), Position::START);
    let mut reader = topic.read(&[(partition, 0)]).await?;
    let mut next = 0;
    while next < end && !found.is_over() {
        for fetched in reader.next().await? {
            commits.read(&fetched, |event| {
                if event.key == id {
                    found.take(Event::of(event), &mut take);
                }
                Ok(())
            })?;
            next = next.max(fetched.next);
        }
        bar.set_position(next.min(end));
    }
    bar.finish_and_clear();
    found.end(topic.name(), partition)
}

fn bar(end: Offset) -> ProgressBar {
    let style = ProgressStyle::with_template(LOOK).expect("the look is a sound template");
    let bar = ProgressBar::new(end).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200)); // nothing is drawn but on a terminal
    bar
}

/// What was found of an aggregate.
pub(super) struct Found<'i> {
    id: &'i str,
    until: Option<At>,
    /// Events that are later than what was asked for: told if one follows that is not.
    later: Vec<Event>,
    /// How many events it has.
    version: u64,
    /// How many of them were told.
    told: u64,
    /// Whether they could be printed.
    printed: io::Result<()>,
}

impl<'i> Found<'i> {
    /// Nothing yet.
    pub(super) fn new(id: &'i str, until: Option<At>) -> Self {
        Self {
            id,
            until,
            later: Vec::new(),
            version: 0,
            told: 0,
            printed: Ok(()),
        }
    }

    /// Whether no event can follow that is asked for.
    pub(super) fn is_over(&self) -> bool {
        let reached = matches!(self.until, Some(At::Version(last)) if self.version >= last);
        reached || self.printed.is_err()
    }

    /// Takes in its next event, and tells it if it is asked for.
    pub(super) fn take(&mut self, event: Event, tell: &mut impl FnMut(&Event) -> io::Result<()>) {
        if self.is_over() {
            return;
        }
        self.version = event.version;
        match self.until {
            Some(At::Time(time)) if event.time > time => self.later.push(event),
            _ => {
                self.told = event.version;
                self.later.push(event);
                self.printed = self.later.drain(..).try_for_each(|event| tell(&event));
            }
        }
    }

    /// The version at the moment that was asked for.
    pub(super) fn end(self, topic: &str, partition: u32) -> Result<u64, Failure> {
        self.printed?;
        let (id, actual) = (self.id.to_owned(), self.version);
        match self.until {
            Some(At::Version(asked)) if asked > actual => {
                Err(ScanError::Beyond { id, asked, actual }.into())
            }
            Some(At::Version(0)) => Ok(0),
            _ if actual == 0 => {
                let topic = topic.to_owned();
                Err(ScanError::Unknown {
                    id,
                    topic,
                    partition,
                }
                .into())
            }
            _ => Ok(self.told),
        }
    }
}
