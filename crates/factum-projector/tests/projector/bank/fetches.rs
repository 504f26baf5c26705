//! A log that is read in small pieces, so that a small test has a lot to catch up.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use factum_core::{
    Append, EventLog, Fetched, LogError, LogReader, Membership, NewTopic, Offset, Records, Topic,
};

/// Records in one fetch.
const PIECE: usize = 37;

#[derive(Clone)]
pub struct SmallFetches<L>(pub L);

#[async_trait]
impl<L: EventLog> EventLog for SmallFetches<L> {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(Arc::new(SmallTopic(self.0.open(topic, create).await?)))
    }
}

struct SmallTopic(Arc<dyn Topic>);

#[async_trait]
impl Topic for SmallTopic {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.0.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        self.0.append(partition, records)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        let reader = self.0.read(from).await?;
        Ok(Box::new(SmallReader {
            reader,
            pieces: VecDeque::new(),
        }))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        self.0.join(group).await
    }
}

struct SmallReader {
    reader: Box<dyn LogReader>,
    pieces: VecDeque<Fetched>,
}

#[async_trait]
impl LogReader for SmallReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        while self.pieces.is_empty() {
            let fetched = self.reader.next().await?;
            self.pieces.extend(fetched.iter().flat_map(pieces));
        }
        Ok(self.pieces.pop_front().into_iter().collect())
    }
}

fn pieces(whole: &Fetched) -> Vec<Fetched> {
    let mut pieces = vec![Fetched::new(whole.partition, whole.next)];
    for (offset, record) in whole.iter() {
        if pieces[pieces.len() - 1].records.len() == PIECE {
            pieces.push(Fetched::new(whole.partition, whole.next));
        }
        let last = pieces.len() - 1;
        pieces[last].push(offset, record);
    }
    let last = pieces.len() - 1;
    pieces[last].next = whole.next;
    pieces[last].at_end = whole.at_end;
    pieces
}
