//! What a caller gets for a command that was carried out.

use factum_core::ConsistencyToken;
use uuid::Uuid;

/// Proof that a command took effect, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The command's id.
    pub command: Uuid,
    /// The partition that holds the aggregate.
    pub partition: u32,
    /// The sequence of the commit's last event in the partition. For a command that emitted nothing,
    /// the last one before it: a read model that has come this far shows what the command saw.
    pub sequence: u64,
    /// The aggregate's version after the command.
    pub version: u64,
    /// How many events the command emitted.
    pub events: u32,
}

impl Receipt {
    /// What a read model is waited for with, also by another process.
    pub fn token(&self) -> ConsistencyToken {
        ConsistencyToken {
            partition: self.partition,
            sequence: self.sequence,
        }
    }
}

impl From<&Receipt> for ConsistencyToken {
    fn from(receipt: &Receipt) -> Self {
        receipt.token()
    }
}
