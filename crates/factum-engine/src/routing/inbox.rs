//! The commands of owned partitions, read by one reader for all owners of an engine.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, Fetched, LogError, LogErrorKind, Offset, Topic};
use factum_host::spawn;
use tokio::sync::mpsc;

use super::understand::Understanding;
use super::{Codec, Topics};
use crate::decider::Request;
use crate::owner::chain;

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What is to be handled, in the order of the topic of commands.
type Commands<A> = Result<Vec<Request<A>>, LogError>;

/// An engine's way to the topic of commands. Its task ends with the last clone.
pub(crate) struct Intake<A: Aggregate> {
    joins: mpsc::UnboundedSender<(u32, Followed<A>)>,
}

/// The commands of one partition, for its owner.
pub(crate) struct Inbox<A: Aggregate> {
    commands: mpsc::Receiver<Commands<A>>,
}

/// A partition whose commands an owner takes.
struct Followed<A: Aggregate> {
    next: Offset,
    /// Whether what is to be handled was seen to be there.
    checked: bool,
    out: mpsc::Sender<Commands<A>>,
}

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
            understanding: Understanding { topics, codec },
            followed: BTreeMap::new(),
            joining,
        };
        spawn(follower.run());
        Self { joins }
    }

    /// Follows the commands of a partition from `next` on: all before it are handled.
    pub fn open(&self, partition: u32, next: Offset) -> Inbox<A> {
        let (out, commands) = mpsc::channel(1);
        let followed = Followed {
            next,
            checked: false,
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

struct Follower<A: Aggregate> {
    commands: Arc<dyn Topic>,
    understanding: Understanding<A>,
    followed: BTreeMap<u32, Followed<A>>,
    joining: mpsc::UnboundedReceiver<(u32, Followed<A>)>,
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
                Err(error) => self.fail(&error).await,
            }
        }
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
            tokio::select! {
                biased;
                joined = self.joined() => return Ok(joined),
                fetched = reader.next() => {
                    for fetched in fetched? {
                        self.hand_on(&fetched).await?;
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
        self.followed.extend([first]);
        while let Ok(more) = self.joining.try_recv() {
            self.followed.extend([more]);
        }
        ControlFlow::Continue(())
    }

    /// Waits where an owner is busy: all of them share one process and one log.
    async fn hand_on(&mut self, fetched: &Fetched) -> Result<(), LogError> {
        let Some(to) = self.followed.get_mut(&fetched.partition) else {
            return Ok(());
        };
        let requests = self.understanding.requests(fetched, to.next).await?;
        if !requests.is_empty() && to.out.send(Ok(requests)).await.is_err() {
            self.followed.remove(&fetched.partition);
        } else {
            to.next = to.next.max(fetched.next);
        }
        Ok(())
    }

    /// What is to be handled must be there, and what was handled must have been. Who cannot go on is
    /// told.
    async fn check_bounds(&mut self) -> Result<(), LogError> {
        let mut damaged = Vec::new();
        for (partition, to) in self.followed.iter_mut().filter(|(_, to)| !to.checked) {
            let start = self.commands.start(*partition).await?;
            let end = self.commands.end(*partition).await?;
            to.checked = (start..=end).contains(&to.next);
            if !to.checked {
                let error = out_of_bounds(&*self.commands, *partition, to.next, start, end);
                let _ = to.out.send(Err(error)).await;
                damaged.push(*partition);
            }
        }
        self.followed.retain(|it, _| !damaged.contains(it));
        Ok(())
    }

    /// Tells everyone that there is no going on.
    async fn fail(&mut self, error: &LogError) {
        for (_, to) in std::mem::take(&mut self.followed) {
            let told = LogError::new(error.kind(), chain(error));
            let _ = to.out.send(Err(told)).await;
        }
    }
}

fn out_of_bounds(
    topic: &dyn Topic,
    partition: u32,
    next: Offset,
    start: Offset,
    end: Offset,
) -> LogError {
    LogError::new(
        LogErrorKind::Damaged,
        format!(
            "{} partition {partition} holds offsets {start} to {end}, and by its events the commands \
             up to {next} were handled: it lost commands, or is another topic under the same name. \
             Restore it, or create it anew together with the topic of events",
            topic.name()
        ),
    )
}
