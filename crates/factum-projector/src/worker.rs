//! A worker: a member of the projection's group that projects the partitions it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Change, Membership, chain};
use factum_host::spawn;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::pump::{Context, Ended, Pump};
use crate::sources::Sources;
use crate::{Projection, ProjectorError};

/// Resolves when the work is over: done, failed, or no longer wanted.
type Over<'a> = Pin<&'a mut (dyn Future<Output = Result<(), ProjectorError>> + Send)>;

/// What comes after a membership.
enum Next {
    /// Nothing.
    Over,
    /// The group is to decide anew who owns what.
    Rejoin,
}

/// Projects what the group assigns until `over` resolves.
pub(crate) async fn work<P: Projection>(
    context: &Arc<Context<P>>,
    over: impl Future<Output = Result<(), ProjectorError>> + Send,
) -> Result<(), ProjectorError> {
    let mut over = pin!(over);
    let mut backoff = Backoff::default();
    loop {
        let started = tokio::time::Instant::now();
        match join(context, over.as_mut()).await? {
            Next::Over => return Ok(()),
            Next::Rejoin => {}
        }
        if started.elapsed() > Duration::from_secs(30) {
            backoff.reset();
        }
        tokio::select! {
            biased;
            over = over.as_mut() => return over,
            () = backoff.wait() => {}
        }
    }
}

/// Joins the group, works as its member, and leaves it.
async fn join<P: Projection>(
    context: &Arc<Context<P>>,
    over: Over<'_>,
) -> Result<Next, ProjectorError> {
    let group = format!("factum.{}.v{}", P::NAME, P::VERSION);
    let membership = match context.sources.join(&group).await {
        Ok(membership) => membership,
        Err(error) if error.is_retryable() => {
            tracing::warn!(error = chain(&error), group, "cannot join: trying again");
            return Ok(Next::Rejoin);
        }
        Err(error) => return Err(error.into()),
    };
    let mut member = Member {
        context,
        membership,
        owned: BTreeSet::new(),
        pump: None,
    };
    let worked = member.work(over).await;
    let stopped = member.stop().await;
    if let Err(error) = member.membership.leave().await {
        tracing::warn!(
            error = chain(&error),
            group,
            "cannot leave: the group will notice"
        );
    }
    context.progress.own(BTreeMap::new());
    stopped?;
    worked
}

/// A member of the group.
struct Member<'a, P: Projection> {
    context: &'a Arc<Context<P>>,
    membership: Box<dyn Membership>,
    owned: BTreeSet<u32>,
    pump: Option<Running>,
}

impl<P: Projection> Member<'_, P> {
    async fn work(&mut self, mut over: Over<'_>) -> Result<Next, ProjectorError> {
        loop {
            tokio::select! {
                biased;
                over = over.as_mut() => return over.map(|()| Next::Over),
                ended = ended(&mut self.pump) => {
                    self.pump = None;
                    if let Some(next) = after(&self.context.sources, ended?) {
                        return Ok(next);
                    }
                }
                change = self.membership.next() => match change {
                    Ok(change) => if let Some(next) = self.change(change).await? {
                        return Ok(next);
                    },
                    Err(error) if error.is_retryable() => {
                        tracing::warn!(error = chain(&error), "lost the group: joining again");
                        return Ok(Next::Rejoin);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    /// Takes in a change of ownership: stops, and starts again with what is owned now.
    async fn change(&mut self, change: Change) -> Result<Option<Next>, ProjectorError> {
        let next = self.stop().await?;
        match change {
            Change::Gained(partitions) => {
                let shown = self.context.sources.shown(&partitions);
                tracing::info!(partitions = %shown, "gained partitions");
                self.owned.extend(partitions);
            }
            Change::Revoked {
                partitions,
                release,
            } => {
                let shown = self.context.sources.shown(&partitions);
                tracing::info!(partitions = %shown, "gave up partitions");
                self.owned.retain(|owned| !partitions.contains(owned));
                drop(release);
            }
        }
        if self.owned.is_empty() {
            self.context.progress.own(BTreeMap::new());
        } else if next.is_none() {
            self.start();
        }
        Ok(next)
    }

    fn start(&mut self) {
        let partitions = self.owned.iter().copied().collect();
        let (stop, stopped) = watch::channel(false);
        let pump = Pump::new(self.context.clone(), partitions);
        self.pump = Some(Running {
            stop,
            task: spawn(pump.run(stopped)),
        });
    }

    /// Lets the batch under way end, or undoes it when that takes too long.
    async fn stop(&mut self) -> Result<Option<Next>, ProjectorError> {
        let Some(mut pump) = self.pump.take() else {
            return Ok(None);
        };
        let _ = pump.stop.send(true);
        let patience = self.context.options.stop_timeout;
        match tokio::time::timeout(patience, outcome(&mut pump.task)).await {
            Ok(ended) => ended.map(|it| after(&self.context.sources, it)),
            Err(_) => {
                tracing::warn!(?patience, "a batch took too long and is undone");
                Ok(None)
            }
        }
    }
}

/// A pump at work. Dropping it undoes the batch under way.
struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Ended, ProjectorError>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ended(pump: &mut Option<Running>) -> Result<Ended, ProjectorError> {
    match pump {
        Some(pump) => outcome(&mut pump.task).await,
        None => std::future::pending().await,
    }
}

async fn outcome(
    task: &mut JoinHandle<Result<Ended, ProjectorError>>,
) -> Result<Ended, ProjectorError> {
    task.await
        .unwrap_or_else(|error| Err(ProjectorError::Panicked(error)))
}

fn after(sources: &Sources, ended: Ended) -> Option<Next> {
    match ended {
        Ended::Stopped | Ended::Paused | Ended::Again => None,
        Ended::Behind(partitions) => {
            tracing::warn!(
                partitions = %sources.shown(&partitions),
                "another worker is ahead, or an operator moved the position: nothing was written, joining the group again"
            );
            Some(Next::Rejoin)
        }
    }
}
