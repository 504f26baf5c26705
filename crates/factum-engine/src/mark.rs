//! How far a partition's topic of commands was handled.

use factum_core::Offset;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The place behind the newest command that was handled, and that command's id: in another topic under
/// the same name, another command stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The offset of the first command that is to be handled.
    pub next: Offset,
    /// The id of the command before it; nil where there is none.
    pub last: Uuid,
}

impl Mark {
    /// Takes note that a command is being handled.
    pub fn pass(&mut self, offset: Offset, command: Uuid) {
        if offset >= self.next {
            *self = Self {
                next: offset + 1,
                last: command,
            };
        }
    }
}
