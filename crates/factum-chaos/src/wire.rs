//! What clients and nodes say to each other: a line of JSON each way, one command at a time on a
//! connection.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an account is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One event.
    Deposit(i64),
    /// One event; rejected where the account does not hold as much.
    Withdraw(i64),
    /// One commit of several deposits.
    Split(Vec<i64>),
}

/// One attempt at a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The client's own name for the command, which no other command has.
    pub order: String,
    /// The account's id.
    pub account: String,
    /// What is asked of it.
    pub command: Order,
    /// The command id, if the client chose one.
    pub id: Option<Uuid>,
    /// The version that the account must have.
    pub expected: Option<u64>,
    /// How long the node may take, in milliseconds.
    pub patience: u64,
}

/// How an attempt reaches the account's owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Through a node's socket.
    #[default]
    Node,
    /// Through the topic of commands, waiting for what becomes of it.
    Execute,
    /// Through the topic of commands, waiting until it is durable.
    Submit,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Node, Self::Execute, Self::Submit];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Execute => "execute",
            Self::Submit => "submit",
        }
    }

    /// The way after this one, in a ring.
    pub fn next(self) -> Self {
        match self {
            Self::Node => Self::Execute,
            Self::Execute => Self::Submit,
            Self::Submit => Self::Node,
        }
    }
}

/// How an attempt ended, as its client understands it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The command took effect.
    Done(Receipt),
    /// The command stands in the topic of commands, and will be handled.
    Submitted,
    /// The account said no.
    Rejected,
    /// The account is at another version.
    Conflict(u64),
    /// Nothing happened: another writer took over.
    Fenced,
    /// Nothing happened: nobody owns the partition, nobody listens, or it could not be sent.
    Unavailable,
    /// Nothing happened: too much waits.
    Overloaded,
    /// It is not known what happened.
    Unknown,
    /// What never is to happen.
    Failed(String),
}

/// Where a command took effect, by the node's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The account's partition.
    pub partition: u32,
    /// The sequence of the command's last event.
    pub sequence: u64,
    /// The account's version after it.
    pub version: u64,
    /// How many events it emitted.
    pub events: u32,
}
