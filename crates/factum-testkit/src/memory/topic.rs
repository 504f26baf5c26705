//! A topic in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use factum_core::{
    Append, Appended, LogError, LogErrorKind, LogReader, Membership, Offset, Records, Topic,
};
use tokio::sync::Notify;

use super::group::Group;
use super::locked;
use super::member::{MemoryMember, SharedGroup};
use super::partition::Partition;
use super::reader::MemoryReader;

/// The largest record that is taken, in bytes: what a Kafka topic takes unless it is told otherwise.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// What the handles, readers and members of a topic share.
pub(super) struct Store {
    name: String,
    /// Whether it forgets.
    pub(super) fleeting: bool,
    partitions: Vec<Mutex<Partition>>,
    groups: Mutex<HashMap<String, Arc<SharedGroup>>>,
    /// Told after every append.
    pub(super) grown: Notify,
}

impl Store {
    pub(super) fn new(name: &str, partitions: u32, fleeting: bool) -> Self {
        let partition = |_| Mutex::new(Partition::new(fleeting));
        Self {
            name: name.to_owned(),
            fleeting,
            partitions: (0..partitions).map(partition).collect(),
            groups: Mutex::default(),
            grown: Notify::new(),
        }
    }

    pub(super) fn partition(&self, partition: u32) -> Result<MutexGuard<'_, Partition>, LogError> {
        self.partitions
            .get(partition as usize)
            .map(locked)
            .ok_or_else(|| {
                let (name, count) = (&self.name, self.partitions.len());
                LogError::new(
                    LogErrorKind::NotFound,
                    format!("topic {name} has no partition {partition}: it has {count}"),
                )
            })
    }

    fn append_now(&self, partition: u32, records: Records) -> Result<Appended, LogError> {
        let mut log = self.partition(partition)?;
        let place = format_args!("topic {}", self.name);
        records.check_sizes(MAX_RECORD_BYTES, place, "make the event smaller")?;
        let first = log.append(records);
        drop(log);
        self.grown.notify_waiters();
        Ok(Appended::At(first))
    }
}

pub(super) struct MemoryTopic(pub(super) Arc<Store>);

#[async_trait]
impl Topic for MemoryTopic {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn partitions(&self) -> u32 {
        self.0.partitions.len() as u32
    }

    fn max_record_bytes(&self) -> usize {
        MAX_RECORD_BYTES
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        Box::pin(std::future::ready(self.0.append_now(partition, records)))
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        Ok(self.0.partition(partition)?.start())
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        Ok(self.0.partition(partition)?.end())
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        for (partition, _) in from {
            drop(self.0.partition(*partition)?);
        }
        Ok(Box::new(MemoryReader::new(self.0.clone(), from)))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        let group = locked(&self.0.groups)
            .entry(group.to_owned())
            .or_insert_with(|| Arc::new(SharedGroup::new(Group::new(self.partitions()))))
            .clone();
        Ok(Box::new(MemoryMember::join(group)))
    }
}
