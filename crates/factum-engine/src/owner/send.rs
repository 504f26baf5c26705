//! How an owner decides what waits, and sends it to the log.

use factum_core::{Aggregate, Append, Appended, LogError, Records, chain};
use factum_host::now;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use tokio::time::Instant;

use super::{BATCH_BYTES, Owner};
use crate::decider::Decider;

impl<A: Aggregate> Owner<A> {
    /// Decides commands that wait, and sends what is to be appended as one batch. Fails if states that
    /// they need cannot be read.
    pub(super) async fn decide(&mut self, under_way: &mut UnderWay) -> bool {
        if !self.load().await {
            return false;
        }
        self.decide_loaded(under_way);
        if let Some(keeper) = &self.keeper {
            keeper.evict(&mut self.state);
        }
        true
    }

    /// Makes sure that the aggregates are in memory whose commands wait; whether that succeeded.
    pub(super) async fn load(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else {
            return true;
        };
        let ids = self.backlog.iter().map(|request| request.id.as_str());
        let missing = self.state.aggregates.missing(ids);
        match keeper.load(&mut self.state, missing).await {
            Ok(()) => true,
            Err(error) => {
                keeper.discard(&chain(&error)).await;
                false
            }
        }
    }

    pub(super) fn decide_loaded(&mut self, under_way: &mut UnderWay) {
        let waiting = self.backlog.len();
        let room = BATCH_BYTES.min(waiting * self.record_bytes);
        let mut decider = Decider {
            partition: self.partition,
            max_record_bytes: self.topic.max_record_bytes(),
            time: now(),
            begun: Instant::now(),
            codec: self.route.as_ref().map(|route| route.codec),
            middleware: self.middleware.as_ref(),
            framing: self.options.framing.as_ref(),
            state: &mut self.state,
            writer: &mut self.writer,
            records: Records::with_capacity(waiting, room),
            stamps: Vec::with_capacity(waiting),
        };
        while decider.records.byte_len() < BATCH_BYTES
            && let Some(request) = self.backlog.pop_front()
        {
            decider.take(request);
        }
        let (records, stamps) = (decider.records, decider.stamps);
        self.answer();
        if !records.is_empty() {
            let first = stamps.first().map(|stamp| stamp.sequence);
            self.writer.sent(stamps);
            let bytes = records.byte_len();
            self.record_bytes = bytes.div_ceil(records.len());
            let append = self.topic.append(self.partition, records);
            under_way.push(bytes, first, self.board.measure(append));
        } else if self.writer.needs_look() {
            self.writer.sent(Vec::new());
            under_way.push(0, None, self.look());
        }
    }

    /// Asks for the partition's end, as if nothing had been appended there.
    pub(super) fn look(&self) -> Append {
        let (topic, partition) = (self.topic.clone(), self.partition);
        Box::pin(async move { topic.end(partition).await.map(Appended::At) })
    }
}

/// A batch whose append is over: its bytes, its first sequence if it has any, and where it stands.
pub(super) type Landed = (usize, Option<u64>, Result<Appended, LogError>);

/// Batches that were sent and not acknowledged.
#[derive(Default)]
pub(super) struct UnderWay {
    pub(super) appends: FuturesOrdered<BoxFuture<'static, Landed>>,
    pub(super) bytes: usize,
}

impl UnderWay {
    fn push(&mut self, bytes: usize, first: Option<u64>, append: Append) {
        self.bytes += bytes;
        self.appends
            .push_back(Box::pin(async move { (bytes, first, append.await) }));
    }
}
