//! What a command brings along besides itself.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Origin, TraceParent};

/// Where a command came from. All of its events carry it, and their readers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Who asked: a user, a service.
    pub actor: Option<Arc<str>>,
    /// What belongs together across aggregates and services.
    pub correlation: Option<Uuid>,
    /// The event or command that led to the command.
    pub causation: Option<Uuid>,
    /// The span of a trace that asked for it.
    pub trace: Option<TraceParent>,
}

impl Metadata {
    /// The metadata that a header carries.
    pub fn of(origin: &Origin<'_>) -> Self {
        Self {
            actor: origin.actor.map(Arc::from),
            correlation: origin.correlation,
            causation: origin.causation,
            trace: origin.trace,
        }
    }

    /// The metadata as a header carries it.
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            command_offset: None,
            correlation: self.correlation,
            causation: self.causation,
            actor: self.actor.as_deref(),
            trace: self.trace,
        }
    }
}
