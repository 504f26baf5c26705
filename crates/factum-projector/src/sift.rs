//! Writing events among which some fail: within a transaction, piece by piece.

use factum_core::Recorded;

use crate::caught::caught;
use crate::narrow::Narrowing;
use crate::parked::{Lanes, Parked};
use crate::projection::Rows;
use crate::write::Writer;
use crate::{Projection, ProjectorError, Row};

/// How often an event is tried whose row another worker may have inserted in the same moment.
const ATTEMPTS: u32 = 3;

/// What became of the events.
pub(crate) struct Sifted<E> {
    /// How many rows changed.
    pub rows: usize,
    /// Those that were not, as they were met.
    pub aside: Vec<Aside<E>>,
}

/// An event that was not applied.
pub(crate) struct Aside<E> {
    pub event: Recorded<E>,
    /// Why it failed; none where another holds it back.
    pub error: Option<ProjectorError>,
}

impl<R: Row> Writer<R> {
    /// Applies events, but for those that fail and those that they hold back, which are parked. A
    /// transaction is open.
    ///
    /// # Errors
    /// What is no event's fault. The transaction is of no use any more.
    pub(crate) async fn sift<P: Projection<Row = R>>(
        &self,
        projection: &P,
        mut events: Vec<Recorded<P::Event>>,
        parked: &mut Parked,
        lanes: impl Fn(&Recorded<P::Event>) -> Result<Lanes, ProjectorError> + Sync,
    ) -> Result<Sifted<P::Event>, ProjectorError> {
        let mut narrowing = Narrowing::default();
        let (mut rows, mut aside) = (0, Vec::new());
        while let Some(piece) = narrowing.next(events.len()) {
            match self.piece(projection, &events[piece.clone()]).await? {
                Ok(changed) => {
                    rows += changed;
                    narrowing.passed(&piece);
                }
                Err(error) if narrowing.failed(&piece) => {
                    put_aside(&mut events, piece.start, error, parked, &mut aside, &lanes)?;
                }
                Err(_) => {}
            }
        }
        Ok(Sifted { rows, aside })
    }

    /// Applies events up to the first that fails, and returns that; none where all can be applied. A
    /// transaction is open, which is to be undone.
    ///
    /// # Errors
    /// What is no event's fault.
    pub(crate) async fn first_failure<P: Projection<Row = R>>(
        &self,
        projection: &P,
        events: &[Recorded<P::Event>],
    ) -> Result<Option<(usize, ProjectorError)>, ProjectorError> {
        let mut narrowing = Narrowing::default();
        while let Some(piece) = narrowing.next(events.len()) {
            match self.piece(projection, &events[piece.clone()]).await? {
                Ok(_) => narrowing.passed(&piece),
                Err(error) if narrowing.failed(&piece) => return Ok(Some((piece.start, error))),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Applies events, and returns how many rows changed; or undoes that, and returns why they failed.
    async fn piece<P: Projection<Row = R>>(
        &self,
        projection: &P,
        events: &[Recorded<P::Event>],
    ) -> Result<Result<usize, ProjectorError>, ProjectorError> {
        let mut attempt = 1;
        loop {
            self.session.begin_part().await?;
            let error = match self.part(projection, events).await {
                Ok(changed) => return Ok(Ok(changed)),
                Err(error) if !error.is_of_event() => return Err(error),
                Err(error) => error,
            };
            self.session.undo_part().await?;
            if !error.is_conflict() || events.len() > 1 || attempt == ATTEMPTS {
                return Ok(Err(error));
            }
            attempt += 1;
        }
    }

    async fn part<P: Projection<Row = R>>(
        &self,
        projection: &P,
        events: &[Recorded<P::Event>],
    ) -> Result<usize, ProjectorError> {
        let mut rows = P::Rows::default();
        let touched = caught(|| rows.touch(projection, events))?;
        let loaded = self.session.load(&rows.missing(&touched), true).await?;
        rows.load(loaded, &touched)?;
        caught(|| rows.fold(projection, events, &touched))??;
        let transaction = self.session.transaction();
        let handled = projection.handle(events, transaction).await?;
        let unwritten = rows.unwritten();
        self.session.apply(&unwritten)?.done.await?;
        self.session.end_part().await?;
        Ok(unwritten.len() + handled as usize)
    }
}

/// Takes the event at an index away, and all behind it that it holds back.
fn put_aside<E>(
    events: &mut Vec<Recorded<E>>,
    at: usize,
    error: ProjectorError,
    parked: &mut Parked,
    aside: &mut Vec<Aside<E>>,
    lanes: impl Fn(&Recorded<E>) -> Result<Lanes, ProjectorError>,
) -> Result<(), ProjectorError> {
    let mut behind = events.split_off(at).into_iter();
    if let Some(event) = behind.next() {
        parked.park(&lanes(&event)?);
        let error = Some(error);
        aside.push(Aside { event, error });
    }
    for event in behind {
        let lanes = lanes(&event)?;
        if parked.holds_back(&lanes) {
            parked.park(&lanes);
            aside.push(Aside { event, error: None });
        } else {
            events.push(event);
        }
    }
    Ok(())
}
