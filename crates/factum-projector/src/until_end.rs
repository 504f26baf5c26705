//! Knowing when everything is projected that a topic held at some moment, whoever does it.

use std::collections::BTreeMap;
use std::time::Duration;

use factum_core::{LogError, Offset, Position, chain};
use futures::future::try_join_all;

use crate::backoff::Backoff;
use crate::identity;
use crate::pump::Context;
use crate::sources::Sources;
use crate::store::Session;
use crate::{Projection, ProjectorError};

/// Where each partition ends.
type Ends = BTreeMap<u32, Offset>;

const INTERVAL: Duration = Duration::from_millis(50);
/// After how many looks without a change it is checked whether any event is left at all.
const STALLED: u32 = 10;

/// Where each partition ends now.
async fn ends(sources: &Sources) -> Result<Ends, LogError> {
    let ends = sources.slots().map(|partition| async move {
        let end = sources.end(partition).await?;
        Ok((partition, end))
    });
    Ok(try_join_all(ends).await?.into_iter().collect())
}

/// Waits until the committed positions have reached the ends that the partitions have now.
pub(crate) async fn reached<P: Projection>(context: &Context<P>) -> Result<(), ProjectorError> {
    let mut watch = Watch {
        context,
        ends: None,
        last: BTreeMap::new(),
        stalled: 0,
    };
    let mut backoff = Backoff::default();
    loop {
        match watch.session().await {
            Err(error) if error.is_retryable() => {
                let cause = chain(&error);
                tracing::warn!(cause, "cannot see how far the end is: trying again");
                backoff.wait().await;
            }
            outcome => return outcome,
        }
    }
}

struct Watch<'a, P: Projection> {
    context: &'a Context<P>,
    /// What is yet to be reached, once it is known.
    ends: Option<Ends>,
    last: BTreeMap<u32, Position>,
    stalled: u32,
}

impl<P: Projection> Watch<'_, P> {
    async fn session(&mut self) -> Result<(), ProjectorError> {
        if self.ends.is_none() {
            self.ends = Some(ends(&self.context.sources).await?);
        }
        let session = self.context.store.connect().await?;
        while !self.look(&*session).await? {
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// Whether all is reached.
    async fn look(&mut self, session: &dyn Session<P::Row>) -> Result<bool, ProjectorError> {
        let positions = session.positions().await?;
        self.stalled = if positions == self.last {
            self.stalled + 1
        } else {
            0
        };
        self.last = positions;
        let check_torn = self.stalled >= STALLED;
        let mut left = self.ends.take().unwrap_or_default();
        left.retain(|partition, end| self.last.get(partition).is_none_or(|at| at.offset < *end));
        if check_torn {
            self.stalled = 0;
            left = self.without_torn(left).await;
        }
        let reached = self.ends.insert(left).is_empty();
        if !reached || self.is_replaying(session).await? {
            return Ok(false);
        }
        // Offsets of another log say nothing of this one.
        identity::verify(&self.context.sources, P::NAME, &self.last).await?;
        Ok(true)
    }

    /// Whether dead letters are marked to be replayed. One that fails is not any more.
    async fn is_replaying(&self, session: &dyn Session<P::Row>) -> Result<bool, ProjectorError> {
        let partitions: Vec<u32> = self.last.keys().copied().collect();
        Ok(session.parked(&partitions).await?.take_asked())
    }

    /// Takes the partitions as reached where no whole commit is left: their last one was torn off,
    /// and a position never stands within a commit.
    async fn without_torn(&self, mut left: Ends) -> Ends {
        for (partition, end) in left.clone() {
            let Some(position) = self.last.get(&partition) else {
                continue;
            };
            let sources = &self.context.sources;
            // What can't be read is for the partition's owner to report.
            if let Ok(false) = holds_commit(sources, partition, *position, end).await {
                left.remove(&partition);
            }
        }
        left
    }
}

/// Whether a whole commit begins at `position` or later and ends before `end`.
pub(crate) async fn holds_commit(
    sources: &Sources,
    partition: u32,
    position: Position,
    end: Offset,
) -> Result<bool, LogError> {
    let mut commits = sources.reader(partition, position);
    let mut reader = sources.read(&[(partition, position.offset)]).await?;
    let mut found = false;
    loop {
        for fetched in reader.next().await? {
            commits.read(&fetched, |event| {
                found |= event.offset < end;
                Ok(())
            })?;
            if found || fetched.next >= end {
                return Ok(found);
            }
        }
    }
}
