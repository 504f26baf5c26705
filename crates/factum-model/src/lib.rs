//! A model of the claims protocol, checked in every state that small bounds allow.
//!
//! Nodes claim a partition of events, take commands from clients and from the commands topic, and
//! answer. Between them and the log is a network that delays, loses, doubles and reorders every
//! record and every acknowledgement. Processes pause, die, start again and hand over. A [`Setup`] says how
//! many of each there are; within it everything may happen in every order, and the checker
//! visits every state there is.
//!
//! # The protocol, beyond owning a partition
//!
//! * A commit of a command that came through the commands topic carries the offset of the command's
//!   record. The newest such offset of the valid log is the **progress**: a takeover goes on behind
//!   it. A consumer group's offset says nothing.
//! * A command of the topic that is rejected emits nothing. Its caller is answered when a later
//!   commit of the topic, or a **marker**, is a fact. A marker is a commit of one event that belongs
//!   to no aggregate and carries the offset. It has a sequence like every event: otherwise it could
//!   be valid where the commit before it was lost.
//! * A command id that was **handled** is not decided again, whether it was accepted or rejected. A
//!   takeover knows the accepted ones from the log; the others that stand in the topic below the
//!   progress were rejected.
//! * Whoever is rejected **directly** is answered after the owner has read to the end, and found no
//!   newer claim: the command's other attempt may have taken effect under another owner.
//! * A client whose command went to the topic tries again through the topic, and only there: what
//!   an owner rejected directly is in no log, and the next owner cannot know of it.
//! * A hand-over takes no more commands, and ends when everything under way is answered.
//!
//! # What runs, and what is modelled
//!
//! [`Writer`](factum_core::Writer), [`ReaderRule`](factum_core::ReaderRule),
//! [`CommitReader`](factum_core::CommitReader) and the header's encoding are the code of
//! `factum-core`: its writers are part of the model's states. Modelled are the engine around it
//! ([`Node`]: deciding, remembering handled ids, markers, draining), the commands topic, the network,
//! the clients and the domain. Out of scope: the window of remembered ids is unbounded, an owner has
//! no queue (a command is decided when it arrives, or not), a batch is one command, reading is one
//! step, and there is one partition of each topic.
//!
//! The group that assigns partitions is not modelled: any idle node may claim at any time, which is
//! all that a group could make them do. A lost record is one that never lands; a paused node is one
//! whose steps come late.

mod account;
mod log;
mod model;
mod node;
mod properties;
mod report;
mod setup;
mod setups;
mod world;

pub use account::{Account, Ask};
pub use log::{Commit, Facts, Log, Record};
pub use model::Protocol;
pub use node::{Answer, Caller, Node, Role};
pub use report::{Report, check};
pub use setup::{Command, Limits, Mutant, Path, Setup};
pub use setups::{
    both_ways, claims, commits, crashes, deeper, hand_over, retries, small, topic, torn,
};
pub use world::{Action, Client, Message, World};
