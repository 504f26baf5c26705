//! The way of commands through the log, as an owner sees it.

use factum_core::{Aggregate, LogError};

use super::{BATCH, BATCH_BYTES, Owner};
use crate::decider::{Caller, Request};
use crate::routing::{Batch, Codec, Inbox, Intake, Replier};

/// The way of commands through the log, as an owner sees it.
pub(crate) struct Route<A: Aggregate> {
    intake: Intake<A>,
    pub(super) codec: Codec<A>,
    pub(super) replier: Replier<A>,
    /// Open while the partition is served.
    inbox: Option<Inbox<A>>,
    /// How many bytes of commands that came through the log were taken since the backlog was empty.
    taken: usize,
}

impl<A: Aggregate> Route<A> {
    pub fn new(intake: Intake<A>, codec: Codec<A>, replier: Replier<A>) -> Self {
        Self {
            intake,
            replier,
            codec,
            inbox: None,
            taken: 0,
        }
    }
}

impl<A: Aggregate> Owner<A> {
    /// Follows the commands that come through the log, from the first that is not handled.
    pub(super) fn open_inbox(&mut self) {
        let (partition, handled) = (self.partition, self.state.handled);
        if let Some(route) = &mut self.route {
            route.inbox = Some(route.intake.open(partition, handled));
        }
    }

    /// Stops following them, and forgets those that were not decided: they are still there.
    pub(super) fn close_inbox(&mut self) {
        if let Some(route) = &mut self.route {
            route.inbox = None;
            let is_here = |request: &Request<A>| matches!(request.caller, Caller::Here(_));
            self.backlog.retain(is_here);
        }
    }

    /// Whether there is room for commands that come through the log.
    pub(super) fn takes_commands(&self) -> bool {
        let taken = self.route.as_ref().map_or(0, |route| route.taken);
        let few = self.backlog.len() < BATCH && taken < BATCH_BYTES;
        (few || self.backlog.is_empty()) && !self.requests.is_closed()
    }

    pub(super) fn take(&mut self, batch: Batch<A>) {
        if let Some(route) = &mut self.route {
            let before = if self.backlog.is_empty() {
                0
            } else {
                route.taken
            };
            route.taken = before + batch.bytes;
        }
        self.backlog.extend(batch.requests);
    }
}

/// The commands that come next through the log, where they are routed. Cancel safe.
pub(super) async fn next_commands<A: Aggregate>(
    route: &mut Option<Route<A>>,
) -> Result<Batch<A>, LogError> {
    match route.as_mut().and_then(|route| route.inbox.as_mut()) {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}
