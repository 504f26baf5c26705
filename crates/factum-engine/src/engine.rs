//! The handle that callers use, and the task that follows the group.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use factum_core::{
    Aggregate, Change, Event, EventLog, LogError, Membership, Topic, events_topic, partition_of,
};
use futures::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Reply;
use crate::decider::{Request, panic_message};
use crate::owner::{Owner, chain};
use crate::{CommandOptions, EngineError, EngineOptions, ExecuteError, Receipt};

/// How long a group may take to give a new member partitions, before the member counts as spare.
const SPARE_AFTER: Duration = Duration::from_secs(15);

/// How long to wait before joining a lost group again: twice as long each time, up to a bound.
const FIRST_JOIN: Duration = Duration::from_millis(100);
const LAST_JOIN: Duration = Duration::from_secs(5);

/// How many partitions of an engine are replayed at the same time, at most: each takes a reader's
/// memory, and more than there are processors gain nothing.
const REPLAYS: usize = 4;

/// Carries out commands on the aggregates of one type.
///
/// Cheap to share behind a reference or an [`Arc`]. Dropping it stops it without waiting;
/// [`Engine::shutdown`] lets it finish.
pub struct Engine<A: Aggregate> {
    shared: Arc<Shared<A>>,
    group: JoinHandle<()>,
}

struct Shared<A: Aggregate> {
    topic: Arc<dyn Topic>,
    group: String,
    options: Arc<EngineOptions>,
    /// The way to the owner of each partition that this engine owns.
    owners: RwLock<Vec<Option<mpsc::Sender<Request<A>>>>>,
    claimant: Uuid,
    replays: Arc<Semaphore>,
    stop: CancellationToken,
    /// How many owned partitions take commands, once the group has said which are owned.
    ready: watch::Sender<Readiness>,
    failure: watch::Sender<Option<EngineError>>,
}

/// How many partitions are owned, and how many of them were served at least once.
#[derive(Clone, Copy, Default)]
struct Readiness {
    assigned: bool,
    owned: usize,
    served: usize,
}

impl<A: Aggregate> Engine<A> {
    /// Opens the aggregate's topic, joins its group, replays the partitions that it gets, and
    /// returns once they take commands; or after a while, if the group has none to give: then the
    /// engine stands by for the others.
    ///
    /// # Errors
    /// The log cannot be reached, is damaged, or is not one that Factum can work with.
    pub async fn start(
        log: Arc<dyn EventLog>,
        options: EngineOptions,
    ) -> Result<Self, EngineError> {
        options.check()?;
        let aggregate = A::Event::AGGREGATE;
        let topic = log.open(&events_topic(aggregate), options.create).await?;
        let group = options
            .group
            .clone()
            .unwrap_or_else(|| format!("factum.{aggregate}"));
        let membership = topic.join(&group).await?;
        let partitions = topic.partitions() as usize;
        let shared = Arc::new(Shared {
            topic,
            group,
            options: Arc::new(options),
            owners: RwLock::new((0..partitions).map(|_| None).collect()),
            claimant: Uuid::new_v4(),
            replays: Arc::new(Semaphore::new(processors().min(REPLAYS))),
            stop: CancellationToken::new(),
            ready: watch::Sender::new(Readiness::default()),
            failure: watch::Sender::new(None),
        });
        let engine = Self {
            group: tokio::spawn(follow_to_the_end(shared.clone(), membership)),
            shared,
        };
        tokio::select! {
            biased;
            ready = engine.ready() => ready?,
            () = engine.spare() => tracing::info!("the group gave no partition: standing by"),
        }
        Ok(engine)
    }

    /// Waits until the group gave this engine partitions, and every one of them takes commands.
    ///
    /// # Errors
    /// The engine failed.
    pub async fn ready(&self) -> Result<(), EngineError> {
        let mut ready = self.shared.ready.subscribe();
        tokio::select! {
            biased; // an engine that failed owns nothing any more, and so looks ready
            error = self.failed() => Err(error),
            _ = ready.wait_for(|now| now.assigned && now.served >= now.owned) => Ok(()),
        }
    }

    /// Waits until it is clear that the group has no partition to give.
    async fn spare(&self) {
        tokio::time::sleep(SPARE_AFTER).await;
        if self.shared.ready.borrow().assigned {
            std::future::pending().await
        }
    }

    /// Waits until the engine fails; pending for ever while it does not. A service ends then.
    pub async fn failed(&self) -> EngineError {
        let mut failure = self.shared.failure.subscribe();
        // The guard must be gone before the next await, or no task could wait for this.
        let failure = failure.wait_for(Option::is_some).await;
        let failure = failure.ok().and_then(|failure| failure.clone());
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Carries out a command, and returns once its events are facts.
    ///
    /// # Errors
    /// See [`ExecuteError`]: it says for each case whether anything happened.
    pub async fn execute(
        &self,
        id: impl Into<String>,
        command: A::Command,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        self.execute_with(id, command, CommandOptions::default())
            .await
    }

    /// Carries out a command with options, and returns once its events are facts.
    ///
    /// Without a time-out it waits as long as that takes, also while the log is out of reach. Dropping
    /// the call before the command is queued means that nothing happens; after that it is carried out
    /// all the same.
    ///
    /// # Errors
    /// See [`ExecuteError`]: it says for each case whether anything happened.
    pub async fn execute_with(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        self.enqueue(id, command, options).await?.await
    }

    /// Queues a command behind those queued before it, waiting for room, and returns its reply:
    /// the way to have many commands under way. Commands of one aggregate are decided in the order
    /// in which they were queued.
    ///
    /// # Errors
    /// The partition is not owned by this engine.
    pub async fn enqueue(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Reply<A::Rejection>, ExecuteError<A::Rejection>> {
        let (request, partition, reply) = self.request(id.into(), command, options);
        let owner = self.owner(partition)?;
        let sent = match options.timeout {
            None => owner.send(request).await,
            Some(timeout) => tokio::time::timeout(timeout, owner.send(request))
                .await
                .map_err(|_| ExecuteError::Overloaded)?,
        };
        match sent {
            Ok(()) => Ok(reply),
            Err(_) => Err(ExecuteError::Unavailable { partition }),
        }
    }

    /// Queues a command if there is room at once.
    ///
    /// # Errors
    /// [`ExecuteError::Overloaded`] when there is no room; or the partition is not owned by this engine.
    pub fn try_enqueue(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Reply<A::Rejection>, ExecuteError<A::Rejection>> {
        let (request, partition, reply) = self.request(id.into(), command, options);
        match self.owner(partition)?.try_send(request) {
            Ok(()) => Ok(reply),
            Err(mpsc::error::TrySendError::Full(_)) => Err(ExecuteError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Err(ExecuteError::Unavailable { partition })
            }
        }
    }

    fn request(
        &self,
        id: String,
        command: A::Command,
        options: CommandOptions,
    ) -> (Request<A>, u32, Reply<A::Rejection>) {
        let partition = partition_of(id.as_bytes(), self.shared.topic.partitions());
        let (caller, reply) = oneshot::channel();
        let command_id = options.command_id.unwrap_or_else(Uuid::new_v4);
        let request = Request {
            id,
            command,
            command_id,
            chosen: options.command_id.is_some(),
            expected_version: options.expected_version,
            caller,
        };
        let reply = Reply {
            answer: reply,
            command: command_id,
            deadline: options
                .timeout
                .map(|wait| Box::pin(tokio::time::sleep(wait))),
        };
        (request, partition, reply)
    }

    fn owner(
        &self,
        partition: u32,
    ) -> Result<mpsc::Sender<Request<A>>, ExecuteError<A::Rejection>> {
        let owners = self
            .shared
            .owners
            .read()
            .expect("no one panics with the lock");
        owners[partition as usize]
            .clone()
            .ok_or(ExecuteError::Unavailable { partition })
    }

    /// Waits, and returns whether the engine still runs.
    pub(crate) async fn sleep(&self, wait: Duration) -> bool {
        let wait = tokio::time::sleep(wait);
        self.shared.stop.run_until_cancelled(wait).await.is_some()
    }

    /// Takes no more commands, carries out and answers those that wait, and leaves the group. Where
    /// the log fails meanwhile, callers whose commands were under way get [`ExecuteError::Unknown`].
    ///
    /// # Errors
    /// The engine failed before or meanwhile.
    pub async fn shutdown(mut self) -> Result<(), EngineError> {
        self.shared.stop.cancel();
        let _ = (&mut self.group).await;
        self.shared.failure.borrow().clone().map_or(Ok(()), Err)
    }
}

impl<A: Aggregate> Drop for Engine<A> {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The partitions that are owned: how to stop each, and their tasks.
struct Owned {
    stops: BTreeMap<u32, CancellationToken>,
    tasks: JoinSet<(u32, Result<(), EngineError>)>,
}

/// Follows the group, and fails the engine should that panic.
async fn follow_to_the_end<A: Aggregate>(shared: Arc<Shared<A>>, membership: Box<dyn Membership>) {
    let followed = AssertUnwindSafe(follow(shared.clone(), membership)).catch_unwind();
    if let Err(panic) = followed.await {
        fail(&shared, EngineError::Panicked(panic_message(&*panic)));
    }
}

/// Follows the group from one membership to the next, until told to stop or something fails.
async fn follow<A: Aggregate>(shared: Arc<Shared<A>>, mut membership: Box<dyn Membership>) {
    while let Some(lost) = be_member(&shared, membership).await {
        let (group, error) = (&shared.group, chain(&lost));
        tracing::warn!(group, error, "lost the group: joining again");
        match join_again(&shared).await {
            Some(joined) => membership = joined,
            None => return,
        }
    }
}

/// Owns what the group gives, and gives up what it takes, until told to stop or something fails; or
/// until the membership ends with an error that may pass, which is returned. Leaves the group.
async fn be_member<A: Aggregate>(
    shared: &Arc<Shared<A>>,
    mut membership: Box<dyn Membership>,
) -> Option<LogError> {
    let mut owned = Owned {
        stops: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    let lost = loop {
        tokio::select! {
            () = shared.stop.cancelled() => break None,
            change = membership.next() => match change {
                Ok(Change::Gained(partitions)) => gain(shared, &mut owned, &partitions),
                Ok(Change::Revoked { partitions, release }) => {
                    give_up(shared, &mut owned, &partitions).await;
                    drop(release);
                }
                Err(error) if error.is_retryable() => break Some(error),
                Err(error) => {
                    fail(shared, error.into());
                    break None;
                }
            },
            Some(ended) = owned.tasks.join_next() => note_end(shared, ended),
        }
    };
    // Nobody is to believe that an engine without a group is ready.
    shared.ready.send_modify(|now| now.assigned = false);
    let all: Vec<u32> = owned.stops.keys().copied().collect();
    give_up(shared, &mut owned, &all).await;
    if let Err(error) = membership.leave().await {
        tracing::warn!(
            error = chain(&error),
            "leaving the group failed; it will notice by itself"
        );
    }
    lost
}

/// Joins the group once more, however long that takes; `None` if told to stop or if it never will.
async fn join_again<A: Aggregate>(shared: &Arc<Shared<A>>) -> Option<Box<dyn Membership>> {
    let mut wait = FIRST_JOIN;
    loop {
        let join = async {
            tokio::time::sleep(wait).await;
            shared.topic.join(&shared.group).await
        };
        match shared.stop.run_until_cancelled(join).await? {
            Ok(membership) => return Some(membership),
            Err(error) if error.is_retryable() => {
                let (group, error) = (&shared.group, chain(&error));
                tracing::warn!(group, error, "cannot join: trying again");
                wait = LAST_JOIN.min(wait * 2);
            }
            Err(error) => {
                fail(shared, error.into());
                return None;
            }
        }
    }
}

fn gain<A: Aggregate>(shared: &Arc<Shared<A>>, owned: &mut Owned, partitions: &[u32]) {
    shared.ready.send_modify(|now| {
        now.assigned = true;
        now.owned += partitions.len();
    });
    for &partition in partitions {
        let (sender, requests) = mpsc::channel(shared.options.queue);
        let stop = CancellationToken::new();
        let owner = Owner::<A>::new(
            shared.topic.clone(),
            partition,
            shared.claimant,
            shared.options.clone(),
            shared.replays.clone(),
            requests,
            stop.clone(),
        );
        owned.stops.insert(partition, stop);
        owned
            .tasks
            .spawn(run_owner(shared.clone(), partition, owner));
        shared.owners.write().expect("no one panics with the lock")[partition as usize] =
            Some(sender);
    }
}

async fn run_owner<A: Aggregate>(
    shared: Arc<Shared<A>>,
    partition: u32,
    owner: Owner<A>,
) -> (u32, Result<(), EngineError>) {
    let first = std::sync::Once::new();
    let serving = || first.call_once(|| shared.ready.send_modify(|now| now.served += 1));
    let ended = AssertUnwindSafe(owner.run(serving)).catch_unwind().await;
    let result = match ended {
        Ok(result) => result.map_err(EngineError::from),
        Err(panic) => Err(EngineError::Panicked(panic_message(&*panic))),
    };
    if first.is_completed() {
        shared.ready.send_modify(|now| now.served -= 1);
    }
    (partition, result)
}

/// Stops the owners of these partitions, and waits until they have answered everyone.
async fn give_up<A: Aggregate>(shared: &Arc<Shared<A>>, owned: &mut Owned, partitions: &[u32]) {
    let mut waiting: Vec<u32> = Vec::new();
    for partition in partitions {
        shared.owners.write().expect("no one panics with the lock")[*partition as usize] = None;
        if let Some(stop) = owned.stops.remove(partition) {
            stop.cancel();
            waiting.push(*partition);
        }
    }
    shared.ready.send_modify(|now| now.owned -= waiting.len());
    while !waiting.is_empty()
        && let Some(ended) = owned.tasks.join_next().await
    {
        if let Ok((partition, _)) = &ended {
            waiting.retain(|left| left != partition);
        }
        note_end(shared, ended);
    }
}

fn note_end<A: Aggregate>(
    shared: &Arc<Shared<A>>,
    ended: Result<(u32, Result<(), EngineError>), tokio::task::JoinError>,
) {
    if let Ok((_, Err(error))) = ended {
        fail(shared, error);
    }
}

/// Ends the engine: the first failure is the one that is told.
fn fail<A: Aggregate>(shared: &Arc<Shared<A>>, error: EngineError) {
    tracing::error!(error = chain(&error), "the engine ends");
    shared.failure.send_if_modified(|failure| {
        let first = failure.is_none();
        failure.get_or_insert(error);
        first
    });
    shared.stop.cancel();
}
