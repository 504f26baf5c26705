//! Projections of any kind, as the runtime sees them.

use std::future::Future;

use factum_core::Recorded;

use crate::rows::{FoldedRows, Unwritten};
use crate::{
    Append, Appended, Changes, Events, Handled, Handler, KeyError, MultiFold, ProjectorError, Row,
    Transaction,
};

/// A projection of any kind. It is not written by hand: see [`IntoProjection`].
pub trait Projection: Sized + Send + Sync + 'static {
    /// The events it is made of.
    type Event: Events;
    /// One row of its table.
    type Row: Row;
    /// How its events become rows.
    #[doc(hidden)]
    type Rows: Rows<Self>;

    /// Its name.
    const NAME: &'static str;
    /// Its version.
    const VERSION: u32;
    /// Whether batches may be gathered before they are written.
    #[doc(hidden)]
    const GATHERS: bool = true;

    /// What it does in the transaction besides writing its rows, and how many rows that changed.
    #[doc(hidden)]
    fn handle(
        &self,
        _events: &[Recorded<Self::Event>],
        _transaction: Option<Transaction<'_>>,
    ) -> impl Future<Output = Result<u64, ProjectorError>> + Send {
        std::future::ready(Ok(0))
    }

    /// What the failure of a transaction is that it has written in.
    #[doc(hidden)]
    fn failed(&self, _events: &[Recorded<Self::Event>], error: ProjectorError) -> ProjectorError {
        error
    }
}

/// The key of the rows of a projection.
pub type Key<P> = <<P as Projection>::Row as Row>::Key;

/// The rows that a projection makes of events, between the table and the table.
///
/// After an error they are of no use any more.
pub trait Rows<P: Projection>: Default + Send + Sync {
    /// Which event touches which row.
    type Touched: Send + Sync;

    /// Finds the rows that events touch, and makes room for those that are not held yet.
    fn touch(&mut self, projection: &P, events: &[Recorded<P::Event>]) -> Self::Touched;

    /// The keys of rows that were not held before, in order, to be loaded. In order, because
    /// whoever locks rows in one order can't wait for each other in a ring; and because an index
    /// is read faster so.
    fn missing(&self, touched: &Self::Touched) -> Vec<&Key<P>>;

    /// Takes in rows from the table: those that are missing, and each once. A row that was not
    /// asked for may be one that is held here already, and newer.
    fn load(&mut self, rows: Vec<P::Row>, touched: &Self::Touched) -> Result<(), KeyError>;

    /// Folds events over the rows that they touch.
    fn fold(
        &mut self,
        projection: &P,
        events: &[Recorded<P::Event>],
        touched: &Self::Touched,
    ) -> Result<(), KeyError>;

    /// What the table does not hold yet.
    fn unwritten(&self) -> Unwritten<'_, P::Row>;

    /// The keys of rows that are to be inserted, each to be asked for again before another insert.
    fn new_keys(&self) -> impl Iterator<Item = &Key<P>>;

    /// Notes that the table holds all of it now.
    fn written(&mut self);

    /// What becomes of the rows that were loaded.
    fn into_changes(self) -> Changes<P::Row>;

    /// How many rows are not as the table holds them.
    fn changed(&self) -> usize;

    /// About how many bytes all of them take, where the contents of one take so many.
    fn bytes(&self, each: usize) -> usize;

    /// Forgets the rows that are as the table holds them.
    fn forget_written(&mut self);

    /// Forgets all rows.
    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<F: MultiFold> Projection for F {
    type Event = F::Event;
    type Row = F::Row;
    type Rows = FoldedRows<F>;
    const NAME: &'static str = F::NAME;
    const VERSION: u32 = F::VERSION;
}

/// What can be run as a projection: a [`Fold`](crate::Fold), a [`MultiFold`], an [`Append`] or a [`Handler`].
/// `Kind` tells the compiler which; it finds that out by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no projection",
    label = "not a projection",
    note = "implement `Fold`, `MultiFold`, `Append` or `Handler` for it, and just one of them"
)]
pub trait IntoProjection<Kind> {
    /// The projection.
    type Projection: Projection;

    /// It as a projection.
    fn into_projection(self) -> Self::Projection;
}

/// A fold, or what has been made a projection before.
#[derive(Debug)]
pub enum Folding {}

/// An [`Append`].
#[derive(Debug)]
pub enum Appending {}

/// A [`Handler`].
#[derive(Debug)]
pub enum Handling {}

impl<P: Projection> IntoProjection<Folding> for P {
    type Projection = P;

    fn into_projection(self) -> P {
        self
    }
}

impl<A: Append> IntoProjection<Appending> for A {
    type Projection = Appended<A>;

    fn into_projection(self) -> Appended<A> {
        Appended(self)
    }
}

impl<H: Handler> IntoProjection<Handling> for H {
    type Projection = Handled<H>;

    fn into_projection(self) -> Handled<H> {
        Handled(self)
    }
}
