//! Catching up: batches are gathered, and written now and then; while that goes on, further ones are gathered.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Instant;

use super::{Ended, Pump, Session, Step};
use crate::batch::{Batch, Move};
use crate::feed::Feed;
use crate::gather::{Gathered, Touched};
use crate::parked::Parked;
use crate::write::{Parking, Written};
use crate::{Projection, ProjectorError};

/// What a batch came to that was read while a transaction was under way.
enum Meanwhile<P: Projection> {
    /// It is gathered.
    Gathered,
    /// Rows have to be read for it, and the transaction may be about to change them.
    Touched(Batch<P::Event>, Touched<P>),
    /// It, or the end of the feed, is to be looked at after the transaction.
    Held(Step<P::Event>),
    /// Folding it failed: nothing of what is gathered may be written.
    Failed(ProjectorError),
}

impl<P: Projection> Pump<P> {
    /// Gathers a batch, and writes what is gathered if it is time for that.
    pub(super) async fn gather(
        &mut self,
        session: &mut Session<P>,
        mut batch: Batch<P::Event>,
    ) -> Result<Option<Ended>, ProjectorError> {
        let touched = self.touch(&mut session.gathered, &mut session.parked, &mut batch)?;
        self.fold(session, &batch, &touched).await?;
        let at_end = batch.at_end;
        session.feed.recycle(batch);
        if at_end {
            let ended = self.flush(session).await?;
            session.gathered.forget();
            return Ok(ended);
        }
        match session.gathered.is_due() {
            true => self.write_on(session).await,
            false => Ok(None),
        }
    }

    /// Finds the rows that a batch touches, once what is to be parked was taken out of it.
    fn touch(
        &mut self,
        gathered: &mut Gathered<P>,
        parked: &mut Parked,
        batch: &mut Batch<P::Event>,
    ) -> Result<Touched<P>, ProjectorError> {
        let letters = self.divert(batch, parked)?;
        let ends = batch.moves.iter().map(|(p, step)| (*p, step.to.offset));
        self.reach.extend(ends);
        gathered.add_letters(letters);
        gathered.touch(&self.context.projection, batch)
    }

    /// Folds a batch over rows that are read if they are not known. No transaction may be under way.
    async fn fold(
        &self,
        session: &mut Session<P>,
        batch: &Batch<P::Event>,
        touched: &Touched<P>,
    ) -> Result<(), ProjectorError> {
        let missing = session.gathered.missing(touched);
        let rows = session.writer.read::<P>(&missing).await?;
        let projection = &self.context.projection;
        session.gathered.fold(projection, batch, touched, rows)
    }

    /// Writes what is gathered, with no more to come for now.
    pub(super) async fn flush(
        &mut self,
        session: &mut Session<P>,
    ) -> Result<Option<Ended>, ProjectorError> {
        if !session.gathered.is_pending() {
            return Ok(None);
        }
        let (ended, _) = self.write_gathered(session, false).await?;
        Ok(ended)
    }

    /// Writes what is gathered, and meanwhile gathers what comes.
    async fn write_on(
        &mut self,
        session: &mut Session<P>,
    ) -> Result<Option<Ended>, ProjectorError> {
        let (ended, meanwhile) = self.write_gathered(session, true).await?;
        if ended.is_some() {
            return Ok(ended);
        }
        match meanwhile {
            Meanwhile::Gathered => {}
            Meanwhile::Touched(batch, touched) => {
                self.fold(session, &batch, &touched).await?;
                session.feed.recycle(batch);
            }
            Meanwhile::Held(step) => session.held = Some(step),
            Meanwhile::Failed(error) => return Err(error),
        }
        session.gathered.make_room();
        Ok(None)
    }

    async fn write_gathered(
        &mut self,
        session: &mut Session<P>,
        goes_on: bool,
    ) -> Result<(Option<Ended>, Meanwhile<P>), ProjectorError> {
        let Session {
            writer,
            feed,
            gathered,
            parked,
            ..
        } = session;
        let (began, partitions) = (Instant::now(), self.partitions.clone());
        let (moves, letters) = (gathered.moves(), gathered.take_letters());
        let parking = Parking::new(&partitions, parked, &letters);
        let writing = writer.write_gathered(moves.clone(), &gathered.unwritten(), parking)?;
        self.known.extend(&moves);
        let (rows, written) = (writing.rows, writing.written);
        let events = gathered.sent(writing.each);
        let (written, meanwhile) = match goes_on {
            true => self.gather_until(written, feed, gathered, parked).await,
            false => (written.await, Meanwhile::Gathered),
        };
        let written = written?;
        let took = began.elapsed();
        tracing::debug!(events, rows, ?took, goes_on, "written");
        self.context.progress.transaction(took);
        let ended = self.committed(written, events, &moves, parked);
        if ended.is_none() {
            self.reached(&moves);
            gathered.arrived(took);
        }
        Ok((ended, meanwhile))
    }

    /// Gathers batches until a transaction is over, or one comes that has to wait for that.
    async fn gather_until(
        &mut self,
        written: impl Future<Output = Result<Written, ProjectorError>>,
        feed: &mut Feed<P::Event>,
        gathered: &mut Gathered<P>,
        parked: &mut Parked,
    ) -> (Result<Written, ProjectorError>, Meanwhile<P>) {
        let (mut written, mut meanwhile) = (pin!(written), Meanwhile::Gathered);
        loop {
            let goes_on = matches!(meanwhile, Meanwhile::Gathered) && !gathered.is_full();
            tokio::select! {
                biased;
                written = &mut written => return (written, meanwhile),
                batch = feed.next(), if goes_on => {
                    meanwhile = match batch {
                        Ok(batch) if !batch.at_end => self.gather_now(gathered, parked, feed, batch),
                        Ok(batch) => Meanwhile::Held(Step::Batch(batch)),
                        Err(end) => Meanwhile::Held(Step::End(end)),
                    };
                }
            }
        }
    }

    /// Gathers a batch if nothing has to be read for that.
    fn gather_now(
        &mut self,
        gathered: &mut Gathered<P>,
        parked: &mut Parked,
        feed: &mut Feed<P::Event>,
        mut batch: Batch<P::Event>,
    ) -> Meanwhile<P> {
        let touched = match self.touch(gathered, parked, &mut batch) {
            Ok(touched) => touched,
            Err(error) => return Meanwhile::Failed(error),
        };
        if !gathered.missing(&touched).is_empty() {
            return Meanwhile::Touched(batch, touched);
        }
        match gathered.fold(&self.context.projection, &batch, &touched, Vec::new()) {
            Ok(()) => {
                feed.recycle(batch);
                Meanwhile::Gathered
            }
            Err(error) => Meanwhile::Failed(error),
        }
    }

    /// Notes that what was gathered up to here is written.
    fn reached(&mut self, moves: &BTreeMap<u32, Move>) {
        self.reach
            .retain(|p, end| moves.get(p).is_none_or(|step| step.to.offset < *end));
    }
}
