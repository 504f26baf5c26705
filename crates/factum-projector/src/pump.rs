//! Projecting some partitions, from Postgres' word on where they stand, until told to stop.
//!
//! A failure that passes (a lost connection, a restarting server) is mended by starting over from
//! the positions: they say which batches took effect, also when a commit's answer was lost.

mod catch_up;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use factum_core::{Offset, Position};
use factum_host::{Guard, holds};
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::batch::{Batch, Move};
use crate::divert::divert;
use crate::feed::{Care, End, Feed};
use crate::gather::Gathered;
use crate::identity;
use crate::letter::Letter;
use crate::pace::Pace;
use crate::park::{Culprit, Terms};
use crate::parked::Parked;
use crate::progress::Progress;
use crate::sources::Sources;
use crate::stops::Stops;
use crate::store::Store;
use crate::write::{Parking, Writer, Written};
use crate::{FailurePolicy, Options, Projection, ProjectorError};

/// How many times as many bytes as a batch of records the rows may take that are gathered.
const ROWS: usize = 16;

/// What all parts of a worker know.
pub(crate) struct Context<P: Projection> {
    pub projection: P,
    pub options: Options,
    pub sources: Sources,
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
    /// It is to go on in a new session.
    Again,
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
    /// How often an event was tried again, since the last commit.
    retried: u32,
    /// Up to where batches were gathered that are not written yet.
    reach: BTreeMap<u32, Offset>,
    /// Up to where nothing is to be gathered, for something failed there: it is found batch by batch.
    careful: BTreeMap<u32, Offset>,
    /// Events that cannot be applied: what is before them is written, and then it is over.
    stops: Stops,
    backoff: Backoff,
}

/// What comes next in a session.
enum Step<E> {
    Batch(Batch<E>),
    /// Nothing came for a while.
    Pause,
    /// Nothing comes any more.
    End(End),
    /// A replay of dead letters is asked for.
    Replay,
    Stop,
}

/// A session with Postgres, and all it works on.
struct Session<P: Projection> {
    writer: Writer<P::Row>,
    feed: Feed<P::Event>,
    gathered: Gathered<P>,
    /// What is parked in the owned partitions, with what was taken out of gathered batches.
    parked: Parked,
    /// What came while a transaction was under way, and has to be looked at after it.
    held: Option<Step<P::Event>>,
}

impl<P: Projection> Pump<P> {
    pub(crate) fn new(context: Arc<Context<P>>, partitions: Vec<u32>) -> Self {
        Self {
            context,
            partitions,
            known: BTreeMap::new(),
            contended: false,
            retried: 0,
            reach: BTreeMap::new(),
            careful: BTreeMap::new(),
            stops: Stops::default(),
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
                    self.contended = !error.is_lock_conflict(); // who only holds a lock writes no row
                    error
                }
                Err(error) if error.is_lock_conflict() => error,
                Err(error) if error.is_of_event() && self.policy().tries_again(self.retried) => {
                    self.retried += 1;
                    error
                }
                Err(error) if error.is_of_event() && self.becomes_careful() => {
                    let cause = factum_core::chain(&error);
                    tracing::info!(cause, "an event failed: going on batch by batch to find it");
                    continue;
                }
                Ok(Ended::Again) => continue,
                Ok(Ended::Paused) => {
                    self.stops = Stops::default(); // it may be mended by then
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

    fn policy(&self) -> FailurePolicy {
        self.context.options.failure
    }

    /// Goes on without gathering up to where it had come, if something failed there, to park it or to name it.
    fn becomes_careful(&mut self) -> bool {
        self.careful = std::mem::take(&mut self.reach);
        !self.careful.is_empty()
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
        let all = self.partitions.len() == self.context.sources.len();
        (all || !holds(Guard::Alone)) && !self.contended
    }

    /// Projects as long as one session lasts.
    async fn session(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Ended, ProjectorError> {
        self.reach.clear();
        let opened = tokio::select! {
            biased;
            () = requested(stop) => return Ok(Ended::Stopped),
            opened = self.open() => opened?,
        };
        let mut session = match opened {
            Ok(session) => session,
            Err(ended) => return Ok(ended),
        };
        if session.parked.take_asked()
            && let Some(ended) = self.replay(&mut session).await?
        {
            return Ok(ended);
        }
        loop {
            let ended = match session.step(stop).await {
                Step::Batch(batch) => self.project(&mut session, batch).await?,
                Step::Pause => self.flush(&mut session).await?,
                Step::Replay => self.replay(&mut session).await?,
                Step::Stop => {
                    let ended = self.flush(&mut session).await?;
                    return Ok(ended.unwrap_or(Ended::Stopped));
                }
                Step::End(end) => match self.flush(&mut session).await? {
                    None => return Err(self.error_at(end)),
                    ended => ended,
                },
            };
            match ended {
                None => {}
                Some(Ended::Behind(_)) if session.writer.is_paused().await? => {
                    return Ok(Ended::Paused);
                }
                Some(ended) => return Ok(ended),
            }
        }
    }

    /// With which error it ends.
    fn error_at(&mut self, end: End) -> ProjectorError {
        match end {
            End::Failed(error) => error,
            End::Before(partition) => std::mem::take(&mut self.stops).into_error(partition),
        }
    }

    /// Opens a session at the committed positions; or says why there is nothing to do: another worker has
    /// moved partitions since this one last knew them, or the projection is paused.
    async fn open(&self) -> Result<Result<Session<P>, Ended>, ProjectorError> {
        let Context {
            options,
            store,
            sources,
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
        identity::verify(sources, P::NAME, &at).await?;
        let parked = session.parked(&self.partitions).await?;
        progress.own(at.iter().map(|(p, at)| (*p, at.offset)).collect());
        progress.parked(&parked);
        let care = Care {
            records: options.failure.parks() || !parked.is_empty(),
            unreadable: options.failure.parks(),
        };
        let pace = options.rebuild_rate;
        let pace = pace.map(|rate| Pace::new(rate, progress.building()));
        Ok(Ok(Session {
            feed: Feed::open(
                sources,
                &at,
                self.stops.offsets(),
                options.batch_bytes,
                care,
                pace,
            )
            .await?,
            writer: Writer::prepare(session).await?,
            gathered: Gathered::new(at, options.batch_bytes.saturating_mul(ROWS)),
            parked,
            held: None,
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
        mut batch: Batch<P::Event>,
    ) -> Result<Option<Ended>, ProjectorError> {
        let gathers = P::GATHERS && self.owns_all() && self.careful.is_empty();
        if gathers && (session.gathered.is_pending() || !batch.at_end) {
            return self.gather(session, batch).await;
        }
        let letters = self.divert(&mut batch, &mut session.parked)?;
        self.project_now(session, batch, letters).await
    }

    /// Takes out of a batch what is to be parked.
    fn divert(
        &self,
        batch: &mut Batch<P::Event>,
        parked: &mut Parked,
    ) -> Result<Vec<Letter>, ProjectorError> {
        let letters = divert(&self.context.projection, batch, parked, None);
        self.terms().check::<P>(parked)?;
        Ok(letters)
    }

    async fn project_now(
        &mut self,
        session: &mut Session<P>,
        batch: Batch<P::Event>,
        letters: Vec<Letter>,
    ) -> Result<Option<Ended>, ProjectorError> {
        let (projection, writer) = (&self.context.projection, &session.writer);
        let (moves, events) = (batch.moves.clone(), batch.events.len());
        self.known.extend(&moves);
        let parking = Parking::new(&self.partitions, &session.parked, &letters);
        let began = Instant::now();
        let before = session.parked.letters();
        let written = match writer.write(projection, &batch, parking).await {
            Err(error) if self.is_to_be_parked(&error) => {
                let parked = &mut session.parked;
                let narrowed = writer.narrow(projection, batch, letters, parked, self.terms());
                let narrowed = narrowed.await?;
                self.contended = false; // what looked like another's row was what failed
                narrowed
            }
            Err(error) if self.is_to_be_named(&error) => {
                match writer.culprit(projection, &batch, parking).await? {
                    Culprit::Event(index, cause) => {
                        let (sources, event) = (&self.context.sources, &batch.events[index]);
                        self.stops.add::<P>(sources, event, cause);
                        return Ok(Some(Ended::Again));
                    }
                    Culprit::None => return Err(error),
                    Culprit::Unsought(undone) => undone,
                }
            }
            written => written?,
        };
        self.context.progress.transaction(began.elapsed());
        let events = events - (session.parked.letters() - before) as usize;
        let ended = self.committed(written, events, &moves, &session.parked);
        session.gathered.passed_by(&moves);
        Ok(ended)
    }

    /// Whether what failed is an event's fault that was tried often enough, and is to be parked.
    fn is_to_be_parked(&self, error: &ProjectorError) -> bool {
        let policy = self.policy();
        error.is_of_event() && policy.parks() && !policy.tries_again(self.retried)
    }

    /// Whether what failed is an event's fault that was tried often enough, and the worker is to stop.
    fn is_to_be_named(&self, error: &ProjectorError) -> bool {
        let policy = self.policy();
        error.is_of_event() && !policy.parks() && !policy.tries_again(self.retried)
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            partitions: &self.partitions,
            attempts: self.retried + 1,
            limit: self.context.options.max_parked,
        }
    }

    /// Notes what became of a transaction, and returns why it is the session's last.
    fn committed(
        &mut self,
        written: Written,
        events: usize,
        moves: &BTreeMap<u32, Move>,
        parked: &Parked,
    ) -> Option<Ended> {
        self.backoff.reset();
        match written {
            Written::Behind(partitions) => Some(Ended::Behind(partitions)),
            Written::Unparked => Some(Ended::Again),
            Written::Rows(rows) => {
                self.retried = 0;
                self.careful
                    .retain(|p, end| moves.get(p).is_none_or(|step| step.to.offset < *end));
                self.context.progress.committed(events, rows, moves);
                self.context.progress.parked(parked);
                None
            }
        }
    }
}

impl<P: Projection> Session<P> {
    async fn step(&mut self, stop: &mut watch::Receiver<bool>) -> Step<P::Event> {
        if let Some(held) = self.held.take() {
            return held;
        }
        tokio::select! {
            biased;
            () = requested(stop) => Step::Stop,
            () = self.writer.session.asked() => Step::Replay,
            batch = self.feed.next() => batch.map_or_else(Step::End, Step::Batch),
            () = tokio::time::sleep(self.gathered.patience()), if self.gathered.is_pending() => Step::Pause,
        }
    }
}

/// Waits until `stop` is set. Whoever drops the other side wants a stop, too.
async fn requested(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
