//! The topics of a projection, read as one set of partitions.
//!
//! Inside a worker a partition has one number, its slot: above 24 bits the number of its topic among the
//! projection's, below them its own. So the partitions of a projection's only topic keep their numbers, and
//! everything that works by partition works for several topics.

use std::sync::Arc;

use factum_core::{CommitReader, LogError, LogReader, Membership, Offset, Position, Topic};

use crate::ProjectorError;
use crate::joined::{JoinedMembership, JoinedReader};

/// The bits of a slot that are the partition's own number.
const BITS: u32 = 24;

/// How many topics have slots. The number behind the last of them must have none: it ends ranges of slots.
const TOPICS: usize = 255;
/// How many partitions of a topic have slots.
const PARTITIONS: u32 = 1 << BITS;

/// Refuses topics, or partitions of one, that there are no slots for.
///
/// # Errors
/// There are too many.
pub(crate) fn check_slots(
    projection: &'static str,
    sources: &[Source],
) -> Result<(), ProjectorError> {
    if sources.len() > TOPICS {
        return Err(ProjectorError::TooManyTopics {
            projection,
            topics: sources.len(),
            limit: TOPICS,
        });
    }
    match sources.iter().find(|it| it.partitions > PARTITIONS) {
        None => Ok(()),
        Some(large) => Err(ProjectorError::TooManyPartitions {
            topic: large.topic.clone(),
            partitions: large.partitions,
            limit: PARTITIONS,
        }),
    }
}

/// The slot of a partition of a projection's topic.
pub(crate) const fn slot(source: usize, partition: u32) -> u32 {
    (source as u32) << BITS | partition
}

/// Which of the projection's topics a slot is of.
pub(crate) const fn source_of(slot: u32) -> usize {
    (slot >> BITS) as usize
}

/// The number that a slot's partition has in its topic.
pub(crate) const fn partition_in(slot: u32) -> u32 {
    slot & ((1 << BITS) - 1)
}

/// The topics of a projection, in the order of its events' aggregates.
#[derive(Clone)]
pub(crate) struct Sources {
    topics: Vec<Arc<dyn Topic>>,
}

/// A topic of a projection, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub topic: String,
    /// How many partitions it has.
    pub partitions: u32,
}

impl Sources {
    pub(crate) fn new(topics: Vec<Arc<dyn Topic>>) -> Self {
        Self { topics }
    }

    /// The topics' names.
    pub(crate) fn name(&self) -> String {
        let names: Vec<_> = self.topics.iter().map(|topic| topic.name()).collect();
        names.join(" + ")
    }

    /// The topics, by their names.
    pub(crate) fn described(&self) -> Vec<Source> {
        let described = |topic: &Arc<dyn Topic>| Source {
            topic: topic.name().to_owned(),
            partitions: topic.partitions(),
        };
        self.topics.iter().map(described).collect()
    }

    /// The topic of a slot.
    pub(crate) fn topic(&self, slot: u32) -> &dyn Topic {
        &*self.topics[source_of(slot)]
    }

    /// The slots of all partitions.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        let of = |(source, topic): (usize, &Arc<dyn Topic>)| {
            (0..topic.partitions()).map(move |partition| slot(source, partition))
        };
        self.topics.iter().enumerate().flat_map(of)
    }

    /// How many partitions there are.
    pub(crate) fn len(&self) -> usize {
        let partitions = self.topics.iter().map(|topic| topic.partitions() as usize);
        partitions.sum()
    }

    /// The offset of the oldest record of a slot.
    pub(crate) async fn start(&self, slot: u32) -> Result<Offset, LogError> {
        self.topic(slot).start(partition_in(slot)).await
    }

    /// The offset after the last record of a slot.
    pub(crate) async fn end(&self, slot: u32) -> Result<Offset, LogError> {
        self.topic(slot).end(partition_in(slot)).await
    }

    /// A reader of the commits of a slot.
    pub(crate) fn reader(&self, slot: u32, from: Position) -> CommitReader {
        let topic = self.topic(slot);
        CommitReader::new(topic.name(), partition_in(slot), topic.partitions(), from)
    }

    /// Reads slots from the given offsets on, as [`Topic::read`] does. What is fetched names slots.
    pub(crate) async fn read(
        &self,
        from: &[(u32, Offset)],
    ) -> Result<Box<dyn LogReader>, LogError> {
        if let [topic] = &self.topics[..] {
            return topic.read(from).await;
        }
        let mut readers = Vec::new();
        for (source, topic) in self.topics.iter().enumerate() {
            let of = from.iter().filter(|(slot, _)| source_of(*slot) == source);
            let of: Vec<_> = of.map(|(slot, at)| (partition_in(*slot), *at)).collect();
            if !of.is_empty() {
                readers.push((source, topic.read(&of).await?));
            }
        }
        Ok(Box::new(JoinedReader::new(readers)))
    }

    /// Joins a group whose members share the partitions; of several topics, each is shared in a group of its
    /// own. What is assigned are slots.
    pub(crate) async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        if let [topic] = &self.topics[..] {
            return topic.join(group).await;
        }
        let mut memberships = Vec::new();
        for topic in &self.topics {
            let group = format!("{group}.{}", topic.name());
            match topic.join(&group).await {
                Ok(membership) => memberships.push(membership),
                Err(error) => {
                    let joined = Box::new(JoinedMembership::new(memberships));
                    let _ = joined.leave().await; // what is told is why the others cannot be joined
                    return Err(error);
                }
            }
        }
        Ok(Box::new(JoinedMembership::new(memberships)))
    }

    /// Slots as they are shown: a partition by its number, one of several topics with the topic's name.
    pub(crate) fn shown(&self, slots: &[u32]) -> String {
        let one = |slot: &u32| match self.topics.len() {
            1 => slot.to_string(),
            _ => format!("{}/{}", self.topic(*slot).name(), partition_in(*slot)),
        };
        let each: Vec<_> = slots.iter().map(one).collect();
        format!("[{}]", each.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_tells_topic_and_partition() {
        for (source, partition) in [(0, 0), (0, 7), (1, 0), (3, 1_000), (255, (1 << 24) - 1)] {
            let slot = slot(source, partition);
            assert_eq!((source_of(slot), partition_in(slot)), (source, partition));
            assert_eq!(slot == partition, source == 0, "the first topic's own");
        }
    }
    #[test]
    fn topics_and_partitions_without_slots_are_refused() {
        let check = |topics: usize, partitions| {
            let mut sources = vec![
                Source {
                    topic: "a".into(),
                    partitions: 1
                };
                topics
            ];
            sources[topics - 1].partitions = partitions;
            check_slots("board", &sources).map_err(|error| error.to_string())
        };
        assert_eq!(check(TOPICS, PARTITIONS), Ok(()));
        let last = slot(TOPICS - 1, PARTITIONS - 1);
        assert!(last < slot(TOPICS, 0), "a range of slots has an end");
        let told = check(TOPICS + 1, 1).unwrap_err();
        assert!(told.contains("board reads 256 topics"), "{told}");
        let told = check(2, PARTITIONS + 1).unwrap_err();
        assert!(told.contains("a has 16777217 partitions"), "{told}");
    }
}
