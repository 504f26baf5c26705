//! Reading several topics, and being a member of their groups, as if they were one.

use async_trait::async_trait;
use factum_core::{Change, Fetched, LogError, LogReader, Membership};
use futures::future::select_all;

use crate::sources::slot;

/// The readers of some topics, each with the topic's number.
pub(crate) struct JoinedReader {
    readers: Vec<(usize, Box<dyn LogReader>)>,
}

impl JoinedReader {
    pub(crate) fn new(readers: Vec<(usize, Box<dyn LogReader>)>) -> Self {
        Self { readers }
    }
}

#[async_trait]
impl LogReader for JoinedReader {
    /// Topics take turns, so that one with much to read does not hold up the others.
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        let each = self.readers.iter_mut().map(|(_, reader)| reader.next());
        let (fetched, index, _) = select_all(each).await;
        self.readers[..].rotate_left(index + 1);
        let (source, _) = self.readers[self.readers.len() - 1];
        let mut fetched = fetched?;
        for it in &mut fetched {
            it.partition = slot(source, it.partition);
        }
        Ok(fetched)
    }
}

/// A membership for each topic, in order.
pub(crate) struct JoinedMembership {
    memberships: Vec<Box<dyn Membership>>,
}

impl JoinedMembership {
    pub(crate) fn new(memberships: Vec<Box<dyn Membership>>) -> Self {
        Self { memberships }
    }
}

#[async_trait]
impl Membership for JoinedMembership {
    async fn next(&mut self) -> Result<Change, LogError> {
        let each = self.memberships.iter_mut().map(|it| it.next());
        let (change, source, _) = select_all(each).await;
        Ok(match change? {
            Change::Gained(partitions) => Change::Gained(slots(source, partitions)),
            Change::Revoked {
                partitions,
                release,
            } => Change::Revoked {
                partitions: slots(source, partitions),
                release,
            },
        })
    }

    /// Leaves all, and tells the first failure.
    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        let mut left = Ok(());
        for membership in self.memberships {
            left = left.and(membership.leave().await);
        }
        left
    }
}

fn slots(source: usize, partitions: Vec<u32>) -> Vec<u32> {
    let of = partitions.into_iter();
    of.map(|partition| slot(source, partition)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topic that always has more to read.
    struct Endless;

    #[async_trait]
    impl LogReader for Endless {
        async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
            Ok(vec![Fetched::new(5, 0)])
        }
    }

    #[tokio::test]
    async fn topics_take_turns_and_fetches_name_slots() {
        let readers = [0, 2, 3].map(|source| (source, Box::new(Endless) as Box<dyn LogReader>));
        let mut joined = JoinedReader::new(readers.into());
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.extend(joined.next().await.unwrap().iter().map(|it| it.partition));
        }
        assert_eq!(seen, [0, 2, 3, 0, 2, 3].map(|source| slot(source, 5)));
    }
}
