//! How an engine is put together.

use std::sync::Arc;

use factum_core::{Aggregate, EventLog};

use crate::checkpoints::Checkpoints;
use crate::middleware::Middleware;
use crate::routing::Routing;
use crate::{Engine, EngineError, EngineOptions};

/// An engine that is to be started: [`Engine::builder`].
#[must_use = "nothing happens until `start`"]
pub struct EngineBuilder<A: Aggregate> {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) options: EngineOptions,
    pub(crate) checkpoints: Option<Checkpoints<A>>,
    pub(crate) routing: Option<Routing<A>>,
    pub(crate) middleware: Option<Arc<dyn Middleware<A>>>,
}

impl<A: Aggregate> EngineBuilder<A> {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            options: EngineOptions::default(),
            checkpoints: None,
            routing: None,
            middleware: None,
        }
    }

    /// How it runs.
    pub fn options(self, options: EngineOptions) -> Self {
        Self { options, ..self }
    }

    /// Lets it keep checkpoints of the state: it replays what came since the last one, and may hold
    /// less than the whole state in memory. Where a checkpoint cannot be used or written, it does
    /// without, and warns.
    pub fn checkpoints(self, checkpoints: Checkpoints<A>) -> Self {
        let checkpoints = Some(checkpoints);
        Self {
            checkpoints,
            ..self
        }
    }

    /// Lets it take commands for every aggregate, and send those on to their owner that it does not
    /// own; and take those that others send. All engines of an aggregate type should have it, or none:
    /// commands wait in the log while their partition belongs to one that has not.
    pub fn routing(self, routing: Routing<A>) -> Self {
        let routing = Some(routing);
        Self { routing, ..self }
    }

    /// Lets someone see every command before it is decided, and its outcome.
    pub fn middleware(self, middleware: impl Middleware<A>) -> Self {
        let middleware: Option<Arc<dyn Middleware<A>>> = Some(Arc::new(middleware));
        Self { middleware, ..self }
    }

    /// Opens the aggregate's topic, joins its group, replays the partitions that it gets, and returns
    /// once they take commands; or after a while, if the group has none to give: then the engine stands
    /// by for the others.
    ///
    /// # Errors
    /// The log cannot be reached, is damaged, or is not one that Factum can work with; or the state is
    /// one that checkpoints cannot hold.
    pub async fn start(self) -> Result<Engine<A>, EngineError> {
        Engine::start_as(self).await
    }
}
