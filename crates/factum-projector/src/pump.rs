//! Projecting some partitions, from Postgres' word on where they stand, until told to stop.
//!
//! A failure that passes (a lost connection, a restarting server) is mended by starting over from
//! the positions: they say which batches took effect, also when a commit's answer was lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use factum_core::{Position, Topic};
use factum_host::{Guard, holds};
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::batch::{Batch, Move};
use crate::feed::Feed;
use crate::gather::Gathered;
use crate::identity;
use crate::progress::Progress;
use crate::store::Store;
use crate::write::{Writer, Written};
use crate::{Options, Projection, ProjectorError};

/// What all parts of a worker know.
pub(crate) struct Context<P: Projection> {
    pub projection: P,
    pub options: Options,
    pub topic: Arc<dyn Topic>,
    pub store: Arc<dyn Store<P::Row>>,
    pub progress: Arc<Progress>,
}

/// Why projecting ended without an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to.
    Stopped,
    /// Another worker has projected these partitions further.
    Behind(Vec<u32>),
    /// An operator has paused the projection. It goes on when that is over, where it was.
    Paused,
}

/// Projects partitions.
pub(crate) struct Pump<P: Projection> {
    context: Arc<Context<P>>,
    partitions: Vec<u32>,
    /// Where each partition can stand, if nobody else projects it: where the last transaction
    /// started or where it ended.
    known: BTreeMap<u32, Move>,
    /// Whether somebody else writes to the table although all partitions are owned here.
    contended: bool,
    backoff: Backoff,
}

/// What comes next in a session.
enum Step<E> {
    Batch(Batch<E>),
    /// Nothing came for a while.
    Pause,
    /// The log failed.
    Failed(ProjectorError),
    Stop,
}

/// A session with Postgres, and all it works on.
struct Session<P: Projection> {
    writer: Writer<P::Row>,
    feed: Feed<P::Event>,
    gathered: Gathered<P>,
}

impl<P: Projection> Pump<P> {
    pub(crate) fn new(context: Arc<Context<P>>, partitions: Vec<u32>) -> Self {
        Self {
            context,
            partitions,
            known: BTreeMap::new(),
            contended: false,
            backoff: Backoff::default(),
        }
    }

    /// Projects until `stop` is set; what is under way is finished then.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(crate) async fn run(
        mut self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Ended, ProjectorError> {
        loop {
            let error = match self.session(&mut stop).await {
                Err(error) if error.is_retryable() => error,
                Err(error) if error.is_conflict() && self.owns_all() => {
                    self.contended = true;
                    error
                }
                Err(error) if error.is_lock_conflict() => error,
                Ok(Ended::Paused) => {
                    if self.paused(&mut stop).await {
                        continue;
                    }
                    return Ok(Ended::Stopped);
                }
                outcome => return outcome,
            };
            let cause = factum_core::chain(&error);
            tracing::warn!(cause, "interrupted: going on from the committed position");
            self.context.progress.interrupted(&cause);
            tokio::select! {
                biased;
                () = requested(&mut stop) => return Ok(Ended::Stopped),
                () = self.backoff.wait() => {}
            }
        }
    }

    /// Waits while an operator has paused the projection; false if told to stop meanwhile. Whether it is
    /// over is seen in Postgres, by the session that is opened next.
    async fn paused(&self, stop: &mut watch::Receiver<bool>) -> bool {
        let progress = &self.context.progress;
        progress.paused();
        tokio::select! {
            biased;
            () = requested(stop) => false,
            () = progress.resumed() => true,
        }
    }

    /// Whether nobody else may change the rows.
    fn owns_all(&self) -> bool {
        let all = self.partitions.len() == self.context.topic.partitions() as usize;
        (all || !holds(Guard::Alone)) && !self.contended
    }

    /// Projects as long as one session lasts.
    async fn session(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Ended, ProjectorError> {
        let opened = tokio::select! {
            biased;
            () = requested(stop) => return Ok(Ended::Stopped),
            opened = self.open() => opened?,
        };
        let mut session = match opened {
            Ok(session) => session,
            Err(ended) => return Ok(ended),
        };
        loop {
            let written = match session.step(stop).await {
                Step::Batch(batch) => self.project(&mut session, batch).await?,
                Step::Pause => self.flush(&mut session).await?,
                Step::Stop => {
                    let written = self.flush(&mut session).await?;
                    return Ok(written.map_or(Ended::Stopped, Ended::Behind));
                }
                Step::Failed(error) => match self.flush(&mut session).await? {
                    None => return Err(error),
                    behind => behind,
                },
            };
            if let Some(behind) = written {
                return match session.writer.is_paused().await? {
                    true => Ok(Ended::Paused),
                    false => Ok(Ended::Behind(behind)),
                };
            }
        }
    }

    /// Opens a session at the committed positions; or says why there is nothing to do: another worker has
    /// moved partitions since this one last knew them, or the projection is paused.
    async fn open(&self) -> Result<Result<Session<P>, Ended>, ProjectorError> {
        let Context {
            options,
            store,
            topic,
            progress,
            ..
        } = self.context.as_ref();
        let session = store.connect().await?;
        if session.is_paused().await? {
            return Ok(Err(Ended::Paused));
        }
        let wait = options.lock_wait;
        let at = session.settled(&self.partitions, wait).await?;
        let behind = self.behind(&at);
        if !behind.is_empty() {
            return Ok(Err(Ended::Behind(behind)));
        }
        identity::verify(topic.as_ref(), P::NAME, &at).await?;
        progress.own(at.iter().map(|(p, at)| (*p, at.offset)).collect());
        Ok(Ok(Session {
            feed: Feed::open(topic, &at, options.batch_bytes).await?,
            writer: Writer::prepare(session).await?,
            gathered: Gathered::new(at, options.batch_bytes.saturating_mul(4)),
        }))
    }

    fn behind(&self, at: &BTreeMap<u32, Position>) -> Vec<u32> {
        let strange = |step: &Move, at: &Position| *at != step.from && *at != step.to;
        let partitions = at.iter().filter(|(partition, at)| {
            let known = self.known.get(partition);
            known.is_some_and(|step| strange(step, at))
        });
        partitions.map(|(partition, _)| *partition).collect()
    }

    /// Projects a batch: at once, or together with those that follow while there is much to catch up.
    async fn project(
        &mut self,
        session: &mut Session<P>,
        batch: Batch<P::Event>,
    ) -> Result<Option<Vec<u32>>, ProjectorError> {
        let projection = &self.context.projection;
        let gathered = &mut session.gathered;
        if P::GATHERS && self.owns_all() && (gathered.is_pending() || !batch.at_end) {
            gathered
                .take_in(projection, &session.writer, &batch)
                .await?;
            if batch.at_end {
                return self.flush(session).await;
            }
            if gathered.is_due() {
                return self.write_gathered(session).await;
            }
            return Ok(None);
        }
        self.known.extend(&batch.moves);
        let began = Instant::now();
        let written = session.writer.write(projection, &batch).await?;
        self.context.progress.transaction(began.elapsed());
        let behind = self.committed(written, batch.events.len(), &batch.moves);
        session.gathered.passed_by(&batch.moves);
        Ok(behind)
    }

    /// Writes what is gathered, with no more to come for now.
    async fn flush(
        &mut self,
        session: &mut Session<P>,
    ) -> Result<Option<Vec<u32>>, ProjectorError> {
        let mut behind = None;
        if session.gathered.is_pending() {
            behind = self.write_gathered(session).await?;
        }
        session.gathered.forget();
        Ok(behind)
    }

    async fn write_gathered(
        &mut self,
        session: &mut Session<P>,
    ) -> Result<Option<Vec<u32>>, ProjectorError> {
        let Session {
            writer, gathered, ..
        } = session;
        let moves = gathered.moves();
        self.known.extend(&moves);
        let began = Instant::now();
        let written = writer.write_gathered(&moves, &gathered.unwritten()).await?;
        self.context.progress.transaction(began.elapsed());
        let behind = self.committed(written, gathered.events(), &moves);
        if behind.is_none() {
            gathered.written();
        }
        Ok(behind)
    }

    /// Notes what became of a transaction, and returns the partitions where another worker is ahead.
    fn committed(
        &mut self,
        written: Written,
        events: usize,
        moves: &BTreeMap<u32, Move>,
    ) -> Option<Vec<u32>> {
        self.backoff.reset();
        match written {
            Written::Behind(partitions) => Some(partitions),
            Written::Rows(rows) => {
                self.context.progress.committed(events, rows, moves);
                None
            }
        }
    }
}

impl<P: Projection> Session<P> {
    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Step<P::Event> {
        tokio::select! {
            biased;
            () = requested(stop) => Step::Stop,
            batch = self.feed.next() => batch.map_or_else(Step::Failed, Step::Batch),
            () = tokio::time::sleep(self.gathered.patience()), if self.gathered.is_pending() => Step::Pause,
        }
    }
}

/// Waits until `stop` is set. Whoever drops the other side wants a stop, too.
async fn requested(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
