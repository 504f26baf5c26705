//! Factum's embedded log: durable, in a folder on the local disk, shared by the processes of one machine.

mod blocking;
mod catalog;
mod failure;
mod folder;
mod group;
mod growth;
mod header;
mod log;
mod options;
mod partition;
mod reader;
mod record;
mod room;
mod store;
mod topic;
mod writer;

pub use log::LocalLog;
pub use options::LocalOptions;
