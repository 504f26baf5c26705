//! The topic of commands, read raw.

use serde::Deserialize;
use uuid::Uuid;

use super::{Kind, RawRecord, Violation};
use crate::wire::Order;

/// A command that came through the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Its partition, and that of the account.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// The account.
    pub account: String,
    /// The command's id.
    pub command: Uuid,
    /// The client's own name for the command.
    pub order: String,
    /// What is asked of the account.
    pub wish: Order,
}

/// The header `factum` of a command, as far as the checker asks.
#[derive(Deserialize)]
struct Envelope {
    command: Uuid,
}

/// Reads a partition of the topic. A record that can't be read is damage: only the clients of the
/// run write there.
pub fn read_commands(records: &[RawRecord]) -> (Vec<Routed>, Vec<Violation>) {
    let (mut commands, mut damage) = (Vec::new(), Vec::new());
    for record in records {
        let (partition, offset) = (record.partition, record.offset);
        match routed(record) {
            Some(command) => commands.push(command),
            None => damage.push(Violation::new(
                Kind::Damage,
                format!("a command that can't be read, at commands {partition}@{offset}"),
            )),
        }
    }
    (commands, damage)
}

fn routed(record: &RawRecord) -> Option<Routed> {
    let envelope: Envelope = serde_json::from_slice(record.header.as_deref()?).ok()?;
    let (order, wish) = serde_json::from_slice(&record.value).ok()?;
    Some(Routed {
        partition: record.partition,
        offset: record.offset,
        account: String::from_utf8(record.key.clone()).ok()?,
        command: envelope.command,
        order,
        wish,
    })
}
