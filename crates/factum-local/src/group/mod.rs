//! Groups: members share a topic's partitions by locks on files, which end with their process.

mod folder;
mod member;
mod share;

pub(crate) use member::LocalMember;
