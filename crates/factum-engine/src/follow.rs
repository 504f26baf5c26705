//! The task that follows the group: it runs an owner for each partition that this engine is given.

use std::collections::BTreeMap;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, Change, LogError, Membership, chain};
use factum_host::task;
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::decider::panic_message;
use crate::engine::{Shared, Ways};
use crate::history::AT_ONCE;
use crate::owner::Owner;
use crate::standby::Warm;
use crate::standbys::Standbys;

/// How long to wait before joining a lost group again: twice as long each time, up to a bound.
const FIRST_JOIN: Duration = Duration::from_millis(100);
const LAST_JOIN: Duration = Duration::from_secs(5);

/// The partitions that are owned: how to stop each, and their tasks; and those that are not.
struct Owned<A: Aggregate> {
    stops: BTreeMap<u32, CancellationToken>,
    tasks: JoinSet<Ended<A>>,
    standbys: Standbys<A>,
}

/// A partition whose owner has ended, how, and what is at hand of it.
type Ended<A> = (u32, Result<(), EngineError>, Warm<A>);

/// Follows the group, and fails the engine should that panic.
pub(crate) async fn follow_to_the_end<A: Aggregate>(
    shared: Arc<Shared<A>>,
    membership: Box<dyn Membership>,
) {
    let _ended = shared.ended.clone().drop_guard();
    let followed = AssertUnwindSafe(follow(shared.clone(), membership)).catch_unwind();
    if let Err(panic) = followed.await {
        fail(&shared, EngineError::Panicked(panic_message(&*panic)));
    }
}

/// Follows the group from one membership to the next, until told to stop or something fails. The
/// standbys need no group.
async fn follow<A: Aggregate>(shared: Arc<Shared<A>>, membership: Box<dyn Membership>) {
    let mut owned = Owned {
        stops: BTreeMap::new(),
        tasks: JoinSet::new(),
        standbys: Standbys::of(&shared),
    };
    if shared.options.standby {
        owned.standbys.stand_by_for_all().await;
    }
    be_members(&shared, &mut owned, membership).await;
    owned.standbys.end().await;
    if let Some(routes) = &shared.routes {
        routes.flush().await;
    }
}

async fn be_members<A: Aggregate>(
    shared: &Arc<Shared<A>>,
    owned: &mut Owned<A>,
    mut membership: Box<dyn Membership>,
) {
    while let Some(lost) = be_member(shared, owned, membership).await {
        let (group, error) = (&shared.group, chain(&lost));
        tracing::warn!(group, error, "lost the group: joining again");
        match join_again(shared).await {
            Some(joined) => membership = joined,
            None => return,
        }
    }
}

/// Owns what the group gives, and gives up what it takes, until told to stop or something fails; or
/// until the membership ends with an error that may pass, which is returned. Leaves the group.
async fn be_member<A: Aggregate>(
    shared: &Arc<Shared<A>>,
    owned: &mut Owned<A>,
    mut membership: Box<dyn Membership>,
) -> Option<LogError> {
    shared.board.is_member(true);
    let lost = loop {
        tokio::select! {
            biased; // one that failed must not wait for owners that nobody has stopped
            () = shared.stop.cancelled() => break None,
            change = membership.next() => match change {
                Ok(Change::Gained(partitions)) => gain(shared, owned, &partitions),
                Ok(Change::Revoked { partitions, release }) => {
                    give_up(shared, owned, &partitions).await;
                    drop(release);
                }
                Err(error) if error.is_retryable() => break Some(error),
                Err(error) => {
                    fail(shared, error.into());
                    break None;
                }
            },
            Some(ended) = owned.tasks.join_next() => {
                note_end(shared, &mut owned.standbys, ended).await;
            }
        }
    };
    // Nobody is to believe that an engine without a group is ready.
    shared.ready.send_modify(|now| now.assigned = false);
    shared.board.is_member(false);
    let all: Vec<u32> = owned.stops.keys().copied().collect();
    give_up(shared, owned, &all).await;
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

fn gain<A: Aggregate>(shared: &Arc<Shared<A>>, owned: &mut Owned<A>, partitions: &[u32]) {
    shared.ready.send_modify(|now| {
        now.assigned = true;
        now.owned += partitions.len();
    });
    for &partition in partitions {
        let (sender, requests) = mpsc::channel(shared.options.queue);
        let (ask, lookups) = mpsc::channel(AT_ONCE);
        let stop = CancellationToken::new();
        let (board, options) = shared.board.gained(partition, &sender, &shared.options);
        let owner = Owner::<A>::new(
            shared.topic.clone(),
            board,
            shared.claimant,
            options,
            shared.turns.clone(),
            requests,
            stop.clone(),
        )
        .asked(lookups)
        .routed(shared.route())
        .watched(shared.middleware.clone());
        let relieved = owned.standbys.relieve(partition);
        owned.stops.insert(partition, stop);
        owned
            .tasks
            .spawn(task(run_owner(shared.clone(), partition, owner, relieved)));
        let ways = Ways {
            commands: sender,
            lookups: ask,
        };
        shared.lead_to(partition, Some(ways));
    }
}

async fn run_owner<A: Aggregate>(
    shared: Arc<Shared<A>>,
    partition: u32,
    owner: Owner<A>,
    relieved: impl Future<Output = Warm<A>>,
) -> Ended<A> {
    let first = std::sync::Once::new();
    let serving = || first.call_once(|| shared.ready.send_modify(|now| now.served += 1));
    let owner = owner.starting_from(relieved.await);
    let ended = AssertUnwindSafe(owner.run(serving)).catch_unwind().await;
    let (result, mut warm) = match ended {
        Ok((result, warm)) => (result.map_err(EngineError::from), warm),
        Err(panic) => {
            let panic = EngineError::Panicked(panic_message(&*panic));
            (Err(panic), Warm::NOTHING)
        }
    };
    if !shared.options.standby {
        mem::replace(&mut warm, Warm::NOTHING).close().await;
    }
    shared.board.given_up(partition);
    if first.is_completed() {
        shared.ready.send_modify(|now| now.served -= 1);
    }
    (partition, result, warm)
}

/// Stops the owners of these partitions, and waits until they have answered everyone.
async fn give_up<A: Aggregate>(shared: &Arc<Shared<A>>, owned: &mut Owned<A>, partitions: &[u32]) {
    let mut waiting: Vec<u32> = Vec::new();
    for partition in partitions {
        shared.lead_to(*partition, None);
        if let Some(stop) = owned.stops.remove(partition) {
            stop.cancel();
            waiting.push(*partition);
        }
    }
    shared.ready.send_modify(|now| now.owned -= waiting.len());
    while !waiting.is_empty()
        && let Some(ended) = owned.tasks.join_next().await
    {
        if let Ok((partition, ..)) = &ended {
            waiting.retain(|left| left != partition);
        }
        note_end(shared, &mut owned.standbys, ended).await;
    }
}

/// Stands by again for a partition whose owner has ended.
async fn note_end<A: Aggregate>(
    shared: &Arc<Shared<A>>,
    standbys: &mut Standbys<A>,
    ended: Result<Ended<A>, JoinError>,
) {
    let Ok((partition, result, warm)) = ended else {
        return;
    };
    if let Err(error) = result {
        fail(shared, error);
    }
    standbys.stand_by(partition, warm).await;
}

/// Ends the engine: the first failure is the one that is told.
pub(crate) fn fail<A: Aggregate>(shared: &Arc<Shared<A>>, error: EngineError) {
    tracing::error!(error = chain(&error), "the engine ends");
    shared.failure.send_if_modified(|failure| {
        let first = failure.is_none();
        failure.get_or_insert(error);
        first
    });
    shared.stop.cancel();
}
