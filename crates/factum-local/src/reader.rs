//! A reader that follows partitions.

use std::sync::Arc;

use async_trait::async_trait;
use factum_core::{Fetched, LogError, LogReader, Offset};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::failure;
use crate::topic::Opened;

pub(crate) struct LocalReader {
    topic: Arc<Opened>,
    cursors: Vec<Cursor>,
    grown: watch::Receiver<usize>,
    /// What a dropped call left behind, or what is read ahead of the next one.
    under_way: Option<JoinHandle<Result<Vec<Fetched>, LogError>>>,
}

#[derive(Clone, Copy)]
struct Cursor {
    partition: u32,
    next: Offset,
    /// Whether the end at `next` was reported.
    told_end: bool,
}

impl LocalReader {
    pub(crate) fn new(topic: Arc<Opened>, from: &[(u32, Offset)]) -> Self {
        let cursor = |&(partition, next)| Cursor {
            partition,
            next,
            told_end: false,
        };
        Self {
            cursors: from.iter().map(cursor).collect(),
            grown: topic.store.growth.subscribe(),
            topic,
            under_way: None,
        }
    }

    /// Begins to read, unless it has begun already. What the log grows by from now on is news.
    fn start(&mut self) -> &mut JoinHandle<Result<Vec<Fetched>, LogError>> {
        self.under_way.get_or_insert_with(|| {
            self.grown.mark_unchanged();
            let (topic, cursors) = (self.topic.clone(), self.cursors.clone());
            spawn_blocking(move || fetch(&topic, &cursors))
        })
    }

    /// Whatever there is to tell now.
    async fn fetch(&mut self) -> Result<Vec<Fetched>, LogError> {
        let outcome = self.start().await;
        self.under_way = None;
        let all = outcome.map_err(|_| failure::closed(&self.topic.store.dir))??;
        for fetched in &all {
            let mut cursors = self.cursors.iter_mut();
            if let Some(cursor) = cursors.find(|it| it.partition == fetched.partition) {
                cursor.next = fetched.next;
                cursor.told_end = fetched.at_end;
            }
        }
        if all.iter().any(|fetched| !fetched.at_end) {
            self.start();
        }
        Ok(all)
    }
}

/// Reads on from each cursor, all in one short transaction.
fn fetch(topic: &Opened, cursors: &[Cursor]) -> Result<Vec<Fetched>, LogError> {
    let txn = topic.store.read()?;
    let fetch = |cursor: &Cursor| topic.partition(cursor.partition)?.fetch(&txn, cursor.next);
    let known = |cursor: &Cursor, it: &Fetched| cursor.told_end && it.records.is_empty();
    let all = cursors.iter().map(|cursor| {
        let fetched = fetch(cursor)?;
        Ok((!known(cursor, &fetched)).then_some(fetched))
    });
    all.filter_map(Result::transpose).collect()
}

#[async_trait]
impl LogReader for LocalReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        loop {
            let fetched = self.fetch().await?;
            if !fetched.is_empty() {
                return Ok(fetched);
            }
            let grown = self.grown.changed().await;
            grown.map_err(|_| failure::closed(&self.topic.store.dir))?;
        }
    }
}
