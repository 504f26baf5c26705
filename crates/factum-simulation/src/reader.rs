//! A reader, whose fetches are made before they are told.

use std::time::Duration;

use async_trait::async_trait;
use factum_core::{Fetched, LogError, LogReader, Offset};

use crate::log::{SimLog, unreachable};
use crate::world::TopicId;

pub(crate) struct Reader {
    log: SimLog,
    topic: TopicId,
    cursors: Vec<Cursor>,
    /// What was fetched and is under way, and when it arrives.
    fetched: Option<(Duration, Vec<Fetched>)>,
}

struct Cursor {
    partition: u32,
    next: Offset,
    /// Whether the end at `next` was told.
    told_end: bool,
}

impl Reader {
    pub(crate) fn new(log: SimLog, topic: TopicId, from: &[(u32, Offset)]) -> Self {
        let cursor = |&(partition, next): &(u32, Offset)| Cursor {
            partition,
            next,
            told_end: false,
        };
        Self {
            log,
            topic,
            cursors: from.iter().map(cursor).collect(),
            fetched: None,
        }
    }

    /// What there is now.
    fn fetch(&mut self) -> Vec<Fetched> {
        let mut state = self.log.world.state();
        let (mut all, crumbs) = (Vec::new(), state.weather.crumbs);
        for cursor in &mut self.cursors {
            let most = match state.chance.strikes(crumbs) {
                true => state.chance.between(1, 8),
                false => 1000,
            };
            let partitions = state.partitions(self.topic);
            all.extend(cursor.fetch(&partitions[cursor.partition as usize], most as usize));
        }
        all
    }

    fn fails(&self) -> bool {
        let mut state = self.log.world.state();
        let share = state.weather.readers;
        state.chance.strikes(share)
    }
}

impl Cursor {
    fn fetch(&mut self, records: &[factum_core::Records], most: usize) -> Option<Fetched> {
        let from = self.next as usize;
        if from >= records.len() && self.told_end {
            return None;
        }
        let mut fetched = Fetched::new(self.partition, self.next);
        for (offset, record) in (from..records.len()).zip(&records[from..]).take(most) {
            fetched.push(offset as Offset, record.get(0).expect("one a batch"));
        }
        fetched.at_end = fetched.next as usize >= records.len();
        (self.next, self.told_end) = (fetched.next, fetched.at_end);
        Some(fetched)
    }
}

#[async_trait]
impl LogReader for Reader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        let world = self.log.world.clone();
        while self.fetched.is_none() {
            let mut grown = std::pin::pin!(world.grown());
            grown.as_mut().enable();
            let fetched = self.fetch();
            if fetched.is_empty() {
                grown.await;
            } else {
                self.fetched = Some((world.now() + world.way(), fetched));
            }
        }
        let arrival = self.fetched.as_ref().map_or(Duration::ZERO, |it| it.0);
        tokio::time::sleep(arrival.saturating_sub(world.now())).await;
        self.log.reach(Duration::MAX / 4).await?;
        if self.fails() {
            return Err(unreachable("the connection broke"));
        }
        Ok(self.fetched.take().map_or_else(Vec::new, |it| it.1))
    }
}
