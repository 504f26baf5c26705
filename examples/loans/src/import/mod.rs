//! Carries out a whole log's entries as commands.
//!
//! Many cases are under way at once. Within a case, an entry of the loan waits for the one before
//! it, and so does an entry of the work: whatever fails in between, nothing overtakes.

mod carry;
mod error;
mod feed;
mod progress;
mod rejected;
mod source;
mod summary;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use factum::{CheckpointOptions, Components, EventLog};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

pub use error::ImportError;
pub use progress::Progress;
pub use source::Source;
pub use summary::Summary;

use crate::case::Case;
use carry::{Carrier, Engines};
use rejected::Rejected;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct Import {
    /// Where the cases come from.
    pub source: Source,
    /// The log's address, as the summary is to name it.
    pub log: String,
    /// How many partitions a topic gets that is not there yet.
    pub partitions: u32,
    /// How many cases may be under way at once. Memory grows with it.
    pub in_flight: usize,
    /// How to keep checkpoints of the aggregates' state, if at all; the memory is for both types.
    pub checkpoints: Option<CheckpointOptions>,
    /// Whether to follow the partitions that other nodes own, too, to take them over at once.
    pub standby: bool,
    /// The file that every rejected entry is written to, besides standard error: JSON, one a line.
    pub rejected: Option<PathBuf>,
    /// The components of the program, which the engines add themselves to.
    pub components: Components,
}

impl Import {
    /// Imports everything into `log`, or until `stop` resolves. What is recorded already is
    /// recognised, so an import that was broken off is finished by the next one.
    ///
    /// # Errors
    /// The source cannot be read further, or the log not written. What was carried out until then
    /// stays.
    pub async fn run(
        &self,
        log: Arc<dyn EventLog>,
        progress: &Progress,
        stop: impl Future<Output = ()>,
    ) -> Result<Summary, ImportError> {
        let rejected = Rejected::create(self.rejected.as_deref(), progress)?;
        let cases = self.source.open()?;
        let mut stop = std::pin::pin!(stop);
        let engines = tokio::select! {
            started = Engines::start(
                log,
                self.partitions,
                self.checkpoints.as_ref(),
                self.standby,
                self.components.clone(),
            ) => Arc::new(started?),
            () = &mut stop => return Err(ImportError::Stopped),
        };
        let began = Instant::now();
        let (cases, feeder) = feed::start(cases, progress);
        let carrier = Arc::new(Carrier::new(engines.clone(), rejected, progress.clone()));
        let carried = tokio::select! {
            carried = carry_all(cases, carrier, self.in_flight, stop) => carried,
            failed = engines.failed() => Err(failed),
        };
        if let Some(engines) = Arc::into_inner(engines) {
            engines.shutdown().await?;
        }
        carried?;
        let expected = feeder.await.map_err(ImportError::panicked)??;
        Ok(Summary::new(self, progress, began.elapsed(), expected))
    }
}

/// Carries out cases as they come, so many at once, until there are no more or `stop` resolves.
async fn carry_all(
    mut cases: Receiver<Case>,
    carrier: Arc<Carrier>,
    at_once: usize,
    stop: impl Future<Output = ()>,
) -> Result<(), ImportError> {
    let mut stop = std::pin::pin!(stop);
    let mut under_way = JoinSet::new();
    let stopped = loop {
        tokio::select! {
            () = &mut stop => break true,
            Some(done) = under_way.join_next() => done.map_err(ImportError::panicked)??,
            case = cases.recv(), if under_way.len() < at_once => match case {
                Some(case) => drop(under_way.spawn(carrier.clone().case(case))),
                None => break false,
            }
        }
    };
    drop(cases);
    while let Some(done) = under_way.join_next().await {
        done.map_err(ImportError::panicked)??;
    }
    carrier.finish()?;
    if stopped {
        Err(ImportError::Stopped)
    } else {
        Ok(())
    }
}
