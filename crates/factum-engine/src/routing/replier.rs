//! The owner's answers to those who wait elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use factum_core::{Aggregate, Offset, RecordRef, Records, Topic};
use uuid::Uuid;

use super::Codec;
use super::wire::ReplyTo;
use crate::answer::Outcome;

/// A command that came through the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routed {
    /// Where its record stands in the topic of commands.
    pub offset: Offset,
    pub reply_to: Option<ReplyTo>,
    pub command: Uuid,
}

/// Gathers answers and sends them. One that is lost is asked for again.
pub(crate) struct Replier<A: Aggregate> {
    codec: Codec<A>,
    topic: Arc<dyn Topic>,
    answers: BTreeMap<u32, Records>,
}

impl<A: Aggregate> Replier<A> {
    pub fn new(codec: Codec<A>, topic: Arc<dyn Topic>) -> Self {
        Self {
            codec,
            topic,
            answers: BTreeMap::new(),
        }
    }

    /// Adds the answer to a command, unless nobody waits for it.
    pub fn answer(&mut self, routed: Routed, outcome: &Outcome<A::Rejection>) {
        let Some(ReplyTo { client, partition }) = routed.reply_to else {
            return;
        };
        // What could not be told as JSON was decided as something that can.
        let Ok(told) = (self.codec.tell)(outcome) else {
            return;
        };
        if partition < self.topic.partitions() && told.len() < self.topic.max_record_bytes() / 2 {
            self.answers.entry(partition).or_default().push(RecordRef {
                key: client.as_bytes(),
                header: Some(routed.command.as_bytes()),
                value: told.as_bytes(),
            });
        }
    }

    /// Sends what was gathered, without waiting.
    pub fn send(&mut self) {
        while let Some((partition, records)) = self.answers.pop_first() {
            drop(self.topic.append(partition, records));
        }
    }
}
