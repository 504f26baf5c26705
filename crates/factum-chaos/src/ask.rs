//! Between what a client asks and what Factum is told: options, outcomes, and how commands travel.

use std::time::Duration;

use factum::{CommandOptions, ExecuteError, Metadata, Routing, RoutingOptions};

use crate::account::{Account, Overdrawn};
use crate::wire::{Answer, Receipt, Request};

/// How long to wait for an answer through the topic before the command is sent again: shorter than
/// most faults, so that copies are common.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How nodes and clients send commands through the topic.
pub fn routing() -> Routing<Account> {
    Routing::new(RoutingOptions {
        send_again_after: SEND_AGAIN_AFTER,
        ..RoutingOptions::default()
    })
}

/// What is asked of Factum beside the command.
pub fn options(request: &Request) -> CommandOptions {
    CommandOptions {
        expected_version: request.expected,
        command_id: request.id,
        timeout: Some(Duration::from_millis(request.patience)),
        metadata: Metadata::default(),
    }
}

/// What the client is told of a command that was to be carried out.
pub fn answer(executed: Result<factum::Receipt, ExecuteError<Overdrawn>>) -> Answer {
    match executed {
        Ok(receipt) => Answer::Done(Receipt {
            partition: receipt.partition,
            sequence: receipt.sequence,
            version: receipt.version,
            events: receipt.events,
        }),
        Err(error) => refusal(error),
    }
}

/// What the client is told of a command that failed.
pub fn refusal(error: ExecuteError<Overdrawn>) -> Answer {
    match error {
        ExecuteError::Rejected(Overdrawn) => Answer::Rejected,
        ExecuteError::Conflict { actual, .. } => Answer::Conflict(actual),
        ExecuteError::Fenced => Answer::Fenced,
        ExecuteError::Unavailable { .. } | ExecuteError::Unsent(_) => Answer::Unavailable,
        ExecuteError::Overloaded => Answer::Overloaded,
        ExecuteError::Unknown { .. } | ExecuteError::Refused { .. } => Answer::Unknown,
        other => Answer::Failed(other.to_string()),
    }
}
