//! Replaying dead letters, where somebody asked for that.

use super::{Ended, Pump, Session};
use crate::parked::Parked;
use crate::replay::page;
use crate::write::Written;
use crate::{Projection, ProjectorError};

/// How many dead letters are looked at together.
const PAGE: usize = 1000;

impl<P: Projection> Pump<P> {
    /// Replays the dead letters that are marked for it, each partition's in order.
    pub(super) async fn replay(
        &mut self,
        session: &mut Session<P>,
    ) -> Result<Option<Ended>, ProjectorError> {
        if let Some(ended) = self.flush(session).await? {
            return Ok(Some(ended));
        }
        for partition in self.partitions.clone() {
            if session.parked.is_in(partition)
                && let Some(ended) = self.replay_partition(session, partition).await?
            {
                return Ok(Some(ended));
            }
        }
        session.parked = session.writer.session.parked(&self.partitions).await?;
        session.gathered.forget();
        self.context.progress.parked(&session.parked);
        Ok(None)
    }

    async fn replay_partition(
        &mut self,
        session: &mut Session<P>,
        partition: u32,
    ) -> Result<Option<Ended>, ProjectorError> {
        let (writer, store) = (&session.writer, &session.writer.session);
        let (options, topic) = (
            &self.context.options,
            self.context.sources.topic(partition).name(),
        );
        let stay = session.gathered.moves()[&partition];
        // What is asked for from now on is the next replay's: here it may be behind letters that were passed.
        let asks = store.asks(partition).await?;
        if asks.is_empty() {
            return Ok(None);
        }
        let (mut blocked, mut after) = (Parked::default(), 0);
        loop {
            let heads = store.heads((partition, &asks), after, PAGE).await?;
            if heads.is_empty() {
                return Ok(None);
            }
            let page = page(partition, &heads, &blocked, options.batch_bytes);
            after = page.last;
            if page.is_idle() {
                page.hold_back(&mut blocked);
                continue;
            }
            let at = (partition, stay, &asks[..]);
            let projection = &self.context.projection;
            let replay = writer.replay(projection, topic, at, &page, &mut blocked);
            match replay.await? {
                Written::Rows(_) => {}
                Written::Behind(partitions) => return Ok(Some(Ended::Behind(partitions))),
                Written::Unparked => return Ok(Some(Ended::Again)),
            }
        }
    }
}
