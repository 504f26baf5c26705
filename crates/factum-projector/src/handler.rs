//! Projections that write by SQL of their own: what their authors write.

use std::error::Error as StdError;
use std::future::Future;

use factum_core::Recorded;
use tokio_postgres::types::ToSql;

use crate::projection::{Key, Rows};
use crate::rows::Unwritten;
use crate::{
    Changes, Events, Failure, KeyArray, KeyError, NoKey, Projection, ProjectorError, Row,
    Transaction,
};

/// A projection that writes by SQL of its own: it gets events by the batch, and the transaction that moves
/// the positions. What it does there takes effect once, together with the positions, or not at all.
///
/// A batch may come again, if it did not take effect: what a handler does elsewhere than in the transaction
/// may then be done twice. Events of one partition come in order, also from batch to batch. Other workers
/// handle other partitions at the same time, so rows that events of several partitions change need a
/// statement that is safe for that, such as `INSERT … ON CONFLICT DO UPDATE`; those of a batch should be written
/// in one order by all, else workers wait for each other in a ring, which costs a retry.
///
/// The worker does not know a handler's tables: that they are there, fit, start empty and are written by
/// nobody else is the author's to see to.
pub trait Handler: Send + Sync + 'static {
    /// The events it is made of.
    type Event: Events;
    /// Why it fails: [`ProjectorError`], an error of its own, `anyhow::Error`.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// Its name, in snake case. Its position is kept under this name.
    const NAME: &'static str;
    /// Its version. A new version starts at the first event, and must write elsewhere.
    const VERSION: u32 = 1;

    /// Handles events: at least one, whole commits, up to about `Options::batch_bytes` of them.
    ///
    /// # Errors
    /// The transaction is undone. If a call of it failed because of the connection or of another
    /// transaction's locks, the batch comes again; any other error stops the worker, with its causes.
    fn handle(
        &self,
        events: &[Recorded<Self::Event>],
        transaction: &Transaction<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A [`Handler`] as a projection.
#[derive(Clone, Copy, Debug)]
pub struct Handled<H>(pub(crate) H);

impl<H: Handler> Projection for Handled<H> {
    type Event = H::Event;
    type Row = NoRow;
    type Rows = NoRows;
    const NAME: &'static str = H::NAME;
    const VERSION: u32 = H::VERSION;
    const GATHERS: bool = false;

    async fn handle(
        &self,
        events: &[Recorded<H::Event>],
        transaction: Option<Transaction<'_>>,
    ) -> Result<u64, ProjectorError> {
        let Some(first) = events.first() else {
            return Ok(0);
        };
        let transaction = transaction.expect("handlers run on Postgres");
        let handled = self.0.handle(events, &transaction).await;
        let failure = transaction.failure();
        let source = match (handled, failure) {
            (Ok(()), None) => return Ok(transaction.changed()),
            (Ok(()), Some(_)) => "it went on after a call of the transaction had failed".into(),
            (Err(error), _) => error.into(),
        };
        Err(failed::<H>(events, first, failure, source))
    }

    /// What a constraint refuses that is checked at the end of the transaction was written by the handler, as
    /// what another one refuses at once.
    fn failed(&self, events: &[Recorded<H::Event>], error: ProjectorError) -> ProjectorError {
        match events.first() {
            Some(first) if error.is_of_event() => {
                let failure = Some(Failure::of(&error));
                failed::<H>(events, first, failure, error.into())
            }
            _ => error,
        }
    }
}

fn failed<H: Handler>(
    events: &[Recorded<H::Event>],
    first: &Recorded<H::Event>,
    failure: Option<Failure>,
    source: Box<dyn StdError + Send + Sync>,
) -> ProjectorError {
    ProjectorError::Handler {
        projection: H::NAME,
        events: events.len(),
        partition: first.partition,
        offset: first.offset,
        failure,
        source,
    }
}

/// The row of a projection without a table that the worker knows: there is none.
#[derive(Debug)]
pub enum NoRow {}

impl Row for NoRow {
    type Key = NoKey;
    const TABLE: &'static str = "";
    const NAME: &'static str = "";
    const COLUMNS: &'static [crate::Column] = &[];

    fn key(&self) -> NoKey {
        match *self {}
    }

    fn read(_: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        unreachable!("nothing is read where there is no table")
    }

    fn value(&self, _: usize) -> &(dyn ToSql + Sync) {
        match *self {}
    }

    fn key_arrays<'a>(_: &[&'a NoKey]) -> Vec<KeyArray<'a>> {
        Vec::new()
    }
}

/// The rows of a projection that makes none.
#[derive(Debug, Default)]
pub struct NoRows;

impl<P: Projection<Row = NoRow>> Rows<P> for NoRows {
    type Touched = ();

    fn touch(&mut self, _: &P, _: &[Recorded<P::Event>]) {}

    fn missing(&self, (): &()) -> Vec<&Key<P>> {
        Vec::new()
    }

    fn load(&mut self, _: Vec<NoRow>, (): &()) -> Result<(), KeyError> {
        Ok(())
    }

    fn fold(&mut self, _: &P, _: &[Recorded<P::Event>], (): &()) -> Result<(), KeyError> {
        Ok(())
    }

    fn unwritten(&self) -> Unwritten<'_, NoRow> {
        Unwritten::nothing()
    }

    fn new_keys(&self) -> impl Iterator<Item = &Key<P>> {
        std::iter::empty()
    }

    fn written(&mut self) {}

    fn changed(&self) -> usize {
        0
    }

    fn bytes(&self, _: usize) -> usize {
        0
    }

    fn forget_written(&mut self) {}

    fn into_changes(self) -> Changes<NoRow> {
        Changes::nothing()
    }
}
