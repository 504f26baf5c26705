//! What an engine says about itself.

use factum_core::Offset;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// An engine at one moment. Figures of different partitions may be some microseconds apart, and those
/// of a partition are as its owner left them after the last batch, but for `queued`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EngineStatus {
    /// The aggregate's name.
    pub aggregate: &'static str,
    /// How far it is.
    pub phase: Phase,
    /// Why it failed, with all causes.
    pub failure: Option<String>,
    /// The topic, its group and this engine in it; none until the log was opened.
    pub topic: Option<TopicStatus>,
    /// What became of commands since the engine was started.
    pub commands: CommandCounts,
    /// The partitions that the group gave to this engine, by number.
    pub owned: Vec<PartitionStatus>,
    /// The partitions that the engine follows to take them over at once, by number; none without
    /// [`EngineOptions::standby`](crate::EngineOptions::standby).
    pub standbys: Vec<StandbyStatus>,
}

impl EngineStatus {
    /// What the engine is to a partition.
    pub fn share_in(&self, partition: u32) -> PartitionShare {
        let is_owned = self.owned.iter().any(|it| it.partition == partition);
        let stands_by = self.standbys.iter().any(|it| it.partition == partition);
        match (is_owned, stands_by) {
            (true, _) => PartitionShare::Owner,
            (false, true) => PartitionShare::Standby,
            (false, false) => PartitionShare::None,
        }
    }
}

/// What an engine is to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionShare {
    /// The group gave the partition to it.
    Owner,
    /// It follows the partition, to take it over at once.
    Standby,
    /// It has nothing of the partition.
    None,
}

/// How far an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// It opens the log.
    Opening,
    /// It joins the group, for the first time or again.
    Joining,
    /// The group has no partition to give: others own them all.
    StandingBy,
    /// It has partitions that do not take commands yet.
    TakingOver,
    /// All its partitions take commands.
    Serving,
    /// It was told to stop.
    Stopping,
    /// It failed, and ended.
    Failed,
}

/// The topic of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TopicStatus {
    /// Its name.
    pub name: String,
    /// How many partitions it has, whoever owns them.
    pub partitions: u32,
    /// The group whose members share them.
    pub group: String,
    /// The id under which this engine claims partitions.
    pub claimant: Uuid,
}

/// A partition and its owner.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The partition's number.
    pub partition: u32,
    /// What the owner is doing.
    pub role: Role,
    /// The epoch in force, as far as the owner knows.
    pub epoch: u64,
    /// The sequence of the newest event that was decided; 0 if there is none.
    pub sequence: u64,
    /// The offset up to which the log is known, exclusive.
    pub offset: Offset,
    /// Commands that wait to be decided.
    pub queued: usize,
    /// How many may wait in the queue; batches that were taken from it wait besides.
    pub queue: usize,
    /// Commits that were decided and are not answered.
    pub in_flight_commits: usize,
    /// Bytes of records that are under way to the log.
    pub in_flight_bytes: usize,
    /// Aggregates in memory.
    pub aggregates: usize,
    /// Commands that are remembered, to recognise an id that comes again.
    pub commands_remembered: usize,
    /// How many commands may be remembered.
    pub command_window: usize,
    /// The offset in the topic of commands up to which all were handled, exclusive; 0 where commands are
    /// not routed.
    pub commands_handled: Offset,
    /// What became of commands since the partition was gained.
    pub commands: CommandCounts,
    /// How far the replay under way has come, from its first second on.
    pub replay: Option<ReplayStatus>,
    /// How it was taken over the last time.
    pub takeover: Option<Takeover>,
}

/// What an owner is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// It waits for its turn to replay: few partitions are replayed at a time.
    #[default]
    Waiting,
    /// It reads the partition, and claims it.
    Replaying,
    /// It takes commands.
    Serving,
    /// Another writer claimed the partition. The owner claims again if the group still gives it the
    /// partition after a while.
    Superseded,
}

/// A partition that is followed and not owned.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct StandbyStatus {
    /// The partition's number.
    pub partition: u32,
    /// How far the standby is.
    pub phase: StandbyPhase,
    /// Why it cannot read at the moment, with all causes; it tries again by itself.
    pub interruption: Option<String>,
    /// The epoch in force where it is.
    pub epoch: u64,
    /// The sequence of the newest event that it took in; 0 if there is none.
    pub sequence: u64,
    /// The offset up to which it has read, exclusive.
    pub offset: Offset,
    /// The partition's end, as far as the standby knows it.
    pub end: Offset,
    /// Records from `offset` to `end`.
    pub lag: u64,
    /// Events that it took in since it began to stand by.
    pub events: u64,
    /// Aggregates in memory.
    pub aggregates: usize,
    /// Commands that are remembered, to recognise an id that comes again.
    pub commands_remembered: usize,
}

/// How far a standby is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StandbyPhase {
    /// It waits for its turn to catch up: one partition at a time does, behind owners that are to claim.
    #[default]
    Waiting,
    /// It reads what is there already.
    CatchingUp,
    /// It takes in what comes: it is warm.
    Following,
}

/// A replay under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReplayStatus {
    /// Events replayed so far.
    pub events: u64,
    /// The offset reached.
    pub offset: Offset,
    /// The offset that is to be reached.
    pub end: Offset,
}

/// How a partition was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Takeover {
    /// When it was done.
    pub at: Timestamp,
    /// Why it was begun.
    pub reason: TakeoverReason,
    /// The epoch that was claimed.
    pub epoch: u64,
    /// Seconds from its beginning until commands were taken, waiting and failed attempts included.
    pub seconds: f64,
    /// Seconds of the attempt that succeeded: to read the partition and to claim it.
    pub replay_seconds: f64,
    /// Events that were replayed.
    pub events: u64,
}

/// Why a partition was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TakeoverReason {
    /// The group gave it to this engine.
    #[default]
    Assigned,
    /// The fate of an append was unknown: a claim settles it.
    Ambiguous,
    /// States that had been dropped from memory could not be read from the checkpoint.
    CheckpointLost,
    /// Another writer had claimed it, and the group still gave it to this engine.
    Superseded,
}

impl TakeoverReason {
    /// The word for it in status and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Ambiguous => "ambiguous",
            Self::CheckpointLost => "checkpoint_lost",
            Self::Superseded => "superseded",
        }
    }
}

/// How many commands had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CommandCounts {
    /// Answered with a receipt, be it for events, for nothing to do, or for an id that came again.
    pub accepted: u64,
    /// Rejected by the domain.
    pub rejected: u64,
    /// Not at the expected version.
    pub conflict: u64,
    /// The domain's code panicked, or decided on events that the log cannot take.
    pub failed: u64,
    /// Void, as another writer took over.
    pub fenced: u64,
    /// Refused: the partition was not owned, or not any more.
    pub unavailable: u64,
    /// Refused: too many commands were waiting.
    pub overloaded: u64,
}

impl CommandCounts {
    /// Each outcome's word, and how many commands had it.
    pub fn each(&self) -> [(&'static str, u64); 7] {
        [
            ("accepted", self.accepted),
            ("rejected", self.rejected),
            ("conflict", self.conflict),
            ("failed", self.failed),
            ("fenced", self.fenced),
            ("unavailable", self.unavailable),
            ("overloaded", self.overloaded),
        ]
    }
}
