//! What is checked: how many of everything, and which part of the protocol is left out.

use crate::Ask;

/// The bounds of one exhaustive check. Everything may happen in any order within them.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it is called in reports.
    pub name: &'static str,
    /// Processes that may own the partition.
    pub nodes: u8,
    /// The commands, each with a client that wants it done once.
    pub commands: Vec<Command>,
    /// How many things may happen at most.
    pub limits: Limits,
    /// The `sometimes` properties that must be reached, by name.
    pub reaches: &'static [&'static str],
    /// What the protocol does without.
    pub mutant: Option<Mutant>,
    /// Called before every step, on its thread: where tests take out a check of `factum-core`.
    pub before_step: fn(),
}

/// How often something may happen, over all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Claims: first ones, takeovers, and those that settle an ambiguity.
    pub claims: u8,
    /// Processes that die, and start again under a new claimant.
    pub crashes: u8,
    /// Records that land twice, the second time at any time later.
    pub doubles: u8,
    /// Owners that are asked to give up the partition.
    pub hand_overs: u8,
}

/// A command, known by its place in [`Setup::commands`].
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The account it is for.
    pub account: u8,
    /// What it asks.
    pub ask: Ask,
    /// How it may reach an owner.
    pub path: Path,
    /// How often its client sends it at most, always under the same id.
    pub attempts: u8,
}

/// The ways of a command to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// To a node that owns the partition.
    Direct,
    /// Through the commands topic.
    Topic,
    /// Either. Once it was sent to the topic, it is sent there again, and nowhere else.
    Either,
}

/// A part of the protocol that is left out, to show that the model notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Owners don't recognise a command id that comes again.
    NoDedupe,
    /// Owners remember which command ids were accepted, not which were rejected.
    ForgetsRejections,
    /// Owners remember rejections only until the next takeover.
    ForgetsRejectionsAtTakeover,
    /// A client that sent its command to the topic may send it to a node directly next.
    LeavesTheTopic,
    /// A rejected command of the topic is answered before its marker is a fact.
    AnswersBeforeTheMarker,
    /// A takeover goes on in the commands topic where the consumer group's offset stands.
    TrustsTheGroupsOffset,
    /// An owner answers what it rejects at once, and does not look whether it still is the owner.
    AnswersUnconfirmed,
    /// A hand-over tells callers that nothing happened, rather than drain.
    GivesUpUndrained,
    /// A node takes an acknowledged claim for an accepted one, and reads nothing up to it.
    ClaimsUnread,
}
