//! A log whose topics have a prefix, so that each run has its own.

use std::sync::Arc;
use std::time::Duration;

use factum::{EventLog, KafkaLog, LogError, NewTopic, Topic};

/// A log that opens `<prefix>.<topic>` for `<topic>`.
pub struct Prefixed {
    pub log: KafkaLog,
    pub prefix: String,
}

#[async_trait::async_trait]
impl EventLog for Prefixed {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.log
            .open(&format!("{}.{topic}", self.prefix), create)
            .await
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = format!("{}.{topic}", self.prefix);
        self.log.open_fleeting(&topic, create, keep).await
    }
}
