//! How a worker gets on, for its log lines.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use factum_core::{Offset, Topic};
use futures::future::try_join_all;

use crate::batch::Move;

/// Counts what a worker has committed since it started.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    events: AtomicU64,
    rows: AtomicU64,
    batches: AtomicU64,
    /// The next offset to project of each partition that is owned now.
    offsets: Mutex<BTreeMap<u32, Offset>>,
}

/// What a worker has done, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events projected, whether or not they changed a row.
    pub events: u64,
    /// Rows written or deleted; one that changed in several batches counts for each.
    pub rows: u64,
    /// Transactions committed.
    pub batches: u64,
}

impl Progress {
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            events: self.events.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
        }
    }

    /// Notes which partitions are owned from now on, and where.
    pub(crate) fn own(&self, offsets: BTreeMap<u32, Offset>) {
        *self.offsets() = offsets;
    }

    /// Notes a commit: so many events, so many rows, and where the partitions stand now.
    pub(crate) fn committed(&self, events: usize, rows: usize, moves: &BTreeMap<u32, Move>) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        let mut offsets = self.offsets();
        offsets.extend(moves.iter().map(|(p, step)| (*p, step.to.offset)));
    }

    fn offsets(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Offset>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a line every `interval` in which something happened or is left to do, for ever.
    pub(crate) async fn report(&self, topic: &dyn Topic, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        let (mut last, mut at) = (self.summary().events, Instant::now());
        loop {
            ticks.tick().await;
            let lag = self.lag(topic).await;
            let (summary, now) = (self.summary(), Instant::now());
            let per_second = (summary.events - last) as f64 / (now - at).as_secs_f64();
            let idle = summary.events == last && lag == Some(0);
            (last, at) = (summary.events, now);
            if idle {
                continue;
            }
            tracing::info!(
                events = summary.events,
                rows = summary.rows,
                batches = summary.batches,
                per_second = per_second as u64,
                lag,
                "progress"
            );
        }
    }

    /// How many records of the owned partitions are not projected yet; `None` while the log does
    /// not tell.
    async fn lag(&self, topic: &dyn Topic) -> Option<u64> {
        let offsets = self.offsets().clone();
        let lags = offsets.into_iter().map(|(partition, offset)| async move {
            let end = topic.end(partition).await?;
            Ok::<_, factum_core::LogError>(end.saturating_sub(offset))
        });
        Some(try_join_all(lags).await.ok()?.into_iter().sum())
    }
}
