//! A reader that follows partitions in memory.

use std::sync::Arc;

use async_trait::async_trait;
use factum_core::{Fetched, LogError, LogErrorKind, LogReader, Offset};

use super::topic::Store;

pub(super) struct MemoryReader {
    topic: Arc<Store>,
    cursors: Vec<Cursor>,
}

struct Cursor {
    partition: u32,
    next: Offset,
    /// Whether the end at `next` was reported.
    told_end: bool,
}

impl MemoryReader {
    pub(super) fn new(topic: Arc<Store>, from: &[(u32, Offset)]) -> Self {
        let cursor = |&(partition, next)| Cursor {
            partition,
            next,
            told_end: false,
        };
        Self {
            topic,
            cursors: from.iter().map(cursor).collect(),
        }
    }

    /// Whatever there is to tell now.
    fn fetch(&mut self) -> Result<Vec<Fetched>, LogError> {
        let mut all = Vec::new();
        for cursor in &mut self.cursors {
            all.extend(cursor.fetch(&self.topic)?);
        }
        Ok(all)
    }
}

impl Cursor {
    fn fetch(&mut self, topic: &Store) -> Result<Option<Fetched>, LogError> {
        let log = topic.partition(self.partition)?;
        if self.next < log.start() || self.next > log.end() {
            return Err(self.out_of_range(log.start(), log.end()));
        }
        if self.next == log.end() && self.told_end {
            return Ok(None);
        }
        let fetched = log.fetch(self.partition, self.next);
        self.next = fetched.next;
        self.told_end = fetched.at_end;
        Ok(Some(fetched))
    }

    fn out_of_range(&self, start: Offset, end: Offset) -> LogError {
        let Self {
            partition, next, ..
        } = self;
        LogError::new(
            LogErrorKind::Damaged,
            format!("partition {partition} has no offset {next}: it holds {start} to {end}"),
        )
    }
}

#[async_trait]
impl LogReader for MemoryReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        let topic = self.topic.clone();
        loop {
            let mut grown = std::pin::pin!(topic.grown.notified());
            grown.as_mut().enable();
            let fetched = self.fetch()?;
            if !fetched.is_empty() {
                return Ok(fetched);
            }
            grown.await;
        }
    }
}
