//! The aggregate of the benches of the write side.

use factum::Aggregate;
use work::{Completed, WorkEvent};

pub mod work {
    #![allow(missing_docs, reason = "generated")]
    factum::events!(bank.work);
}

/// Emits one event for each command: what is measured is the engine, not a domain.
#[derive(Default)]
pub struct Desk;

impl Aggregate for Desk {
    type Command = Completed;
    type Event = WorkEvent;
    type Rejection = std::convert::Infallible;

    fn decide(&self, done: Completed) -> Result<Vec<WorkEvent>, Self::Rejection> {
        Ok(vec![done.into()])
    }

    fn apply(&mut self, _: &WorkEvent) {}
}
