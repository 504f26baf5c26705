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
        let (mut narrowing, mut attempt) = (Narrowing::default(), 1);
        let (mut rows, mut aside) = (0, Vec::new());
        while let Some(piece) = narrowing.next(events.len()) {
            self.session.begin_part().await?;
            match self.part(projection, &events[piece.clone()]).await {
                Ok(changed) => {
                    rows += changed;
                    narrowing.passed(&piece);
                }
                Err(error) if !error.is_of_event() => return Err(error),
                Err(error) => {
                    self.session.undo_part().await?;
                    if error.is_conflict() && piece.len() == 1 && attempt < ATTEMPTS {
                        attempt += 1;
                        continue;
                    }
                    if narrowing.failed(&piece) {
                        put_aside(&mut events, piece.start, error, parked, &mut aside, &lanes)?;
                    }
                }
            }
            attempt = 1;
        }
        Ok(Sifted { rows, aside })
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
