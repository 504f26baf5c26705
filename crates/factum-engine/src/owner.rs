//! One partition and its owner: a task that claims, decides, appends and answers.

mod claim;

use std::collections::VecDeque;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use factum_core::{
    Aggregate, Append, Appended, Fate, LogError, LogErrorKind, Position, Records, Step, Topic,
    Writer,
};
use factum_host::{Guard, bound, holds, now};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Waiting;
use crate::decider::{Caller, Decider, Request, panic_message};
use crate::keeper::{Keeper, Written, wake};
use crate::middleware::{Done, Middleware};
use crate::outcomes::Outcome;
use crate::partition_board::{Load, PartitionBoard};
use crate::patience::Patience;
use crate::replay::{Replay, observe_to};
use crate::routing::{Batch, Codec, Inbox, Intake, Replier};
use crate::standby::Warm;
use crate::state::PartitionState;
use crate::status::TakeoverReason;
use crate::turns::Turns;
use crate::{EngineOptions, ExecuteError};

/// How many commands at most go into one append.
const BATCH: usize = 1024;
/// How many commands have to wait, when a batch was sent, for the next to be sent while it is under
/// way. Fewer gather until it is acknowledged: many small appends cost the log more than the wait
/// costs the callers.
const PIPELINE: usize = 256;
/// How many bytes of records at about most go into one append; a single commit may be larger.
const BATCH_BYTES: usize = 1 << 20;
/// How long the reading that an acknowledgement asks for may take, before a claim settles all.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(50);
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(5);

/// The owner of one partition.
pub(crate) struct Owner<A: Aggregate> {
    topic: Arc<dyn Topic>,
    partition: u32,
    options: Arc<EngineOptions>,
    turns: Arc<Turns>,
    requests: mpsc::Receiver<Request<A>>,
    /// Commands that were taken from the queue and not decided yet.
    backlog: VecDeque<Request<A>>,
    writer: Writer<Waiting<A::Rejection>>,
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

/// The way of commands through the log, as an owner sees it.
pub(crate) struct Route<A: Aggregate> {
    intake: Intake<A>,
    codec: Codec<A>,
    replier: Replier<A>,
    /// Open while the partition is served.
    inbox: Option<Inbox<A>>,
    /// How many bytes of commands that came through the log were taken since the backlog was empty.
    taken: usize,
}

impl<A: Aggregate> Route<A> {
    pub fn new(intake: Intake<A>, codec: Codec<A>, replier: Replier<A>) -> Self {
        Self {
            intake,
            replier,
            codec,
            inbox: None,
            taken: 0,
        }
    }
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
            backlog: VecDeque::new(),
            writer,
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
    }

    /// Answers commands that come, for ever.
    async fn refuse_all(&mut self) {
        while let Some(request) = self.requests.recv().await {
            self.refuse(request);
        }
        std::future::pending().await
    }

    /// Answers whoever waits in this process. What came through the log is still there.
    fn refuse(&self, request: Request<A>) {
        if let Caller::Here(caller) = request.caller {
            let partition = self.partition;
            self.board.count(Outcome::Unavailable);
            let _ = caller.send(Err(ExecuteError::Unavailable { partition }));
        }
    }

    fn answer(&mut self) {
        let (board, route, middleware) = (&self.board, &mut self.route, &self.middleware);
        self.writer.take_settled().for_each(|(waiting, fate)| {
            if let Some(outcome) = Outcome::of(&waiting, fate) {
                board.count(outcome);
            }
            if let Some(middleware) = middleware {
                watch(&**middleware, &waiting, fate);
            }
            waiting.settle(fate, |routed, answer| {
                if let Some(route) = route.as_mut() {
                    route.replier.answer(routed, answer);
                }
            });
        });
    }

    /// Follows the commands that come through the log, from the first that is not handled.
    fn open_inbox(&mut self) {
        let (partition, handled) = (self.partition, self.state.handled);
        if let Some(route) = &mut self.route {
            route.inbox = Some(route.intake.open(partition, handled));
        }
    }

    /// Stops following them, and forgets those that were not decided: they are still there.
    fn close_inbox(&mut self) {
        if let Some(route) = &mut self.route {
            route.inbox = None;
            let is_here = |request: &Request<A>| matches!(request.caller, Caller::Here(_));
            self.backlog.retain(is_here);
        }
    }

    /// Shows what is at hand, between two batches.
    fn show(&self, under_way: &UnderWay) {
        self.board.note(Load {
            epoch: self.writer.rule().epoch(),
            sequence: self.writer.planned(),
            offset: self.writer.known(),
            backlog: self.backlog.len(),
            commits: self.writer.pending(),
            bytes: under_way.bytes,
            aggregates: self.state.aggregates.len(),
            commands: self.state.commands.len(),
            handled: self.state.handled.next,
        });
    }

    /// Takes commands and acknowledgements until something ends it.
    async fn serve(&mut self) -> Result<Ending, LogError> {
        let mut under_way = UnderWay::default();
        let mut taken = Vec::with_capacity(BATCH);
        loop {
            self.keep();
            let waiting = self.backlog.len() + self.requests.len();
            let room = (under_way.appends.is_empty() || waiting >= bound(PIPELINE))
                && self.writer.pending() < self.options.in_flight
                && under_way.bytes < self.options.in_flight_bytes;
            self.show(&under_way);
            tokio::select! {
                biased;
                Some((bytes, result)) = under_way.appends.next() => {
                    under_way.bytes -= bytes;
                    if let Some(ending) = self.acknowledge(result).await? {
                        return Ok(ending);
                    }
                }
                () = self.stop.cancelled(), if !self.requests.is_closed() => self.requests.close(),
                () = ready(()), if room && !self.backlog.is_empty() => {
                    if !self.decide(&mut under_way).await {
                        return Ok(Ending::Lost);
                    }
                }
                // Also while a batch is under way: they come in small pieces, and go on together.
                commands = next_commands(&mut self.route), if self.takes_commands() => {
                    self.take(commands?);
                    self.gather().await;
                    if room && !self.decide(&mut under_way).await {
                        return Ok(Ending::Lost);
                    }
                }
                count = self.requests.recv_many(&mut taken, BATCH), if room => {
                    if count == 0 {
                        return self.drain(&mut under_way).await;
                    }
                    self.backlog.extend(taken.drain(..));
                    self.gather().await;
                    if !self.decide(&mut under_way).await {
                        return Ok(Ending::Lost);
                    }
                }
                written = wake(&mut self.keeper) => self.note(written),
                () = ready(()), if self.is_taking() => {}
            }
        }
    }

    /// Goes on with the checkpoint.
    fn keep(&mut self) {
        let at = self.position();
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(&mut self.state, self.writer.rule(), at);
        }
    }

    /// Where the log goes on from the newest state, once all of it is fact.
    fn position(&self) -> Position {
        let rule = self.writer.rule();
        Position {
            identity: rule.identity(),
            offset: self.writer.known(),
            epoch: rule.epoch(),
            next: self.writer.planned() + 1,
            closed: false,
        }
    }

    fn note(&mut self, written: Option<Written>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.note(&mut self.state, written);
        }
    }

    fn is_taking(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::is_taking)
    }

    /// Brings the checkpoint up to date, once everything is settled.
    async fn keep_last(&mut self) {
        let at = self.position();
        if let Some(keeper) = &mut self.keeper {
            keeper.finish(&mut self.state, at).await;
        }
    }

    /// Makes sure that the aggregates are in memory whose commands wait; whether that succeeded.
    async fn load(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else {
            return true;
        };
        let ids = self.backlog.iter().map(|request| request.id.as_str());
        let missing = self.state.aggregates.missing(ids);
        match keeper.load(&mut self.state, missing).await {
            Ok(()) => true,
            Err(error) => {
                keeper.discard(&chain(&error)).await;
                false
            }
        }
    }

    /// Whether there is room for commands that come through the log.
    fn takes_commands(&self) -> bool {
        let taken = self.route.as_ref().map_or(0, |route| route.taken);
        let few = self.backlog.len() < BATCH && taken < BATCH_BYTES;
        (few || self.backlog.is_empty()) && !self.requests.is_closed()
    }

    fn take(&mut self, batch: Batch<A>) {
        if let Some(route) = &mut self.route {
            let before = if self.backlog.is_empty() {
                0
            } else {
                route.taken
            };
            route.taken = before + batch.bytes;
        }
        self.backlog.extend(batch.requests);
    }

    /// Lets whoever is about to send a command do so, that it goes along: callers who were answered
    /// just now often have the next one ready, and larger batches cost the log less.
    async fn gather(&mut self) {
        tokio::task::yield_now().await;
        // As many as one batch, beside those that came through the log: neither way starves the other.
        while self.backlog.len() < 2 * BATCH
            && let Ok(request) = self.requests.try_recv()
        {
            self.backlog.push_back(request);
        }
    }

    /// Waits for everything under way, once no command can come any more.
    async fn drain(&mut self, under_way: &mut UnderWay) -> Result<Ending, LogError> {
        while let Some((_, result)) = under_way.appends.next().await {
            if let Some(ending) = self.acknowledge(result).await? {
                return Ok(ending);
            }
        }
        Ok(Ending::Stopped)
    }

    /// Decides commands that wait, and sends what is to be appended as one batch. Fails if states that
    /// they need cannot be read.
    async fn decide(&mut self, under_way: &mut UnderWay) -> bool {
        if !self.load().await {
            return false;
        }
        self.decide_loaded(under_way);
        if let Some(keeper) = &self.keeper {
            keeper.evict(&mut self.state);
        }
        true
    }

    fn decide_loaded(&mut self, under_way: &mut UnderWay) {
        let mut decider = Decider {
            partition: self.partition,
            max_record_bytes: self.topic.max_record_bytes(),
            time: now(),
            begun: Instant::now(),
            codec: self.route.as_ref().map(|route| route.codec),
            middleware: self.middleware.as_ref(),
            state: &mut self.state,
            writer: &mut self.writer,
            records: Records::new(),
            stamps: Vec::new(),
        };
        while decider.records.byte_len() < BATCH_BYTES
            && let Some(request) = self.backlog.pop_front()
        {
            decider.take(request);
        }
        let (records, stamps) = (decider.records, decider.stamps);
        self.answer();
        if !records.is_empty() {
            self.writer.sent(stamps);
            let bytes = records.byte_len();
            let append = self.topic.append(self.partition, records);
            under_way.push(bytes, self.board.measure(append));
        } else if self.writer.needs_look() {
            self.writer.sent(Vec::new());
            under_way.push(0, self.look());
        }
    }

    /// Asks for the partition's end, as if nothing had been appended there.
    fn look(&self) -> Append {
        let (topic, partition) = (self.topic.clone(), self.partition);
        Box::pin(async move { topic.end(partition).await.map(Appended::At) })
    }

    /// Takes in what became of the oldest batch under way, and answers whom it settles.
    async fn acknowledge(
        &mut self,
        result: Result<Appended, LogError>,
    ) -> Result<Option<Ending>, LogError> {
        let settled = tokio::time::timeout(SETTLE_WITHIN, self.settle(result)).await;
        self.answer();
        match settled {
            Err(_) => Ok(Some(Ending::Ambiguous)),
            Ok(Err(error)) if may_pass(&error) => {
                let (topic, partition) = (self.topic.name(), self.partition);
                tracing::warn!(topic, partition, error = chain(&error), "an append failed");
                Ok(holds(Guard::Reclaim).then_some(Ending::Ambiguous))
            }
            Ok(settled) => settled,
        }
    }

    async fn settle(
        &mut self,
        result: Result<Appended, LogError>,
    ) -> Result<Option<Ending>, LogError> {
        let mut step = self.writer.acknowledged(result?).map_err(|damage| {
            let place = format!("{} partition {}", self.topic.name(), self.partition);
            let message = format!("{place}: the log is damaged");
            LogError::new(LogErrorKind::Damaged, message).with_source(damage)
        })?;
        loop {
            let end = match step {
                Step::Own => return Ok(None),
                Step::Claim => return Ok(Some(Ending::Ambiguous)),
                Step::Superseded => return Ok(Some(Ending::Superseded)),
                Step::ReadTo(end) => end,
                Step::ReadToEnd => self.topic.end(self.partition).await?,
            };
            observe_to(&*self.topic, self.partition, end, &mut self.writer).await?;
            step = self.writer.standing();
        }
    }
}

/// Whether waiting may mend an error. What is not known better counts as passing: a claim finds out
/// what became of an append, whatever its error said.
pub(crate) fn may_pass(error: &LogError) -> bool {
    error.is_retryable() || error.kind() == LogErrorKind::Other
}

/// Batches that were sent and not acknowledged.
#[derive(Default)]
struct UnderWay {
    appends:
        FuturesOrdered<futures::future::BoxFuture<'static, (usize, Result<Appended, LogError>)>>,
    bytes: usize,
}

impl UnderWay {
    fn push(&mut self, bytes: usize, append: Append) {
        self.bytes += bytes;
        self.appends
            .push_back(Box::pin(async move { (bytes, append.await) }));
    }
}

/// The commands that come next through the log, where they are routed. Cancel safe.
async fn next_commands<A: Aggregate>(route: &mut Option<Route<A>>) -> Result<Batch<A>, LogError> {
    match route.as_mut().and_then(|route| route.inbox.as_mut()) {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}

/// Shows the middleware a command whose fate is known.
fn watch<A: Aggregate>(
    middleware: &dyn Middleware<A>,
    waiting: &Waiting<A::Rejection>,
    fate: Fate,
) {
    let Some((command_id, begun)) = waiting.watched else {
        return;
    };
    if matches!((&waiting.caller, fate), (Caller::There(_), Fate::Void)) {
        return; // it will be decided again
    }
    let fenced = Err(ExecuteError::Fenced);
    let outcome = match fate {
        Fate::Valid => &waiting.answer,
        Fate::Void => &fenced,
    };
    let done = Done {
        command_id,
        outcome,
        took: begun.elapsed(),
    };
    // What became of the command stands, whatever the middleware makes of it.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| middleware.after(&done))) {
        let panic = panic_message(&*panic);
        tracing::error!(%command_id, panic, "the middleware panicked after a command");
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
