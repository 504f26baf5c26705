//! What clients asked for, and what they were told.

use factum_engine::{ExecuteError, Receipt, Submitted};
use uuid::Uuid;

use crate::account::{Account, Ask, Seen};
use crate::node::Outcome;

/// A command of a client.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its number.
    pub order: u64,
    /// The account.
    pub id: String,
    /// What it asks for.
    pub ask: Ask,
    /// The version that the client expects.
    pub expected: Option<u64>,
    /// The command's id, the same for each attempt.
    pub command: Option<Uuid>,
    /// The attempts.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it was sent, as the number of something that happened.
    pub sent: u64,
    /// When it was answered, in the same way.
    pub answered: u64,
    /// The answer.
    pub answer: Answer,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was carried out.
    Done(Receipt),
    /// The domain said no, with the state that it saw.
    Rejected(Account),
    /// The aggregate is at another version.
    Conflict(u64),
    /// It is durable, under this command id, and will be handled.
    Submitted(Uuid),
    /// Nothing happened.
    Refused,
    /// Whoever was asked does not know, and does nothing about it any more.
    Unknown,
    /// Nobody answered.
    Unheard,
    /// It was decided, and how is forgotten.
    Forgotten,
    /// Something else, that must not be.
    Strange,
}

impl Answer {
    /// What an outcome says; `None` stands for none.
    pub fn of(outcome: &Option<Outcome>) -> Self {
        match outcome {
            None => Self::Unheard,
            Some(Outcome::Executed(Ok(receipt))) => Self::Done(*receipt),
            Some(Outcome::Submitted(Ok(Submitted { command, .. }))) => Self::Submitted(*command),
            Some(Outcome::Executed(Err(error)) | Outcome::Submitted(Err(error))) => {
                Self::of_error(error)
            }
        }
    }

    fn of_error(error: &ExecuteError<Seen>) -> Self {
        match error {
            ExecuteError::Rejected(Seen(account)) => Self::Rejected(*account),
            ExecuteError::Conflict { actual, .. } => Self::Conflict(*actual),
            ExecuteError::Fenced | ExecuteError::Unavailable { .. } | ExecuteError::Overloaded => {
                Self::Refused
            }
            ExecuteError::Unknown { .. } | ExecuteError::Refused { .. } => Self::Unknown,
            ExecuteError::Forgotten { .. } => Self::Forgotten,
            _ => Self::Strange,
        }
    }

    /// Whether anything may have become of the command.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Unknown | Self::Unheard)
    }

    /// Whether it is what became of the command.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Done(_) | Self::Rejected(_) | Self::Conflict(_) | Self::Strange
        )
    }
}
