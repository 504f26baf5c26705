//! What a standby notes for others to see.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use factum_core::{Aggregate, Offset};

use crate::replay::Replay;
use crate::status::{StandbyPhase, StandbyStatus};

/// What is known of one partition's standby.
pub(crate) struct StandbyBoard {
    pub partition: u32,
    status: Mutex<StandbyStatus>,
}

impl StandbyBoard {
    pub fn new(partition: u32) -> Arc<Self> {
        let status = StandbyStatus {
            partition,
            ..StandbyStatus::default()
        };
        Arc::new(Self {
            partition,
            status: Mutex::new(status),
        })
    }

    /// It waits for its turn to catch up.
    pub fn waiting(&self) {
        self.status().phase = StandbyPhase::Waiting;
    }

    /// Reading failed, and is tried again.
    pub fn interrupted(&self, error: String) {
        self.status().interruption = Some(error);
    }

    /// How far it is. `end` is the partition's, as far as it is known.
    pub fn show<A: Aggregate>(&self, replay: &Replay<A>, end: Offset, warm: bool) {
        let (rule, offset) = replay.place();
        let mut status = self.status();
        status.phase = match warm {
            true => StandbyPhase::Following,
            false => StandbyPhase::CatchingUp,
        };
        status.interruption = None;
        status.epoch = rule.epoch();
        status.sequence = rule.next() - 1;
        status.offset = offset;
        status.end = end.max(offset);
        status.lag = status.end - offset;
        status.events = replay.state.replayed;
        status.aggregates = replay.state.aggregates.len();
        status.commands_remembered = replay.state.commands.len();
    }

    pub fn snapshot(&self) -> StandbyStatus {
        self.status().clone()
    }

    fn status(&self) -> MutexGuard<'_, StandbyStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
