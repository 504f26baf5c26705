//! What a caller is told, as JSON: in replies, and in records of commands without events.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::Outcome;
use crate::{ExecuteError, Receipt};

/// An outcome that is final: the same command id gets it again.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told<R> {
    Done(Done),
    Rejected(R),
    Conflict {
        expected: u64,
        actual: u64,
    },
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    /// An event was decided that could not be read back.
    Unreadable(String),
    Panicked(String),
    Denied(String),
    /// The command could not be read.
    NotUnderstood(String),
    /// The command came before, and its answer is forgotten.
    Forgotten,
}

/// A receipt without the command's id, which stands beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    partition: u32,
    sequence: u64,
    version: u64,
    events: u32,
}

impl<'o, R> Told<&'o R> {
    /// The outcome in the form that travels.
    pub fn of(outcome: &'o Outcome<R>) -> Self {
        match outcome {
            Ok(receipt) => Self::Done(Done {
                partition: receipt.partition,
                sequence: receipt.sequence,
                version: receipt.version,
                events: receipt.events,
            }),
            Err(error) => Self::of_error(error),
        }
    }

    fn of_error(error: &'o ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => Self::Rejected(rejection),
            &ExecuteError::Conflict { expected, actual } => Self::Conflict { expected, actual },
            &ExecuteError::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            ExecuteError::Unreadable(cause) => Self::Unreadable(cause.to_string()),
            ExecuteError::Panicked(message) => Self::Panicked(message.clone()),
            ExecuteError::Denied(reason) => Self::Denied(reason.clone()),
            ExecuteError::NotUnderstood(reason) => Self::NotUnderstood(reason.clone()),
            ExecuteError::Forgotten { .. } => Self::Forgotten,
            // An owner decides none of these.
            ExecuteError::Unknown { .. }
            | ExecuteError::Fenced
            | ExecuteError::Unavailable { .. }
            | ExecuteError::Overloaded
            | ExecuteError::Unsent(_)
            | ExecuteError::Refused { .. }
            | ExecuteError::AnswerNotUnderstood { .. } => {
                unreachable!("an owner decides what is final")
            }
        }
    }
}

impl<R> Told<R> {
    /// The outcome of a command.
    pub fn outcome(self, command: Uuid) -> Outcome<R> {
        Err(match self {
            Self::Done(done) => {
                return Ok(Receipt {
                    command,
                    partition: done.partition,
                    sequence: done.sequence,
                    version: done.version,
                    events: done.events,
                });
            }
            Self::Rejected(rejection) => ExecuteError::Rejected(rejection),
            Self::Conflict { expected, actual } => ExecuteError::Conflict { expected, actual },
            Self::TooLarge { bytes, limit } => ExecuteError::TooLarge { bytes, limit },
            Self::Unreadable(cause) => ExecuteError::Unreadable(cause.into()),
            Self::Panicked(message) => ExecuteError::Panicked(message),
            Self::Denied(reason) => ExecuteError::Denied(reason),
            Self::NotUnderstood(reason) => ExecuteError::NotUnderstood(reason),
            Self::Forgotten => ExecuteError::Forgotten { command },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back(outcome: Outcome<String>, json: &str) {
        let text = serde_json::to_string(&Told::of(&outcome)).unwrap();
        assert_eq!(text, json);
        let back = serde_json::from_str::<Told<String>>(&text).unwrap();
        assert_eq!(
            format!("{:?}", back.outcome(Uuid::nil())),
            format!("{outcome:?}")
        );
    }

    /// The form is documented, and stands in logs for ever.
    #[test]
    fn outcomes_come_back_as_they_were_told() {
        let receipt = Receipt {
            command: Uuid::nil(),
            partition: 1,
            sequence: 2,
            version: 3,
            events: 4,
        };
        let done = r#"{"done":{"partition":1,"sequence":2,"version":3,"events":4}}"#;
        comes_back(Ok(receipt), done);
        let rejected = ExecuteError::Rejected("no".to_owned());
        comes_back(Err(rejected), r#"{"rejected":"no"}"#);
        let (expected, actual) = (1, 2);
        comes_back(
            Err(ExecuteError::Conflict { expected, actual }),
            r#"{"conflict":{"expected":1,"actual":2}}"#,
        );
        let (bytes, limit) = (2, 1);
        comes_back(
            Err(ExecuteError::TooLarge { bytes, limit }),
            r#"{"too_large":{"bytes":2,"limit":1}}"#,
        );
        comes_back(
            Err(ExecuteError::Panicked("oh".to_owned())),
            r#"{"panicked":"oh"}"#,
        );
        comes_back(
            Err(ExecuteError::Denied("not you".to_owned())),
            r#"{"denied":"not you"}"#,
        );
        comes_back(
            Err(ExecuteError::NotUnderstood("what".to_owned())),
            r#"{"not_understood":"what"}"#,
        );
        let command = Uuid::nil();
        comes_back(Err(ExecuteError::Forgotten { command }), r#""forgotten""#);
    }
}
