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
//! * Every command of the commands topic leaves exactly one commit, which carries the offset of the
//!   command's record: its events; or, if it emitted none or its id was handled before, the **word**
//!   of what its caller is told. The word is a record in the partition of events that takes a
//!   sequence, and changes no account. The newest such offset of the valid log is the **progress**:
//!   a takeover goes on behind it. A consumer group's offset says nothing.
//! * A command id that was handled is not decided again, whether it was accepted or rejected. A
//!   takeover knows both from the log.
//! * With the topic, a command that was sent **directly** under an id that its client chose, and is
//!   rejected, leaves its word too (without an offset): the same command may still come through the
//!   topic.
//! * Whoever is rejected and leaves no word, for nobody knows its random id or there is no topic, is
//!   answered once the next batch, or a look at the partition's end, shows that the owner still is
//!   one.
//! * A direct request whose client has given up waiting is not decided: the client may have sent it
//!   again elsewhere, and heard the answer.
//! * Where the commit of a direct command is void, its caller hears that nothing happened. Where that
//!   of a command of the topic is void, nobody hears anything: the next owner decides it again.
//! * A hand-over takes no more commands, and ends when everything under way is answered.
//!
//! # What runs, and what is modelled
//!
//! [`Writer`](factum_core::Writer), [`ReaderRule`](factum_core::ReaderRule),
//! [`CommitReader`](factum_core::CommitReader) and the header's encoding are the code of
//! `factum-core`: its writers are part of the model's states. Modelled are the engine around it
//! ([`Node`]: deciding, remembering handled ids, words, looks, draining), the commands topic, the network,
//! the clients and the domain. Out of scope: the window of remembered ids is unbounded, an owner has
//! no queue (a command is decided when it arrives), a batch is one command, reading is one
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
pub use node::{Answer, Batch, Caller, Node, Role};
pub use report::{Report, check, search};
pub use setup::{Command, Limits, Mutant, Path, Setup};
pub use setups::{
    answers, both_ways, claims, commits, crashes, deeper, hand_over, retries, small, topic, torn,
};
pub use world::{Action, Client, Message, World};
