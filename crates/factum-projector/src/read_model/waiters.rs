//! Who waits for what, and whom a look at the positions answers. Nothing here does I/O.
//!
//! Nobody is answered by a look that began before they asked: what was known then may be wrong by now,
//! as when a read model was emptied, or Postgres went over to a server that lacks the newest rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use factum_core::ConsistencyToken;
use tokio::sync::oneshot;

use crate::ProjectorError;

/// What a look at the positions has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// There are none of the projection.
    NotBegun,
    /// There are those of several topics.
    SeveralTopics(Vec<String>),
    /// The sequence of the next event of each partition.
    Next(BTreeMap<u32, u64>),
}

impl Seen {
    /// The next sequences by topic and partition.
    pub(super) fn of(mut topics: BTreeMap<String, BTreeMap<u32, u64>>) -> Self {
        if topics.len() > 1 {
            return Self::SeveralTopics(topics.into_keys().collect());
        }
        match topics.pop_first() {
            Some((_, next)) => Self::Next(next),
            None => Self::NotBegun,
        }
    }
}

/// What whoever waits is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The read model shows it.
    Reached,
    /// There is no such projection, or it has not begun.
    NotBegun,
    /// There is no such partition.
    NoPartition { partitions: u32 },
    /// It is not known which topic is meant.
    SeveralTopics(Vec<String>),
}

/// What is known when the time is over.
#[derive(Clone, Debug)]
pub(super) enum Late {
    /// The projection's last event so far.
    Behind { reached: u64 },
    /// Postgres does not tell, or has not since that wait began.
    Unknown { source: Option<Arc<ProjectorError>> },
}

/// One who waits: by place, so that all whom a position has reached are side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    partition: u32,
    sequence: u64,
    number: u64,
}

#[derive(Debug)]
struct Waiter {
    /// The number of the first look that may answer.
    look: u64,
    answer: oneshot::Sender<Answer>,
}

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: BTreeMap<Place, Waiter>,
    /// How many have ever waited.
    registered: u64,
    /// How many looks have begun, and the number of the last that ended well.
    begun: u64,
    ended: u64,
    /// Whether positions may have moved, or somebody has asked, since the last look began.
    news: bool,
    /// What that one showed: it is told to those whose time is over, and answers nobody.
    last: BTreeMap<u32, u64>,
    failure: Option<Arc<ProjectorError>>,
}

impl Waiters {
    /// Waits for an answer.
    pub(super) fn register(
        &mut self,
        token: ConsistencyToken,
    ) -> (Place, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        self.registered += 1;
        let place = Place {
            partition: token.partition,
            sequence: token.sequence,
            number: self.registered,
        };
        let look = self.begun + 1;
        self.waiting.insert(place, Waiter { look, answer });
        self.news = true;
        (place, answered)
    }

    /// Whether to look: there is news, and somebody waits for it.
    pub(super) fn is_due(&self) -> bool {
        self.news && !self.waiting.is_empty()
    }

    /// Takes note that a look begins: it answers those who wait now.
    pub(super) fn begin(&mut self) {
        self.begun += 1;
        self.news = false;
    }

    /// Nobody waits there any more.
    pub(super) fn forget(&mut self, place: &Place) {
        self.waiting.remove(place);
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes note that positions may have moved.
    pub(super) fn may_have_moved(&mut self) {
        self.news = true;
    }

    /// Takes note that nothing can be seen for now: whatever moves, it is missed.
    pub(super) fn failed(&mut self, failure: ProjectorError) {
        self.failure = Some(Arc::new(failure));
        self.news = true;
    }

    /// Takes in what the look that began last has shown.
    pub(super) fn end(&mut self, seen: Seen) {
        (self.ended, self.failure) = (self.begun, None);
        self.last.clear();
        match seen {
            Seen::NotBegun => self.answer(.., &Answer::NotBegun),
            Seen::SeveralTopics(topics) => self.answer(.., &Answer::SeveralTopics(topics)),
            Seen::Next(next) => {
                for (&partition, &next) in &next {
                    let reached = start(partition, 0)..start(partition, next);
                    self.answer(reached, &Answer::Reached);
                }
                let partitions = next
                    .last_key_value()
                    .map_or(0, |(last, _)| last.saturating_add(1));
                self.answer(start(partitions, 0).., &Answer::NoPartition { partitions });
                self.last = next;
            }
        }
    }

    /// Answers those in a range, but for those who asked after the look began.
    fn answer(&mut self, range: impl std::ops::RangeBounds<Place>, answer: &Answer) {
        let begun = self.begun;
        let asked = self.waiting.extract_if(range, |_, it| it.look <= begun);
        for (_, waiter) in asked {
            let _ = waiter.answer.send(answer.clone()); // or it has stopped waiting just now
        }
    }

    /// What to tell one whose time is over.
    pub(super) fn late(&self, place: &Place) -> Late {
        let asked = self.waiting.get(place);
        let seen = asked.is_some_and(|waiter| waiter.look <= self.ended);
        match self.last.get(&place.partition) {
            Some(next) if seen && self.failure.is_none() => Late::Behind {
                reached: next.saturating_sub(1),
            },
            _ => Late::Unknown {
                source: self.failure.clone(),
            },
        }
    }
}

/// Where those begin who wait for an event.
fn start(partition: u32, sequence: u64) -> Place {
    Place {
        partition,
        sequence,
        number: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answered = oneshot::Receiver<Answer>;

    fn token(partition: u32, sequence: u64) -> ConsistencyToken {
        ConsistencyToken {
            partition,
            sequence,
        }
    }

    fn next<const N: usize>(next: [u64; N]) -> Seen {
        Seen::Next((0..).zip(next).collect())
    }

    fn look(waiters: &mut Waiters, seen: Seen) {
        waiters.begin();
        waiters.end(seen);
    }

    fn reached(answered: &mut Answered) -> bool {
        match answered.try_recv() {
            Ok(answer) => answer == Answer::Reached,
            Err(_) => false,
        }
    }

    #[test]
    fn those_are_answered_whose_event_the_position_has_passed() {
        let mut waiters = Waiters::default();
        let wants = [(0, 4), (0, 5), (0, 6), (1, 2), (1, 3), (1, 0)];
        let mut all = wants.map(|(partition, it)| waiters.register(token(partition, it)).1);
        look(&mut waiters, next([6, 3]));
        let answered = all.each_mut().map(reached);
        assert_eq!(answered, [true, true, false, true, false, true]);
        look(&mut waiters, next([7, 3]));
        let answered = all.each_mut().map(reached);
        assert_eq!(answered, [false, false, true, false, false, false]);
        assert_eq!(waiters.len(), 1);
    }

    #[test]
    fn nobody_is_answered_by_a_look_that_began_before_they_asked() {
        for seen in [next([100]), Seen::NotBegun, next([])] {
            let mut waiters = Waiters::default();
            look(&mut waiters, next([100]));
            waiters.begin();
            let (_, mut answered) = waiters.register(token(0, 5));
            waiters.end(seen);
            assert!(answered.try_recv().is_err());
            assert!(waiters.is_due(), "they are looked for again");
            look(&mut waiters, next([6]));
            assert!(reached(&mut answered));
        }
    }

    #[test]
    fn a_look_is_due_when_somebody_waits_and_there_is_news() {
        let mut waiters = Waiters::default();
        waiters.may_have_moved();
        assert!(!waiters.is_due(), "nobody waits");
        let (_, _answered) = waiters.register(token(0, 5));
        assert!(waiters.is_due());
        waiters.begin();
        assert!(!waiters.is_due(), "it is under way");
        waiters.may_have_moved();
        waiters.end(next([1]));
        assert!(
            waiters.is_due(),
            "what came in between is not in what was seen"
        );
        look(&mut waiters, next([1]));
        assert!(!waiters.is_due());
    }

    #[test]
    fn what_can_never_come_is_told() {
        let mut waiters = Waiters::default();
        let mut told = |seen: Seen| {
            let (_, mut answered) = waiters.register(token(2, 5));
            look(&mut waiters, seen);
            answered.try_recv().ok()
        };
        assert_eq!(told(Seen::NotBegun), Some(Answer::NotBegun));
        let partitions = 2;
        assert_eq!(told(next([9, 9])), Some(Answer::NoPartition { partitions }));
        let topics = vec!["a".to_owned(), "b".to_owned()];
        let several = topics.iter().map(|it| (it.clone(), BTreeMap::new()));
        let several = Seen::of(several.collect());
        assert_eq!(told(several), Some(Answer::SeveralTopics(topics)));
        assert_eq!(told(next([9, 9, 5])), None);
    }

    #[test]
    fn whose_time_is_over_learns_what_was_seen_since_they_asked() {
        let mut waiters = Waiters::default();
        look(&mut waiters, next([3]));
        let (place, _answered) = waiters.register(token(0, 5));
        let unknown = |late| matches!(late, Late::Unknown { source: None });
        assert!(unknown(waiters.late(&place)));
        look(&mut waiters, next([5]));
        assert!(matches!(waiters.late(&place), Late::Behind { reached: 4 }));
        let failure = ProjectorError::Http(std::io::Error::other("gone"));
        waiters.failed(failure);
        let late = waiters.late(&place);
        assert!(matches!(late, Late::Unknown { source: Some(_) }));
        look(&mut waiters, next([4]));
        let behind = "what is seen goes back when the positions do";
        assert!(
            matches!(waiters.late(&place), Late::Behind { reached: 3 }),
            "{behind}"
        );
    }
}
