//! What became of commands, counted.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use factum_core::Fate;

use crate::ExecuteError;
use crate::answer::Waiting;
use crate::decider::Caller;
use crate::status::CommandCounts;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Rejected,
    Conflict,
    Failed,
    Fenced,
    Unavailable,
    Overloaded,
}

const OUTCOMES: usize = Outcome::Overloaded as usize + 1;

impl Outcome {
    /// What the caller will be told; `None` if nobody is.
    pub fn of<R>(waiting: &Waiting<R>, fate: Fate) -> Option<Self> {
        match (&waiting.answer, fate, &waiting.caller) {
            (_, Fate::Void, Caller::There(_)) => None,
            (_, Fate::Void, Caller::Here(_)) => Some(Self::Fenced),
            (Ok(_), ..) => Some(Self::Accepted),
            (Err(error), ..) => Some(Self::of_error(error)),
        }
    }

    pub fn of_error<R>(error: &ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Rejected(_) => Self::Rejected,
            ExecuteError::Conflict { .. } => Self::Conflict,
            ExecuteError::Fenced => Self::Fenced,
            ExecuteError::Unavailable { .. } | ExecuteError::Unsent(_) => Self::Unavailable,
            ExecuteError::Overloaded => Self::Overloaded,
            _ => Self::Failed,
        }
    }
}

/// How many commands had which outcome.
#[derive(Debug)]
pub(crate) struct Outcomes([AtomicU64; OUTCOMES]);

impl Default for Outcomes {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Outcomes {
    pub fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what another has counted.
    pub fn take_in(&self, other: &Self) {
        for (own, others) in self.0.iter().zip(&other.0) {
            own.fetch_add(others.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    pub fn counts(&self) -> CommandCounts {
        let of = |outcome: Outcome| self.0[outcome as usize].load(Ordering::Relaxed);
        CommandCounts {
            accepted: of(Outcome::Accepted),
            rejected: of(Outcome::Rejected),
            conflict: of(Outcome::Conflict),
            failed: of(Outcome::Failed),
            fenced: of(Outcome::Fenced),
            unavailable: of(Outcome::Unavailable),
            overloaded: of(Outcome::Overloaded),
        }
    }
}
