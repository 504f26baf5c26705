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
    /// Whether nodes take commands from the commands topic.
    pub routing: bool,
    /// How many things may happen at most.
    pub limits: Limits,
    /// The `sometimes` properties that must be reached, by name.
    pub reaches: &'static [&'static str],
    /// What the protocol does without.
    pub mutant: Option<Mutant>,
    /// Called before every step, on its thread: where tests take out a check of `factum-core`.
    pub before_step: fn(),
}

impl Setup {
    /// Whether the protocol does without this part.
    pub fn lacks(&self, part: Mutant) -> bool {
        self.mutant == Some(part)
    }
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

impl Command {
    /// Whether its client may send it again, and so chooses the id. A random one nobody knows.
    pub fn chooses_its_id(&self) -> bool {
        self.attempts > 1 || self.path != Path::Direct
    }
}

/// The ways of a command to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// To a node that owns the partition.
    Direct,
    /// Through the commands topic.
    Topic,
    /// Either, and the other one next.
    Either,
}

/// A part of the protocol that is left out, to show that the model notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Owners don't recognise a command id that comes again.
    NoDedupe,
    /// Owners remember which command ids were accepted, not which were rejected.
    ForgetsRejections,
    /// Owners remember rejections only until the next takeover: they don't read the log's word of them.
    ForgetsRejectionsAtTakeover,
    /// What a command of the topic came to is told before the record that says so is a fact.
    AnswersBeforeItIsNoted,
    /// The record of a command without events does not say where the command stands in the topic.
    NotesNoOffset,
    /// A command that came directly, and is rejected, leaves no record.
    NotesNothingDirect,
    /// A command of the topic whose id was handled before leaves no record.
    PassesOverCopies,
    /// A takeover goes on in the commands topic where the consumer group's offset stands.
    TrustsTheGroupsOffset,
    /// An owner that claims again goes on in the commands topic where it was itself.
    KeepsItsOwnPlace,
    /// A takeover reads the commands topic from its start: the ids tell what was handled.
    BeginsTheTopicAnew,
    /// Whose command in the topic did not get its commit is told that nothing happened.
    FencesTheTopic,
    /// An owner decides a direct request whose client has given up waiting.
    DecidesWhatWasGivenUp,
    /// An owner answers what it rejects at once, and does not look whether it still is the owner.
    AnswersUnconfirmed,
    /// A hand-over tells callers that nothing happened, rather than drain.
    GivesUpUndrained,
    /// A node takes an acknowledged claim for an accepted one, and reads nothing up to it.
    ClaimsUnread,
}
