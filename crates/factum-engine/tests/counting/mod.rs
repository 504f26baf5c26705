//! A log that counts the records that are read, can be away for readers, and lose what is appended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, EventLog, Fetched, LogError, LogErrorKind, LogReader, Membership, NewTopic, Offset,
    Records, Topic,
};
use tokio::sync::watch;

/// Any log, whose readers are counted and interrupted, and whose appends get lost. A clone is another handle on it.
#[derive(Clone)]
pub struct CountingLog {
    log: Arc<dyn EventLog>,
    figures: Arc<Figures>,
}

struct Figures {
    read: AtomicU64,
    away: watch::Sender<bool>,
    to_lose: AtomicU64,
}

impl CountingLog {
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        let figures = Figures {
            read: AtomicU64::new(0),
            away: watch::Sender::new(false),
            to_lose: AtomicU64::new(0),
        };
        Self {
            log,
            figures: Arc::new(figures),
        }
    }

    /// Loses the next append.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn lose_one(&self) {
        self.figures.to_lose.store(1, Ordering::SeqCst);
    }

    /// How many records were read.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn read(&self) -> u64 {
        self.figures.read.load(Ordering::SeqCst)
    }

    /// Lets every reader fail from now on, or none.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn be_away(&self, away: bool) {
        self.figures.away.send_replace(away);
    }
}

#[async_trait]
impl EventLog for CountingLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = self.log.open(topic, create).await?;
        let figures = self.figures.clone();
        Ok(Arc::new(CountingTopic { topic, figures }))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.log.open_fleeting(topic, create, keep).await
    }
}

struct CountingTopic {
    topic: Arc<dyn Topic>,
    figures: Arc<Figures>,
}

#[async_trait]
impl Topic for CountingTopic {
    fn name(&self) -> &str {
        self.topic.name()
    }

    fn partitions(&self) -> u32 {
        self.topic.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.topic.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        match self.figures.to_lose.swap(0, Ordering::SeqCst) {
            0 => self.topic.append(partition, records),
            _ => Box::pin(std::future::ready(Err(is_away()))),
        }
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        let away = self.figures.away.subscribe();
        if *away.borrow() {
            return Err(is_away());
        }
        Ok(Box::new(CountingReader {
            reader: self.topic.read(from).await?,
            figures: self.figures.clone(),
            away,
        }))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        self.topic.join(group).await
    }
}

struct CountingReader {
    reader: Box<dyn LogReader>,
    figures: Arc<Figures>,
    away: watch::Receiver<bool>,
}

#[async_trait]
impl LogReader for CountingReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        let fetched = tokio::select! {
            biased;
            Ok(_) = self.away.wait_for(|away| *away) => return Err(is_away()),
            fetched = self.reader.next() => fetched?,
        };
        let records: usize = fetched.iter().map(|it| it.records.len()).sum();
        let read = &self.figures.read;
        read.fetch_add(records as u64, Ordering::SeqCst);
        Ok(fetched)
    }
}

fn is_away() -> LogError {
    LogError::new(LogErrorKind::Unreachable, "the log is away")
}
