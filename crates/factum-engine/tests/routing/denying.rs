//! A log that lets nobody write.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, EventLog, LogError, LogErrorKind, LogReader, Membership, NewTopic, Offset, Records,
    Topic,
};

pub struct Denying(pub Arc<dyn EventLog>);

struct DenyingTopic(Arc<dyn Topic>);

#[async_trait]
impl EventLog for Denying {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(Arc::new(DenyingTopic(self.0.open(topic, create).await?)))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = self.0.open_fleeting(topic, create, keep).await?;
        Ok(Arc::new(DenyingTopic(topic)))
    }
}

#[async_trait]
impl Topic for DenyingTopic {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.0.max_record_bytes()
    }

    fn append(&self, _: u32, _: Records) -> Append {
        let denied = LogError::new(LogErrorKind::Denied, "it takes the right to Write");
        Box::pin(async move { Err(denied) })
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        self.0.read(from).await
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        self.0.join(group).await
    }
}
