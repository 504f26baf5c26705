//! How an engine runs, and how one command is carried out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Framing, Metadata, NewTopic};
use factum_status::Components;
use uuid::Uuid;

use crate::EngineError;

/// How an engine runs. Every bound is per partition. Start from [`EngineOptions::default`].
#[derive(Clone)]
pub struct EngineOptions {
    /// How to create the topic when it is not there yet; `None` refuses to start then.
    pub create: Option<NewTopic>,
    /// The group whose members share the partitions; `None` stands for `factum.<aggregate>`.
    pub group: Option<String>,
    /// How many commands may wait to be decided.
    pub queue: usize,
    /// How many commits may be decided and not yet answered.
    pub in_flight: usize,
    /// How many bytes of records may be under way to the log, before the next batch of about 1 MiB.
    pub in_flight_bytes: usize,
    /// How many of the newest commands are remembered, to recognise a command id that comes again.
    /// The window is counted in commands that left something in the log, and is rebuilt from there:
    /// those that emitted events, and, where commands are [routed](crate::Routing), those that came
    /// through the log or under an id that the caller chose.
    pub command_window: usize,
    /// How long to wait before claiming again after another writer took over, while the group still
    /// gives this engine the partition. It gives the group the time to say otherwise.
    ///
    /// Where it is superseded again and again the wait doubles each time, up to 32 times as long: two
    /// nodes in different groups would else fence each other for ever. It begins anew after the engine
    /// has owned the partition for 64 times this.
    pub reclaim_after: Duration,
    /// Whether the engine follows the partitions that it does not own, too, to take them over at once: a
    /// warm standby. How many standbys a partition has is how many nodes have this on. A standby takes
    /// the memory that an owner takes, reads the whole topic, and writes nothing to the log. Its
    /// checkpoints are its own: nodes on one machine need a folder each then.
    pub standby: bool,
    /// Called about once a second for each partition that is replayed, and at its end.
    pub on_replay: Option<Arc<dyn Fn(Replayed) + Send + Sync>>,
    /// How events are framed when they are written; `None` leaves the frame that their code writes, Avro's
    /// single-object encoding. `factum_registry::Ids` writes Confluent's. Events that are there already are read
    /// either way.
    pub framing: Option<Arc<dyn Framing>>,
    /// The components of the program, which the engine adds itself to when it starts: what a status
    /// server shows.
    pub components: Components,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            create: Some(NewTopic::default()),
            group: None,
            queue: 4096,
            in_flight: 8192,
            in_flight_bytes: 8 << 20,
            command_window: 65_536,
            reclaim_after: Duration::from_secs(3),
            standby: false,
            on_replay: None,
            framing: None,
            components: Components::new(),
        }
    }
}

impl EngineOptions {
    /// Refuses bounds under which nothing could ever be done.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let bounds = [
            ("queue", self.queue),
            ("in_flight", self.in_flight),
            ("in_flight_bytes", self.in_flight_bytes),
        ];
        match bounds.into_iter().find(|(_, bound)| *bound == 0) {
            Some((option, _)) => Err(EngineError::Options(option)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("create", &self.create)
            .field("group", &self.group)
            .field("queue", &self.queue)
            .field("in_flight", &self.in_flight)
            .field("in_flight_bytes", &self.in_flight_bytes)
            .field("command_window", &self.command_window)
            .field("reclaim_after", &self.reclaim_after)
            .field("standby", &self.standby)
            .finish_non_exhaustive()
    }
}

/// How far the replay of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The partition.
    pub partition: u32,
    /// How many events were replayed.
    pub events: u64,
    /// The offset reached: that of the next record to read.
    pub offset: u64,
    /// The partition's end, as far as it is known: where it was when it was asked for, or, if the
    /// replay has come further than that, `offset`. The replay is done when both are the same.
    pub end: u64,
}

/// How one command is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOptions {
    /// Carry it out only if the aggregate is at this version (0: does not exist yet).
    pub expected_version: Option<u64>,
    /// The command's id; `None` makes a random one. The same id again for the same aggregate, within
    /// the engine's window, returns the first receipt and appends nothing. Set it where a command may
    /// have to be sent again, as after [`ExecuteError::Unknown`](crate::ExecuteError::Unknown).
    pub command_id: Option<Uuid>,
    /// How long to wait for an answer, counted from the call; `None` waits as long as it takes. The
    /// command may take effect later all the same, where it was decided or sent in time.
    pub timeout: Option<Duration>,
    /// Who and what led to the command: its events carry it, and their readers see it.
    pub metadata: Metadata,
}
