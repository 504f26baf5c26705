//! Factum's embedded log: durable, in a folder on the local disk, shared by the processes of one machine.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), factum_core::LogError> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let dir = dir.path().join("data");
//! use factum_core::{Appended, EventLog, NewTopic, RecordRef, Records};
//! use factum_local::LocalLog;
//!
//! let log = LocalLog::open(&dir).await?;
//! let topic = log.open("bank.loan.events", Some(NewTopic::default())).await?;
//! let mut records = Records::new();
//! records.push(RecordRef { key: b"loan-1", header: None, value: b"submitted" });
//! assert_eq!(topic.append(0, records).await?, Appended::At(0));
//! # Ok(()) }
//! ```
//!
//! The log implements the port of `factum-core` on [LMDB](heed), a tree of pages in one file that
//! every process maps into its memory. It needs no server and no set-up, and any number of processes
//! may read and append at once.
//!
//! # What it promises
//!
//! - **Durable.** An append is acknowledged once it is on the disk. Whatever waits while the disk is
//!   busy goes into one transaction, which is synced once as a whole: a caller alone pays for that
//!   sync, many share it. A batch is kept whole, side by side, or not at all.
//! - **Whole after any crash.** A process that is killed, at any moment, leaves a log without holes
//!   or torn batches behind, and nothing to repair.
//! - **Checked.** Every record carries a checksum, and a reader names the topic, partition and offset of
//!   one that is damaged. A file that was cut off, or whose headers were overwritten, is refused.
//!   The tree's other pages carry no checksums: LMDB finds some damage in them, and ends the process
//!   on some. Keep backups.
//! - **Full is not broken.** Without room an append fails with
//!   [`Full`](factum_core::LogErrorKind::Full), and nothing of it is kept. What was there before
//!   can be read, and appends work again once there is room. Only if the disk refuses a page that the
//!   file already has, as file systems that copy on write may, must the process be restarted.
//!
//! # Groups
//!
//! A group's members hold locks on files: one for being there, one for each partition that they own.
//! The operating system ends the locks of a process that dies, and the other members take its
//! partitions over within a fraction of a second. A process that was merely stopped (`SIGSTOP`, a
//! debugger) keeps its locks, and so its partitions, until it goes on or ends: nobody takes over from it.
//!
//! # Limits
//!
//! - It has no times: a topic that was made as a [fleeting](factum_core::EventLog::open_fleeting) one keeps
//!   the newest 65,536 records of each partition, and up to 1,023 more, however old they are.
//! - The folder must be on a local disk: LMDB's maps and locks don't work over a network, nor between
//!   containers that don't see each other's processes.
//! - Nobody else may touch the files while a process has the log open. Back up a folder that is not in
//!   use.
//! - It may grow to 1 TiB ([`LocalOptions::map_size`]), and takes records of up to 1 MB.
//! - Readers see what another process appended at most about 5 ms later, and at once what their own did.
//! - It needs a tokio runtime. Nothing waits for the disk on the runtime's own threads.

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
