//! The commands of owned partitions, read by one reader for all owners of an engine.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, Fetched, LogError, LogErrorKind, Offset, Topic, chain};
use factum_host::spawn;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::allowance::Allowance;
use super::straggler::Straggler;
use super::understand::{Understanding, may_be};
use super::{Codec, Topics};
use crate::decider::Request;
use crate::mark::Mark;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What is to be handled, in the order of the topic of commands.
pub(crate) struct Batch<A: Aggregate> {
    pub requests: Vec<Request<A>>,
    /// How many bytes they had in the log.
    pub bytes: usize,
}

pub(super) type Commands<A> = Result<Batch<A>, LogError>;

/// An engine's way to the topic of commands. Its task ends with the last clone.
pub(crate) struct Intake<A: Aggregate> {
    joins: mpsc::UnboundedSender<Joining<A>>,
}

/// The commands of one partition, for its owner.
pub(crate) struct Inbox<A: Aggregate> {
    commands: mpsc::Receiver<Commands<A>>,
}

/// A partition whose commands an owner takes.
pub(super) struct Followed<A: Aggregate> {
    /// Where to go on reading.
    pub(super) next: Offset,
    /// What was handled before this owner.
    mark: Mark,
    /// Whether what is to be handled was seen to be there.
    checked: bool,
    /// How long the others wait for this owner.
    allowance: Allowance,
    pub(super) out: mpsc::Sender<Commands<A>>,
}

pub(super) type Joining<A> = (u32, Followed<A>);

impl<A: Aggregate> Clone for Intake<A> {
    fn clone(&self) -> Self {
        let joins = self.joins.clone();
        Self { joins }
    }
}

impl<A: Aggregate> Intake<A> {
    pub fn start(topics: Topics, codec: Codec<A>) -> Self {
        let (joins, joining) = mpsc::unbounded_channel();
        let follower = Follower {
            commands: topics.commands.clone(),
            understanding: Arc::new(Understanding { topics, codec }),
            followed: BTreeMap::new(),
            joining,
            joins: joins.downgrade(),
        };
        spawn(follower.run());
        Self { joins }
    }

    /// Follows the commands of a partition from a mark on: all before it are handled.
    pub fn open(&self, partition: u32, mark: Mark) -> Inbox<A> {
        let (out, commands) = mpsc::channel(1);
        let followed = Followed {
            next: mark.next,
            mark,
            checked: false,
            allowance: Allowance::new(Instant::now()),
            out,
        };
        // Should the task be gone, the inbox says so.
        let _ = self.joins.send((partition, followed));
        Inbox { commands }
    }
}

impl<A: Aggregate> Inbox<A> {
    /// The next commands. Cancel safe.
    ///
    /// # Errors
    /// Commands that were not handled yet are gone, or cannot be read.
    pub async fn next(&mut self) -> Commands<A> {
        let closed = || LogError::new(LogErrorKind::Closed, "the reader of commands ended");
        self.commands.recv().await.unwrap_or_else(|| Err(closed()))
    }
}

impl<A: Aggregate> Followed<A> {
    /// Makes sure that the command before the mark, if it is still there, is the one that was handled.
    pub(super) fn recognise(&self, topic: &dyn Topic, fetched: &Fetched) -> Result<(), LogError> {
        let (partition, next) = (fetched.partition, self.mark.next);
        let before = fetched.iter().find(|(offset, _)| offset + 1 == next);
        match before {
            Some((offset, record)) if !may_be(self.mark.last, partition, offset, record) => {
                let what = format!("holds another command at offset {offset} than was handled");
                Err(damaged(topic, partition, next, &what))
            }
            _ => Ok(()),
        }
    }

    /// Hands commands on to the owner, who has room for them.
    pub(super) async fn give(
        &mut self,
        fetched: &Fetched,
        room: mpsc::OwnedPermit<Commands<A>>,
        understanding: &Understanding<A>,
    ) -> Result<(), LogError> {
        let next = self.next.max(self.mark.next);
        let requests = understanding.requests(fetched, next).await?;
        if !requests.is_empty() {
            let bytes = fetched.records.byte_len();
            let _ = room.send(Ok(Batch { requests, bytes }));
        }
        self.next = next.max(fetched.next);
        Ok(())
    }
}

struct Follower<A: Aggregate> {
    commands: Arc<dyn Topic>,
    understanding: Arc<Understanding<A>>,
    followed: BTreeMap<u32, Followed<A>>,
    joining: mpsc::UnboundedReceiver<Joining<A>>,
    /// For those that are left behind.
    joins: mpsc::WeakUnboundedSender<Joining<A>>,
}

impl<A: Aggregate> Follower<A> {
    async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        loop {
            match self.follow().await {
                Ok(ControlFlow::Continue(())) => retry = FIRST_RETRY,
                Ok(ControlFlow::Break(())) => return,
                Err(error) if error.is_retryable() => {
                    let (topic, error) = (self.commands.name(), chain(&error));
                    tracing::warn!(topic, error, "commands cannot be read: trying again");
                    tokio::time::sleep(retry).await;
                    retry = LAST_RETRY.min(retry * 2);
                }
                Err(error) if error.kind() == LogErrorKind::Damaged && self.looks_again() => {}
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Whether some bounds are to be checked once more: the last handled command, from which reading
    /// begins, may have been deleted since.
    fn looks_again(&mut self) -> bool {
        let begins = |to: &&mut Followed<A>| to.checked && to.next < to.mark.next;
        let beginning = self.followed.values_mut().filter(begins);
        beginning.map(|to| to.checked = false).count() > 0
    }

    /// Hands on commands until another partition joins, or the engine is gone.
    async fn follow(&mut self) -> Result<ControlFlow<()>, LogError> {
        self.followed.retain(|_, it| !it.out.is_closed());
        if self.followed.is_empty() {
            return Ok(self.joined().await);
        }
        self.check_bounds().await?;
        let from: Vec<_> = self
            .followed
            .iter()
            .map(|(it, to)| (*it, to.next))
            .collect();
        if from.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let topic = self.commands.clone();
        let mut reader = topic.read(&from).await?;
        loop {
            select! {
                biased;
                joined = self.joined() => return Ok(joined),
                fetched = reader.next() => {
                    let (fetched, before) = (fetched?, self.followed.len());
                    for fetched in fetched {
                        self.hand_on(&fetched).await?;
                    }
                    if self.followed.len() < before {
                        return Ok(ControlFlow::Continue(())); // and read no more of what is left
                    }
                }
            }
        }
    }

    /// Waits for a partition that joins, and takes all that do.
    async fn joined(&mut self) -> ControlFlow<()> {
        let Some(first) = self.joining.recv().await else {
            return ControlFlow::Break(());
        };
        let mut more = Some(first);
        while let Some((partition, to)) = more {
            // A straggler may come after its owner has opened another inbox.
            if !to.out.is_closed() {
                self.followed.insert(partition, to);
            }
            more = self.joining.try_recv().ok();
        }
        ControlFlow::Continue(())
    }

    /// Waits a little where an owner is busy: all of them share one process and one log. But one that is
    /// stuck, or busy too often, does not hold up the others.
    async fn hand_on(&mut self, fetched: &Fetched) -> Result<(), LogError> {
        let partition = fetched.partition;
        let Some(to) = self.followed.get_mut(&partition) else {
            return Ok(());
        };
        if let Err(damage) = to.recognise(&*self.commands, fetched) {
            self.tell(partition, damage);
            return Ok(());
        }
        if fetched.records.is_empty() {
            to.next = to.next.max(fetched.next);
            return Ok(());
        }
        let begun = Instant::now();
        let room = timeout(to.allowance.left(begun), to.out.clone().reserve_owned()).await;
        to.allowance.spend(begun, Instant::now());
        match room {
            Ok(Ok(room)) => to.give(fetched, room, &self.understanding).await?,
            Ok(Err(_)) => drop(self.followed.remove(&partition)),
            Err(_) => self.leave_behind(partition),
        }
        Ok(())
    }

    /// Gives a partition a reader of its own, until its owner keeps up.
    fn leave_behind(&mut self, partition: u32) {
        if let Some(left) = self.followed.remove(&partition) {
            let straggler = Straggler {
                commands: self.commands.clone(),
                understanding: self.understanding.clone(),
                partition,
                left,
            };
            let joins = self.joins.clone();
            spawn(async move {
                let back = straggler.run().await;
                if let (Some(joins), Some(back)) = (joins.upgrade(), back) {
                    let _ = joins.send(back);
                }
            });
        }
    }

    /// What is to be handled must be there, and what was handled must have been. Who cannot go on is
    /// told.
    async fn check_bounds(&mut self) -> Result<(), LogError> {
        let unchecked = self.followed.iter().filter(|(_, to)| !to.checked);
        let unchecked: Vec<_> = unchecked.map(|(it, to)| (*it, to.mark.next)).collect();
        for (partition, next) in unchecked {
            let start = self.commands.start(partition).await?;
            let end = self.commands.end(partition).await?;
            if !(start..=end).contains(&next) {
                let what = format!("holds offsets {start} to {end}");
                let damage = damaged(&*self.commands, partition, next, &what);
                self.tell(partition, damage);
            } else if let Some(to) = self.followed.get_mut(&partition) {
                to.checked = true;
                // The one that was handled last shows whether this is the same topic.
                to.next = start.max(next.saturating_sub(1));
            }
        }
        Ok(())
    }

    /// Tells an owner that there is no going on, as soon as it listens.
    fn tell(&mut self, partition: u32, error: LogError) {
        if let Some(to) = self.followed.remove(&partition) {
            spawn(async move { to.out.send(Err(error)).await });
        }
    }

    /// Tells everyone that there is no going on.
    fn fail(&mut self, error: &LogError) {
        let followed: Vec<_> = self.followed.keys().copied().collect();
        for partition in followed {
            self.tell(partition, LogError::new(error.kind(), chain(error)));
        }
    }
}

fn damaged(topic: &dyn Topic, partition: u32, next: Offset, what: &str) -> LogError {
    LogError::new(
        LogErrorKind::Damaged,
        format!(
            "{} partition {partition} {what}, and by its events the commands up to {next} were handled: it \
             lost commands, or is another topic under the same name. Restore it, or create it anew together \
             with the topic of events",
            topic.name()
        ),
    )
}

#[cfg(test)]
mod tests {
    use factum_core::{DecodeError, Event, NewTopic, RecordRef, Records};
    use factum_testkit::MemoryLog;
    use tokio::time::sleep;

    use super::*;
    use crate::routing::allowance::MOST;
    use crate::{Routing, RoutingOptions};

    #[derive(Default)]
    struct Light;

    #[derive(Debug)]
    struct Switched;

    impl Event for Switched {
        const AGGREGATE: &'static str = "test.light";

        fn name(&self) -> &'static str {
            "Switched"
        }

        fn encode(&self, _: &mut Vec<u8>) {}

        fn decode(_: &[u8]) -> Result<Self, DecodeError> {
            Ok(Self)
        }
    }

    impl Aggregate for Light {
        type Command = ();
        type Event = Switched;
        type Rejection = ();

        fn decide(&self, (): ()) -> Result<Vec<Switched>, ()> {
            Ok(vec![Switched])
        }

        fn apply(&mut self, _: &Switched) {}
    }

    async fn topics() -> Topics {
        let (log, options) = (MemoryLog::new(), RoutingOptions::default());
        let create = Some(NewTopic::default());
        let topics = Topics::open(&log, Switched::AGGREGATE, 2, create, options);
        topics.await.unwrap()
    }

    async fn send(topics: &Topics, partition: u32) {
        let mut records = Records::new();
        records.push(RecordRef {
            key: b"hall",
            header: None,
            value: b"null",
        });
        topics.commands.append(partition, records).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_is_slow_holds_up_the_others_once_and_misses_nothing() {
        const STEP: Duration = Duration::from_millis(500);
        let topics = topics().await;
        let intake = Intake::<Light>::start(topics.clone(), Routing::default().codec);
        let [mut slow, mut quick] = [0, 1].map(|it| intake.open(it, Mark::default()));
        let slowly = tokio::spawn(async move {
            let mut offsets = Vec::new();
            while offsets.len() < 100 {
                let requests = slow.next().await.unwrap().requests;
                offsets.extend(requests.iter().filter_map(|it| it.caller.offset()));
                sleep(3 * STEP).await;
            }
            offsets
        });
        let mut waited = Duration::ZERO;
        for _ in 0..100 {
            send(&topics, 0).await;
            send(&topics, 1).await;
            let sent = Instant::now();
            assert_eq!(quick.next().await.unwrap().requests.len(), 1);
            waited += sent.elapsed();
            sleep(STEP).await;
        }
        assert!(waited <= 2 * MOST, "{waited:?}");
        assert_eq!(slowly.await.unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_straggler_that_caught_up_is_read_with_the_others_again() {
        let topics = topics().await;
        let intake = Intake::<Light>::start(topics.clone(), Routing::default().codec);
        let mut inbox = intake.open(0, Mark::default());
        for round in 0..3 {
            for _ in 0..5 {
                send(&topics, 0).await;
                sleep(2 * MOST).await;
            }
            let mut taken = 0;
            while taken < 5 {
                taken += inbox.next().await.unwrap().requests.len();
            }
            assert_eq!(taken, 5, "round {round}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_is_stuck_holds_up_no_other_and_misses_nothing() {
        let topics = topics().await;
        let intake = Intake::<Light>::start(topics.clone(), Routing::default().codec);
        let mut inboxes = [0, 1].map(|it| intake.open(it, Mark::default()));
        for _ in 0..50 {
            send(&topics, 0).await;
            send(&topics, 1).await;
            let next = timeout(10 * MOST, inboxes[1].next()).await;
            let next = next.expect("the other goes on");
            assert_eq!(next.unwrap().requests.len(), 1);
        }
        let mut offsets = Vec::new();
        while offsets.len() < 50 {
            for request in inboxes[0].next().await.unwrap().requests {
                offsets.push(request.caller.offset().unwrap());
            }
        }
        assert_eq!(offsets, (0..50).collect::<Vec<_>>());
    }
}
