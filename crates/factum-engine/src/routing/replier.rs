//! The owner's answers to those who wait elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use factum_core::{Aggregate, Offset, RecordRef, Records, Topic};
use uuid::Uuid;

use super::Codec;
use super::wire::{ReplyTo, push_answer};
use crate::answer::Outcome;

/// A command that came through the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routed {
    /// Where its record stands in the topic of commands.
    pub offset: Offset,
    pub reply_to: Option<ReplyTo>,
}

/// Gathers answers and sends them. One that is lost is asked for again.
pub(crate) struct Replier<A: Aggregate> {
    codec: Codec<A>,
    topic: Arc<dyn Topic>,
    /// Those that are not sent yet: a record for each client.
    answers: BTreeMap<(u32, Uuid), Vec<u8>>,
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
        let Some(reply_to) = routed.reply_to else {
            return;
        };
        let ReplyTo {
            client,
            partition,
            call,
            ..
        } = reply_to;
        // What could not be told as JSON was decided as something that can.
        let Ok(told) = (self.codec.tell)(outcome) else {
            return;
        };
        if partition >= self.topic.partitions() {
            return;
        }
        let answers = self.answers.entry((partition, client)).or_default();
        push_answer(answers, call, &told);
        // An answer takes a quarter of the largest record at most.
        if answers.len() > self.topic.max_record_bytes() / 2 {
            self.send();
        }
    }

    /// Sends what was gathered, without waiting.
    pub fn send(&mut self) {
        while let Some(((partition, client), value)) = self.answers.pop_first() {
            let mut records = Records::new();
            records.push(RecordRef {
                key: client.as_bytes(),
                header: None,
                value: &value,
            });
            drop(self.topic.append(partition, records));
        }
    }
}
