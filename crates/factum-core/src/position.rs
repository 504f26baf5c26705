//! How far a reader has come in one partition.

use uuid::Uuid;

use crate::Offset;

/// A reader's place in a partition, with the state of the reader rule there. Taken where no commit
/// is half-read, so that reading can go on from it, or from any earlier offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which partition this is: the claimant of its epoch 1. `None` before that claim was read.
    pub identity: Option<Uuid>,
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The epoch in force, 0 before the first claim.
    pub epoch: u64,
    /// The sequence of the next valid event, from 1.
    pub next: u64,
    /// Whether the epoch was closed by a gap: nothing is valid until the next claim.
    pub closed: bool,
}

impl Position {
    /// The start of every partition.
    pub const START: Position = Position {
        identity: None,
        offset: 0,
        epoch: 0,
        next: 1,
        closed: false,
    };
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}
