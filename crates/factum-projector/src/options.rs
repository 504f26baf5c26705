//! What can be set on a projection worker.

use std::num::NonZeroU32;
use std::time::Duration;

use factum_status::Components;

use crate::FailurePolicy;

/// How a projection worker runs. Start from [`Options::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much is read ahead while a batch is being written, in bytes of records; 8 MiB. It is also
    /// what one transaction takes in at most, but for a worker that owns all partitions and has yet
    /// to catch up: that one gathers rows until they take eight times as much, or for 1 to 10 seconds, and keeps
    /// them in memory up to sixteen times as much. Both end with a whole fetch and a whole commit. No
    /// transaction waits for more than 50 ms to be filled.
    /// A worker's memory is bounded by it, whatever the length of the log: a decoded event takes
    /// about three times the room of its record, and rows on their way are in memory a second time, encoded.
    pub batch_bytes: usize,
    /// How long a worker waits for another's transaction to let go of a partition that is now its
    /// own, before it ends that worker's session; 3 s.
    pub lock_wait: Duration,
    /// How long servers that are out of reach are tried again at the start; 30 s. Once it runs, a
    /// worker tries for ever.
    pub start_timeout: Duration,
    /// How long a batch under way may still take when a partition is to be given up or the worker
    /// is to stop; 5 s. After that it is undone.
    pub stop_timeout: Duration,
    /// What is done with an event that fails; the worker stops.
    pub failure: FailurePolicy,
    /// How many keys may be parked in the partitions that a worker owns; 100,000. Past that it stops. It keeps
    /// 8 bytes for each, whatever the number of events behind it.
    pub max_parked: usize,
    /// Whether to stop once everything is projected that the topic held at the start.
    pub until_end: bool,
    /// How often progress is logged; every 5 s.
    pub progress_interval: Duration,
    /// How many records a second are read at most while the version is built beside a live one, so that the
    /// log and Postgres have room for others; as many as there are. It has to be more than come in: a
    /// version that falls behind is never switched to.
    pub rebuild_rate: Option<NonZeroU32>,
    /// Who leads readers to a version that was built beside a live one; [`Switch::Auto`].
    pub switch: Switch,
    /// The Postgres schema of Factum's own tables: `factum`.
    pub schema: String,
    /// The topic to read; `None` stands for the topic of the events' aggregate, or the topics of
    /// several.
    pub topic: Option<String>,
    /// The components of the program, which the worker adds itself to when it starts: what a status
    /// server shows.
    pub components: Components,
}

/// Who leads readers to a version that was built beside a live one, when it is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// Its workers, as soon as it is as far as the live one.
    #[default]
    Auto,
    /// An operator, with `factum projection switch` or `rebuild`.
    Manual,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_bytes: 8 << 20,
            lock_wait: Duration::from_secs(3),
            start_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
            failure: FailurePolicy::STOP,
            max_parked: 100_000,
            until_end: false,
            progress_interval: Duration::from_secs(5),
            rebuild_rate: None,
            switch: Switch::Auto,
            schema: "factum".into(),
            topic: None,
            components: Components::new(),
        }
    }
}
