//! One partition and its owner: a task that claims, decides, appends and answers.

mod claim;
mod route;
mod send;
mod serve;
mod settle;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, LogError, LogErrorKind, Topic, Writer};
use tokio::select;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::route::Route;
use crate::answer::Waiting;
use crate::decider::{Caller, Request};
use crate::history::Lookup;
use crate::keeper::Keeper;
use crate::middleware::Middleware;
use crate::outcomes::Outcome;
use crate::partition_board::PartitionBoard;
use crate::patience::Patience;
use crate::replay::Replay;
use crate::standby::Warm;
use crate::state::PartitionState;
use crate::status::TakeoverReason;
use crate::turns::Turns;
use crate::{EngineOptions, ExecuteError};

/// How many commands at most go into one append.
const BATCH: usize = 1024;
/// How many bytes of records at about most go into one append; a single commit may be larger.
const BATCH_BYTES: usize = 1 << 20;
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(50);
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(5);

/// The owner of one partition.
pub(crate) struct Owner<A: Aggregate> {
    topic: Arc<dyn Topic>,
    partition: u32,
    options: Arc<EngineOptions>,
    turns: Arc<Turns>,
    requests: mpsc::Receiver<Request<A>>,
    /// Questions for the past.
    lookups: mpsc::Receiver<Lookup>,
    /// Commands that were taken from the queue and not decided yet.
    backlog: VecDeque<Request<A>>,
    writer: Writer<Waiting<A::Rejection>>,
    /// How large the records of the last batch were on average: the next may be alike.
    record_bytes: usize,
    state: PartitionState<A>,
    /// The checkpoint, where they are kept.
    keeper: Option<Keeper<A>>,
    /// The way of commands through the log, where they are routed.
    route: Option<Route<A>>,
    middleware: Option<Arc<dyn Middleware<A>>>,
    /// What the next claim goes on from, if there is anything better than the checkpoint.
    replay: Option<Replay<A>>,
    patience: Patience,
    claimant: Uuid,
    stop: CancellationToken,
    board: Arc<PartitionBoard>,
}

/// Why the owner stopped serving.
enum Ending {
    /// It was told to, and everything is answered.
    Stopped,
    /// The fate of appends is unknown: claim again.
    Ambiguous,
    /// States that had been dropped from memory cannot be read: claim again.
    Lost,
    /// Another writer owns the partition.
    Superseded,
}

impl Ending {
    /// Why the partition will be taken over again, if it is.
    fn takeover_reason(&self) -> Option<TakeoverReason> {
        match self {
            Self::Stopped => None,
            Self::Ambiguous => Some(TakeoverReason::Ambiguous),
            Self::Lost => Some(TakeoverReason::CheckpointLost),
            Self::Superseded => Some(TakeoverReason::Superseded),
        }
    }
}

impl<A: Aggregate> Owner<A> {
    pub fn new(
        topic: Arc<dyn Topic>,
        board: Arc<PartitionBoard>,
        claimant: Uuid,
        options: Arc<EngineOptions>,
        turns: Arc<Turns>,
        requests: mpsc::Receiver<Request<A>>,
        stop: CancellationToken,
    ) -> Self {
        let writer = Writer::new(claimant, topic.partitions(), Default::default(), 0);
        let state = PartitionState::new(options.command_window, None);
        let patience = Patience::new(options.reclaim_after);
        Self {
            topic,
            partition: board.partition,
            options,
            turns,
            requests,
            lookups: mpsc::channel(1).1,
            backlog: VecDeque::new(),
            writer,
            record_bytes: 0,
            state,
            keeper: None,
            route: None,
            middleware: None,
            replay: None,
            patience,
            claimant,
            stop,
            board,
        }
    }

    /// Lets it go on from what is at hand of the partition.
    pub fn starting_from(self, warm: Warm<A>) -> Self {
        let Warm { replay, keeper } = warm;
        Self {
            replay,
            keeper,
            ..self
        }
    }

    /// Lets it take commands that come through the log.
    pub fn routed(self, route: Option<Route<A>>) -> Self {
        Self { route, ..self }
    }

    /// Lets it answer questions for the past.
    pub fn asked(self, lookups: mpsc::Receiver<Lookup>) -> Self {
        Self { lookups, ..self }
    }

    /// Lets the middleware see its commands.
    pub fn watched(self, middleware: Option<Arc<dyn Middleware<A>>>) -> Self {
        Self { middleware, ..self }
    }

    /// Owns the partition until told to stop. `serving` is called each time commands are taken. Returns
    /// what is at hand of the partition then.
    ///
    /// # Errors
    /// The log failed in a way that waiting does not mend.
    pub async fn run(mut self, serving: impl Fn()) -> (Result<(), LogError>, Warm<A>) {
        let result = self.own_and_serve(serving).await;
        self.requests.close();
        self.refuse_waiting();
        let Self { replay, keeper, .. } = self;
        (result, Warm { replay, keeper })
    }

    /// Answers commands that were not decided yet: nothing happened.
    fn refuse_waiting(&mut self) {
        while let Some(request) = self.backlog.pop_front() {
            self.refuse(request);
        }
        while let Ok(request) = self.requests.try_recv() {
            self.refuse(request);
        }
        while self.lookups.try_recv().is_ok() {}
    }

    /// Answers commands and questions that come, for ever.
    async fn refuse_all(&mut self) {
        loop {
            select! {
                biased;
                Some(request) = self.requests.recv() => self.refuse(request),
                Some(_) = self.lookups.recv() => {} // whoever asked hears that nobody is there
                else => std::future::pending().await,
            }
        }
    }

    /// Answers whoever waits in this process. What came through the log is still there.
    fn refuse(&self, request: Request<A>) {
        if let Caller::Here(caller) = request.caller {
            let partition = self.partition;
            self.board.count(Outcome::Unavailable);
            let _ = caller.send(Err(ExecuteError::Unavailable { partition }));
        }
    }
}

/// Whether waiting may mend an error. What is not known better counts as passing: a claim finds out
/// what became of an append, whatever its error said.
pub(crate) fn may_pass(error: &LogError) -> bool {
    error.is_retryable() || error.kind() == LogErrorKind::Other
}
