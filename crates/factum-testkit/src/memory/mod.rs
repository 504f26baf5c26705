//! A log in memory.

mod group;
mod member;
mod partition;
mod reader;
mod topic;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, Offset, Topic};

use self::topic::{MemoryTopic, Store};

/// A log that lives in memory, with groups that share partitions among their live members.
///
/// A clone is another handle on the same log. It passes the suite that Kafka passes, and needs no
/// runtime of its own: nothing runs in the background.
#[derive(Clone, Default)]
pub struct MemoryLog {
    topics: Arc<Mutex<HashMap<String, Arc<Store>>>>,
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Deletes a partition's records below `start`, as a retention would.
    ///
    /// # Panics
    /// If there is no such topic or partition.
    pub fn forget_before(&self, topic: &str, partition: u32, start: Offset) {
        self.partition(topic, partition, |it| it.forget_before(start));
    }

    /// Deletes a partition's records from `end` on, as an unclean failover would.
    ///
    /// # Panics
    /// If there is no such topic or partition.
    pub fn lose_after(&self, topic: &str, partition: u32, end: Offset) {
        self.partition(topic, partition, |it| it.lose_after(end));
    }

    fn find_or_create(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        fleeting: bool,
    ) -> Result<Arc<Store>, LogError> {
        let mut topics = locked(&self.topics);
        if let Some(found) = topics.get(topic) {
            return Ok(found.clone());
        }
        let create = create.ok_or_else(|| {
            LogError::new(
                LogErrorKind::NotFound,
                format!("there is no topic {topic}: the service that writes to it creates it when it first starts"),
            )
        })?;
        if create.partitions == 0 {
            return Err(LogError::new(
                LogErrorKind::Unsuitable,
                format!("topic {topic} can't have 0 partitions: ask for at least 1"),
            ));
        }
        let created = Arc::new(Store::new(topic, create.partitions, fleeting));
        topics.insert(topic.to_owned(), created.clone());
        Ok(created)
    }

    fn partition(
        &self,
        topic: &str,
        partition: u32,
        change: impl FnOnce(&mut partition::Partition),
    ) {
        let topic = locked(&self.topics)
            .get(topic)
            .cloned()
            .expect("the topic exists");
        change(&mut topic.partition(partition).expect("the partition exists"));
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let found = self.find_or_create(topic, create, false)?;
        if found.fleeting {
            return Err(LogError::new(
                LogErrorKind::Unsuitable,
                format!(
                    "topic {topic} would forget events: it was made for records that are needed for a short time only. Use another name"
                ),
            ));
        }
        Ok(Arc::new(MemoryTopic(found)))
    }

    /// Whatever `keep` is, a partition keeps its newest 4,096 records at least.
    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        _keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let found = self.find_or_create(topic, create, true)?;
        Ok(Arc::new(MemoryTopic(found)))
    }
}

/// Locks a mutex whose holders leave it whole even when they panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
