//! Reading what a partition's position would be moved past.

use factum_core::{CommitReader, Fetched, Offset, Position, Topic, ValidEvent};

use super::{SeekTo, SkippedEvent};
use crate::ProjectorError;

/// So many of the events are shown.
const SHOWN: usize = 10;

/// Reads from a position up to where it is to be: by the reader rule, so that what comes behind is judged as
/// if all had been projected.
pub(super) async fn scan(
    topic: &dyn Topic,
    partition: u32,
    from: Position,
    (to, end): (SeekTo, Offset),
) -> Result<(Position, Vec<SkippedEvent>), ProjectorError> {
    let mut passed = Passed::new(topic, partition, from);
    let until = match to {
        SeekTo::Offset(offset) => offset,
        SeekTo::Time(_) | SeekTo::End => end,
    };
    if from.offset >= until {
        return Ok((from, Vec::new()));
    }
    let mut reader = topic.read(&[(partition, from.offset)]).await?;
    loop {
        for fetched in reader.next().await? {
            for (offset, record) in fetched.iter() {
                let mut one = Fetched::new(partition, offset);
                one.push(offset, record);
                // The end of a commit that begins before it may lie behind it.
                let over = offset >= end || passed.position.offset >= until;
                if over || passed.read(&one, to)? {
                    return Ok((passed.position, passed.first));
                }
            }
            if fetched.next >= end {
                return Ok((passed.position, passed.first));
            }
        }
    }
}

/// What was passed over so far.
struct Passed {
    commits: CommitReader,
    position: Position,
    first: Vec<SkippedEvent>,
}

impl Passed {
    fn new(topic: &dyn Topic, partition: u32, from: Position) -> Self {
        Self {
            commits: CommitReader::new(topic.name(), partition, topic.partitions(), from),
            position: from,
            first: Vec::new(),
        }
    }

    /// Takes in a record; true if the commit that it ends is not to be passed over.
    fn read(&mut self, record: &Fetched, to: SeekTo) -> Result<bool, ProjectorError> {
        let (mut events, mut over) = (Vec::new(), false);
        self.commits.read(record, |event| {
            over |= is_not_before(event, to);
            if self.first.len() + events.len() < SHOWN {
                events.push(skipped(event));
            }
            Ok(())
        })?;
        if !over {
            self.position = *self.commits.position();
            self.first.append(&mut events);
        }
        Ok(over)
    }
}

fn is_not_before(event: &ValidEvent<'_>, to: SeekTo) -> bool {
    matches!(to, SeekTo::Time(time) if event.header.time >= time.as_microsecond())
}

fn skipped(event: &ValidEvent<'_>) -> SkippedEvent {
    SkippedEvent {
        offset: event.offset,
        id: event.key.to_owned(),
        version: event.header.version,
    }
}
