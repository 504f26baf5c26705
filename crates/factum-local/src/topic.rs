//! One topic of a local log.

use std::sync::Arc;

use async_trait::async_trait;
use factum_core::{Append, LogError, LogErrorKind, LogReader, Membership, Offset, Records, Topic};

use crate::blocking::blocking;
use crate::failure;
use crate::group::LocalMember;
use crate::partition::Partition;
use crate::reader::LocalReader;
use crate::store::Store;

/// The largest record that is taken, in bytes: what a Kafka topic takes unless it is told otherwise.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// What the handles, readers and members of a topic share.
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) store: Arc<Store>,
}

impl Opened {
    pub(crate) fn partition(&self, number: u32) -> Result<&Partition, LogError> {
        self.partitions.get(number as usize).ok_or_else(|| {
            let (name, count) = (&self.name, self.partitions.len());
            let message = format!("topic {name} has no partition {number}: it has {count}");
            LogError::new(LogErrorKind::NotFound, message)
        })
    }

    fn accept(&self, number: u32, records: &Records) -> Result<Partition, LogError> {
        let partition = self.partition(number)?;
        records.check_sizes(MAX_RECORD_BYTES, partition, "make the event smaller")?;
        Ok(partition.clone())
    }
}

pub(crate) struct LocalTopic(pub(crate) Arc<Opened>);

#[async_trait]
impl Topic for LocalTopic {
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
        let store = &self.0.store;
        let answered = match self.0.accept(partition, &records) {
            Ok(partition) => store.writer.append(partition, records),
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let dir = store.dir.clone();
        Box::pin(async move {
            answered
                .await
                .unwrap_or_else(|_| Err(failure::closed(&dir)))
        })
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        let opened = self.0.clone();
        let start = move || {
            let txn = opened.store.read()?;
            opened.partition(partition)?.start(&txn)
        };
        blocking(&self.0.store.dir, start).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        let opened = self.0.clone();
        let end = move || {
            let txn = opened.store.read()?;
            opened.partition(partition)?.end(&txn)
        };
        blocking(&self.0.store.dir, end).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        for (partition, _) in from {
            self.0.partition(*partition)?;
        }
        Ok(Box::new(LocalReader::new(self.0.clone(), from)))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        let (store, name) = (self.0.store.clone(), self.0.name.clone());
        let (group, partitions) = (group.to_owned(), self.partitions());
        let join = move || LocalMember::join(&store, &name, &group, partitions);
        Ok(Box::new(blocking(&self.0.store.dir, join).await?))
    }
}
