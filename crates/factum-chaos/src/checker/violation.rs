//! What a run must not show.

use std::fmt;

/// One broken promise, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub kind: Kind,
    /// What was found, where in the topic, and in which line of the history.
    pub text: String,
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What was acknowledged is there.
    Lost,
    /// A command took effect once.
    Doubled,
    /// What was acknowledged before another command was sent stands before it.
    Reordered,
    /// What is there was asked for, as it is there.
    Forged,
    /// What was refused is absent.
    Refused,
    /// No command of the topic is left out while a later one is handled.
    PassedOver,
    /// Versions of an account are 1, 2, 3, …
    Version,
    /// A command that expected a version found it.
    Expected,
    /// A receipt is true.
    Receipt,
    /// A command id gets the same answer, however often and whichever way it is asked for.
    Answers,
    /// Decisions were taken on the state that the log gives.
    State,
    /// The log is whole, and every record of it can be read.
    Damage,
    /// The read model's rows are the fold of the log.
    ReadModel,
    /// Answers flow again after a fault.
    Progress,
    /// No command fails in a way that is no part of the contract.
    Failed,
    /// Memory, file handles and threads of a program stay at a level once it is warm.
    Growth,
}

impl Violation {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}
