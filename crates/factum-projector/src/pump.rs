//! Projecting some partitions, from Postgres' word on where they stand, until told to stop.
//!
//! A failure that passes (a lost connection, a restarting server) is mended by starting over from
//! the positions: they say which batches took effect, also when a commit's answer was lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use factum_core::{Position, Topic};
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::batch::Move;
use crate::feed::Feed;
use crate::identity;
use crate::positions::Positions;
use crate::progress::Progress;
use crate::session::Server;
use crate::table::TableTypes;
use crate::write::{Writer, Written};
use crate::{Fold, Options, ProjectorError};

/// What all parts of a worker know.
pub(crate) struct Context<F> {
    pub fold: F,
    pub options: Options,
    pub server: Server,
    pub topic: Arc<dyn Topic>,
    pub positions: Positions,
    pub types: TableTypes,
    pub progress: Progress,
}

/// Why projecting ended without an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to.
    Stopped,
    /// Another worker has projected these partitions further.
    Behind(Vec<u32>),
}

/// Projects partitions.
pub(crate) struct Pump<F: Fold> {
    context: Arc<Context<F>>,
    partitions: Vec<u32>,
    /// Where each partition can stand, if nobody else projects it: where the last batch started or
    /// where it ended.
    known: BTreeMap<u32, Move>,
    backoff: Backoff,
}

impl<F: Fold> Pump<F> {
    pub(crate) fn new(context: Arc<Context<F>>, partitions: Vec<u32>) -> Self {
        Self {
            context,
            partitions,
            known: BTreeMap::new(),
            backoff: Backoff::default(),
        }
    }

    /// Projects until `stop` is set; a batch under way is finished then.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(crate) async fn run(
        mut self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Ended, ProjectorError> {
        loop {
            match self.session(&mut stop).await {
                Err(error) if error.is_retryable() => {
                    let cause = crate::error::chain(&error);
                    tracing::warn!(
                        cause,
                        "interrupted: trying again from the committed position"
                    );
                    tokio::select! {
                        () = requested(&mut stop) => return Ok(Ended::Stopped),
                        () = self.backoff.wait() => {}
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Projects as long as one session lasts.
    async fn session(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Ended, ProjectorError> {
        let opened = tokio::select! {
            biased;
            () = requested(stop) => return Ok(Ended::Stopped),
            opened = self.open() => opened?,
        };
        let (mut writer, mut feed) = match opened {
            Ok(opened) => opened,
            Err(behind) => return Ok(Ended::Behind(behind)),
        };
        loop {
            let batch = tokio::select! {
                biased;
                () = requested(stop) => return Ok(Ended::Stopped),
                batch = feed.next() => batch?,
            };
            self.known.extend(&batch.moves);
            match writer.write(&self.context.fold, &batch).await? {
                Written::Rows(rows) => self.context.progress.committed(&batch, rows),
                Written::Behind(partitions) => return Ok(Ended::Behind(partitions)),
            }
            self.backoff.reset();
        }
    }

    /// Opens a session and a feed at the committed positions, or names the partitions that
    /// another worker has moved since this one last knew them.
    async fn open(&self) -> Result<Result<(Writer, Feed<F::Event>), Vec<u32>>, ProjectorError> {
        let Context {
            options,
            server,
            topic,
            positions,
            types,
            progress,
            ..
        } = self.context.as_ref();
        let session = server.connect().await?;
        let wait = options.lock_wait;
        let at = positions
            .settled(server, &session, &self.partitions, wait)
            .await?;
        let behind = self.behind(&at);
        if !behind.is_empty() {
            return Ok(Err(behind));
        }
        identity::verify(topic.as_ref(), F::NAME, &at).await?;
        progress.own(at.iter().map(|(p, at)| (*p, at.offset)).collect());
        let feed = Feed::open(topic, &at, options.batch_bytes).await?;
        let writer = Writer::prepare::<F::Row>(session, positions.clone(), types.clone()).await?;
        Ok(Ok((writer, feed)))
    }

    fn behind(&self, at: &BTreeMap<u32, Position>) -> Vec<u32> {
        let strange = |step: &Move, at: &Position| *at != step.from && *at != step.to;
        let partitions = at.iter().filter(|(partition, at)| {
            let known = self.known.get(partition);
            known.is_some_and(|step| strange(step, at))
        });
        partitions.map(|(partition, _)| *partition).collect()
    }
}

/// Waits until `stop` is set. Whoever drops the other side wants a stop, too.
async fn requested(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
