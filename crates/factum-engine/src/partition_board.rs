//! What the owner of a partition notes for others to see. Noting never waits for a reader.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use factum_core::{Append, Offset};
use jiff::Timestamp;

use crate::meters::Meters;
use crate::outcomes::{Outcome, Outcomes};
use crate::status::{PartitionStatus, ReplayStatus, Role, Takeover, TakeoverReason};
use crate::{EngineOptions, Replayed};

/// Counts the commands in an owner's queue.
type Queued = Box<dyn Fn() -> usize + Send + Sync>;

/// What is known of one partition and its owner.
pub(crate) struct PartitionBoard {
    pub partition: u32,
    queue: usize,
    command_window: usize,
    queued: Queued,
    pub outcomes: Outcomes,
    meters: Meters,
    course: Mutex<Course>,
    load: AtomicLoad,
}

/// How ownership goes: it changes at takeovers only.
#[derive(Default)]
struct Course {
    role: Role,
    /// Why the next takeover will be, or the one under way is.
    reason: TakeoverReason,
    began: Option<Instant>,
    replay_began: Option<Instant>,
    replay: Option<Replayed>,
    takeover: Option<Takeover>,
}

/// What the owner has at hand, between two batches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub epoch: u64,
    pub sequence: u64,
    pub offset: Offset,
    /// Commands that were taken from the queue and not decided.
    pub backlog: usize,
    pub commits: usize,
    pub bytes: usize,
    pub aggregates: usize,
    pub commands: usize,
    pub handled: Offset,
}

#[derive(Default)]
struct AtomicLoad {
    epoch: AtomicU64,
    sequence: AtomicU64,
    offset: AtomicU64,
    backlog: AtomicUsize,
    commits: AtomicUsize,
    bytes: AtomicUsize,
    aggregates: AtomicUsize,
    commands: AtomicUsize,
    handled: AtomicU64,
}

impl PartitionBoard {
    pub fn new(partition: u32, options: &EngineOptions, queued: Queued, meters: Meters) -> Self {
        Self {
            partition,
            queue: options.queue,
            command_window: options.command_window,
            queued,
            outcomes: Outcomes::default(),
            meters,
            course: Mutex::default(),
            load: AtomicLoad::default(),
        }
    }

    /// A takeover begins, for the reason noted last.
    pub fn taking_over(&self) {
        let mut course = self.course();
        course.role = Role::Waiting;
        course.began = Some(Instant::now());
    }

    /// It is this partition's turn to be replayed.
    pub fn replaying(&self) {
        let mut course = self.course();
        course.role = Role::Replaying;
        course.replay = None;
        course.replay_began = Some(Instant::now());
    }

    pub fn replayed(&self, replayed: Replayed) {
        self.course().replay = Some(replayed);
    }

    /// Commands are taken from now on, under this epoch.
    pub fn serving(&self, epoch: u64) {
        let mut course = self.course();
        let since = |began: Option<Instant>| began.map_or(0.0, |it| it.elapsed().as_secs_f64());
        let takeover = Takeover {
            at: Timestamp::now(),
            reason: course.reason,
            epoch,
            seconds: since(course.began),
            replay_seconds: since(course.replay_began),
            events: course.replay.take().map_or(0, |replay| replay.events),
        };
        course.role = Role::Serving;
        course.takeover = Some(takeover);
        drop(course);
        self.meters.takeover(takeover.reason, takeover.seconds);
    }

    /// No commands are taken any more; the reason is that of the takeover to come, if one comes.
    pub fn ended(&self, reason: Option<TakeoverReason>) {
        let mut course = self.course();
        course.reason = reason.unwrap_or_default();
        course.role = match reason {
            Some(TakeoverReason::Superseded) => Role::Superseded,
            _ => Role::Waiting,
        };
    }

    /// Counts a command.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes.count(outcome);
    }

    /// Measures how long an append takes.
    pub fn measure(&self, append: Append) -> Append {
        self.meters.append(append)
    }

    /// Notes what the owner has at hand.
    pub fn note(&self, load: Load) {
        let to = &self.load;
        to.epoch.store(load.epoch, Ordering::Relaxed);
        to.sequence.store(load.sequence, Ordering::Relaxed);
        to.offset.store(load.offset, Ordering::Relaxed);
        to.backlog.store(load.backlog, Ordering::Relaxed);
        to.commits.store(load.commits, Ordering::Relaxed);
        to.bytes.store(load.bytes, Ordering::Relaxed);
        to.aggregates.store(load.aggregates, Ordering::Relaxed);
        to.commands.store(load.commands, Ordering::Relaxed);
        to.handled.store(load.handled, Ordering::Relaxed);
    }

    pub fn status(&self) -> PartitionStatus {
        let (course, load) = (self.course(), &self.load);
        PartitionStatus {
            partition: self.partition,
            role: course.role,
            epoch: load.epoch.load(Ordering::Relaxed),
            sequence: load.sequence.load(Ordering::Relaxed),
            offset: load.offset.load(Ordering::Relaxed),
            queued: (self.queued)() + load.backlog.load(Ordering::Relaxed),
            queue: self.queue,
            in_flight_commits: load.commits.load(Ordering::Relaxed),
            in_flight_bytes: load.bytes.load(Ordering::Relaxed),
            aggregates: load.aggregates.load(Ordering::Relaxed),
            commands_remembered: load.commands.load(Ordering::Relaxed),
            command_window: self.command_window,
            commands_handled: load.handled.load(Ordering::Relaxed),
            commands: self.outcomes.counts(),
            replay: course.replay.map(|replay| ReplayStatus {
                events: replay.events,
                offset: replay.offset,
                end: replay.end,
            }),
            takeover: course.takeover,
        }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
