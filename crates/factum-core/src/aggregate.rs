//! What a domain author writes: events as facts, and the aggregate that decides about them.

use crate::DecodeError;

/// The events of one aggregate type, usually an enum generated from the `.avsc` files of one
/// `schemas/<context>/<aggregate>` folder.
pub trait Event: Sized + Send + Sync + 'static {
    /// The aggregate type that emits these events, as `<context>.<aggregate>`.
    const AGGREGATE: &'static str;

    /// What is read otherwise than Avro's rules say, a text for each, in any order: `Submitted 1 by an
    /// upcaster`, `PartlySubmitted as Received`.
    ///
    /// What was folded under other readings may mean something else: a projection refuses to go on with
    /// such rows, and an engine discards such checkpoints.
    const READINGS: &'static [&'static str] = &[];

    /// The event's name within its aggregate, for example `Submitted`.
    fn name(&self) -> &'static str;

    /// Appends the event, framed with its schema id, to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads an event of any released version from a framed value, as its newest version.
    ///
    /// # Errors
    /// The value is framed with a schema id that this build does not know, or its bytes are not
    /// what that schema says. No input makes this panic.
    fn decode(value: &[u8]) -> Result<Self, DecodeError>;
}

/// The topic that holds the events of the aggregate type `aggregate` (`<context>.<aggregate>`).
pub fn events_topic(aggregate: &str) -> String {
    format!("{aggregate}.events")
}

/// The topic of the commands that are on their way to an aggregate type's owners:
/// `<context>.<aggregate>.commands`.
pub fn commands_topic(aggregate: &str) -> String {
    format!("{aggregate}.commands")
}

/// The topic of the answers to those who sent such commands: `<context>.<aggregate>.replies`.
pub fn replies_topic(aggregate: &str) -> String {
    format!("{aggregate}.replies")
}

/// The topic of commands that could not be read: `<context>.<aggregate>.dead-letters`.
pub fn dead_letters_topic(aggregate: &str) -> String {
    format!("{aggregate}.dead-letters")
}

/// A consistency boundary: decides about commands, and changes only by its own events.
///
/// Domain code is synchronous and pure. What a decision needs from outside (a clock, a price,
/// another system's answer) travels in the command.
pub trait Aggregate: Default + Send + 'static {
    /// What callers ask for.
    type Command: Send + 'static;
    /// What happened.
    type Event: Event;
    /// Why the domain said no.
    type Rejection: Send + 'static;

    /// Raise it when [`apply`](Aggregate::apply) makes another state of the same events although the
    /// state's fields and their types stay as they are: a count that now leaves something out, a
    /// field that now means something else, an upcaster that is there already and now makes something
    /// else. Stored checkpoints of the state are discarded then.
    const STATE_VERSION: u32 = 1;

    /// Decides what happens. An empty list means that there is nothing to do, and is a success.
    ///
    /// # Errors
    /// The domain's own reason why the command cannot be carried out. Nothing is appended then.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Takes in an event. Total: what happened has happened, so this cannot fail.
    fn apply(&mut self, event: &Self::Event);
}
