//! Whether a new version has caught up with the topics that the live one does not read.
//!
//! Of a topic that both read, the live version's positions say how far the new one is to come. Of an added one
//! only the log does, and it grows: what is to be reached is where the topic ended at an earlier look.

use std::collections::BTreeMap;

use factum_core::{Offset, Position};

use crate::sources::Sources;
use crate::until_end::holds_commit;

/// Where the partitions of added topics ended at an earlier look, of those that are yet to be reached.
#[derive(Debug, Default)]
pub(crate) struct Added {
    goal: Option<BTreeMap<u32, Offset>>,
    last: BTreeMap<u32, Position>,
    /// Whether it was looked for torn commits since a position moved.
    looked: bool,
}

impl Added {
    /// What was to be reached does not count any more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes in a look: whether all is projected that the partitions held at this look or the one before. `at`
    /// was read after `ends`.
    pub(crate) async fn look(
        &mut self,
        sources: &Sources,
        ends: &BTreeMap<u32, Offset>,
        at: &BTreeMap<u32, Position>,
    ) -> bool {
        let stands = self.last == *at;
        self.last.clone_from(at);
        self.looked &= stands;
        if self.reached(ends) {
            return true;
        }
        if stands && !self.looked {
            self.looked = self.forget_torn(sources).await;
        }
        self.reached(ends)
    }

    /// Whether nothing is left; then the next goal is where the partitions end now.
    fn reached(&mut self, ends: &BTreeMap<u32, Offset>) -> bool {
        let goal = self.goal.get_or_insert_with(|| ends.clone());
        goal.retain(|slot, end| self.last.get(slot).is_none_or(|at| at.offset < *end));
        let reached = goal.is_empty();
        if reached {
            self.goal = Some(ends.clone());
        }
        reached
    }

    /// Takes the partitions as reached where no whole commit is left: their last one was torn off, and a
    /// position never stands within a commit. False if the log did not tell.
    async fn forget_torn(&mut self, sources: &Sources) -> bool {
        let goal = self.goal.get_or_insert_default();
        let mut told = true;
        for (slot, end) in goal.clone() {
            let Some(position) = self.last.get(&slot) else {
                continue;
            };
            match holds_commit(sources, slot, *position, end).await {
                Ok(true) => {}
                Ok(false) => drop(goal.remove(&slot)),
                Err(_) => told = false, // for the partition's worker to report
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use factum_core::{Claim, EventHeader, EventLog, Header, NewTopic, Records, Stamp, Topic};
    use factum_testkit::MemoryLog;

    use super::*;

    fn at(offset: Offset) -> BTreeMap<u32, Position> {
        let position = Position {
            offset,
            ..Position::START
        };
        [(0, position)].into()
    }

    async fn topic() -> (Arc<dyn Topic>, Sources) {
        let new = NewTopic {
            partitions: 1,
            ..NewTopic::default()
        };
        let topic = MemoryLog::new().open("t", Some(new)).await.unwrap();
        let sources = Sources::new(vec![topic.clone()]);
        (topic, sources)
    }

    #[tokio::test]
    async fn what_comes_after_a_look_is_not_waited_for() {
        let (_, sources) = topic().await;
        let mut added = Added::default();
        let mut look = async |end: Offset, offset| {
            let ends = [(0, end)].into();
            added.look(&sources, &ends, &at(offset)).await
        };
        assert!(look(5, 5).await, "there is nothing left");
        assert!(look(9, 5).await, "up to the look before");
        assert!(!look(12, 8).await, "which had 9");
        assert!(look(20, 9).await, "and not 12 yet");
        assert!(!look(20, 19).await);
    }

    #[tokio::test]
    async fn a_version_that_stands_still_is_not_caught_up_unless_nothing_whole_is_left() {
        let (topic, sources) = topic().await;
        let claim = Claim {
            epoch: 1,
            claimant: uuid::Uuid::from_u128(1),
            floor: 1,
            partitions: 1,
        };
        topic.append(0, claim.record()).await.unwrap();
        let event = |index, size| {
            let stamp = Stamp {
                epoch: 1,
                sequence: 1 + u64::from(index),
                index,
                size,
            };
            let header = EventHeader {
                stamp,
                version: 1,
                ..EventHeader::default()
            };
            let mut records = Records::new();
            records.push_encoded(b"a", |out| Header::Event(header).encode(out), |_| {});
            records
        };
        let mut added = Added::default();
        topic.append(0, event(0, 2)).await.unwrap();
        let ends = [(0, 2)].into();
        assert!(!added.look(&sources, &ends, &at(0)).await);
        assert!(added.look(&sources, &ends, &at(0)).await, "half a commit");
        topic.append(0, event(1, 2)).await.unwrap();
        let ends = [(0, 3)].into();
        added.forget();
        for _ in 0..3 {
            assert!(!added.look(&sources, &ends, &at(0)).await, "a whole one");
        }
    }
}
