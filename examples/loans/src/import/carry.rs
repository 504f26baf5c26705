//! Carries out the entries of one case.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::{Duration, Instant};

use factum::uuid::Uuid;
use factum::{
    Aggregate, CheckpointOptions, Checkpoints, CommandOptions, Components, Engine, EngineError,
    EngineOptions, EventLog, ExecuteError, NewTopic,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ImportError, Progress, Rejected};
use crate::case::{Case, Entry};
use crate::loan::{Loan, RecordLoan};
use crate::record::{Fact, fact};
use crate::work::{RecordWork, Work};

/// How long an entry is tried again that failed for no fault of its own.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(100);

/// The two aggregate types' engines.
pub(super) struct Engines {
    loans: Engine<Loan>,
    work: Engine<Work>,
}

impl Engines {
    pub(super) async fn start(
        log: Arc<dyn EventLog>,
        partitions: u32,
        checkpoints: Option<&CheckpointOptions>,
        standby: bool,
        components: Components,
    ) -> Result<Self, ImportError> {
        let options = EngineOptions {
            create: Some(NewTopic {
                partitions,
                ..NewTopic::default()
            }),
            standby,
            components,
            ..EngineOptions::default()
        };
        let loans = start(log.clone(), options.clone(), checkpoints);
        let work = start(log, options, checkpoints);
        let (loans, work) = tokio::try_join!(loans, work)?;
        Ok(Self { loans, work })
    }

    /// Resolves if one of them fails.
    pub(super) async fn failed(&self) -> ImportError {
        tokio::select! {
            error = self.loans.failed() => error.into(),
            error = self.work.failed() => error.into(),
        }
    }

    pub(super) async fn shutdown(self) -> Result<(), ImportError> {
        let (loans, work) = tokio::join!(self.loans.shutdown(), self.work.shutdown());
        Ok(loans.and(work)?)
    }
}

/// Starts one of the two engines, which share the memory.
async fn start<A>(
    log: Arc<dyn EventLog>,
    options: EngineOptions,
    checkpoints: Option<&CheckpointOptions>,
) -> Result<Engine<A>, EngineError>
where
    A: Aggregate + Serialize + DeserializeOwned,
{
    let Some(checkpoints) = checkpoints.cloned() else {
        return Engine::start(log, options).await;
    };
    let checkpoints = Checkpoints::new(CheckpointOptions {
        memory: checkpoints.memory.map(|bytes| bytes / 2),
        ..checkpoints
    });
    Engine::builder(log)
        .options(options)
        .checkpoints(checkpoints)
        .start()
        .await
}

/// Carries out cases, and keeps count.
pub(super) struct Carrier {
    engines: Arc<Engines>,
    rejected: Rejected,
    progress: Progress,
}

/// An entry on its way: its number, itself, and the command that it is.
type Numbered<C> = (i64, Entry, C);

impl Carrier {
    pub(super) fn new(engines: Arc<Engines>, rejected: Rejected, progress: Progress) -> Self {
        Self {
            engines,
            rejected,
            progress,
        }
    }

    /// Carries out a case: its loan's entries and its work's side by side, each in their order.
    pub(super) async fn case(self: Arc<Self>, mut case: Case) -> Result<(), ImportError> {
        let (mut loan, mut work) = (Vec::new(), Vec::new());
        for (number, entry) in (1..).zip(std::mem::take(&mut case.entries)) {
            match fact(&case, number, &entry) {
                Ok(Fact::Loan(event)) => loan.push((number, entry, RecordLoan(event))),
                Ok(Fact::Work(event)) => work.push((number, entry, RecordWork(event))),
                Err(unknown) => self.reject(&case.name, number, &entry, &unknown)?,
            }
        }
        let loan = self.entries(&self.engines.loans, &case.name, loan);
        let work = self.entries(&self.engines.work, &case.name, work);
        tokio::try_join!(loan, work)?;
        self.progress.case_done();
        Ok(())
    }

    /// Makes sure that every rejected entry is in its file.
    pub(super) fn finish(&self) -> Result<(), ImportError> {
        self.rejected.flush()
    }

    async fn entries<A>(
        &self,
        engine: &Engine<A>,
        case: &str,
        entries: Vec<Numbered<A::Command>>,
    ) -> Result<(), ImportError>
    where
        A: Aggregate,
        A::Command: Clone + Sync,
        A::Rejection: Display + Debug,
    {
        for (number, entry, command) in entries {
            match carry_out(engine, case, number, command).await? {
                Ok(events) => self.progress.entry_done(events.into()),
                Err(reason) => self.reject(case, number, &entry, &reason)?,
            }
        }
        Ok(())
    }

    fn reject(
        &self,
        case: &str,
        number: i64,
        entry: &Entry,
        reason: &dyn Display,
    ) -> Result<(), ImportError> {
        self.progress.entry_done(0);
        self.rejected.report(case, number, entry, reason)
    }
}

/// Carries out one command, however often it takes. Answers how many events came of it, or why it
/// was rejected.
async fn carry_out<A>(
    engine: &Engine<A>,
    case: &str,
    entry: i64,
    command: A::Command,
) -> Result<Result<u32, String>, ImportError>
where
    A: Aggregate,
    A::Command: Clone + Sync,
    A::Rejection: Display + Debug,
{
    // One id for all attempts: an attempt that took effect unnoticed is recognised.
    let options = CommandOptions {
        command_id: Some(Uuid::new_v4()),
        ..CommandOptions::default()
    };
    let began = Instant::now();
    loop {
        let reason = match engine
            .execute_with(case, command.clone(), options.clone())
            .await
        {
            Ok(receipt) => return Ok(Ok(receipt.events)),
            Err(ExecuteError::Rejected(reason)) => return Ok(Err(reason.to_string())),
            Err(error) if error.is_retryable() => error.to_string(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        if began.elapsed() > PATIENCE {
            return Err(ImportError::Stuck {
                case: case.to_owned(),
                entry,
                seconds: PATIENCE.as_secs(),
                reason,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}
