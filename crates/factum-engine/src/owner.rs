//! One partition and its owner: a task that claims, decides, appends and answers.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{
    Aggregate, Append, Appended, LogError, LogErrorKind, Position, ReaderRule, Records, Step,
    Topic, Writer,
};
use factum_host::{Guard, bound, holds, now};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::answer::Waiting;
use crate::decider::{Decider, Request};
use crate::keeper::{Keeper, Written, wake};
use crate::outcomes::Outcome;
use crate::partition_board::{Load, PartitionBoard};
use crate::replay::{Replay, ReplayError, observe_to};
use crate::state::PartitionState;
use crate::status::TakeoverReason;
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
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The owner of one partition.
pub(crate) struct Owner<A: Aggregate> {
    topic: Arc<dyn Topic>,
    partition: u32,
    options: Arc<EngineOptions>,
    replays: Arc<Semaphore>,
    requests: mpsc::Receiver<Request<A>>,
    /// Commands that were taken from the queue and not decided yet.
    backlog: VecDeque<Request<A>>,
    writer: Writer<Waiting<A::Rejection>>,
    state: PartitionState<A>,
    /// The checkpoint, where they are kept.
    keeper: Option<Keeper<A>>,
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
        replays: Arc<Semaphore>,
        requests: mpsc::Receiver<Request<A>>,
        stop: CancellationToken,
    ) -> Self {
        let writer = Writer::new(claimant, topic.partitions(), Default::default(), 0);
        let state = PartitionState::new(options.command_window, None);
        Self {
            topic,
            partition: board.partition,
            options,
            replays,
            requests,
            backlog: VecDeque::new(),
            writer,
            state,
            keeper: None,
            claimant,
            stop,
            board,
        }
    }

    /// Lets it keep a checkpoint.
    pub fn keeping(self, keeper: Option<Keeper<A>>) -> Self {
        Self { keeper, ..self }
    }

    /// Owns the partition until told to stop. `serving` is called each time commands are taken.
    ///
    /// # Errors
    /// The log failed in a way that waiting does not mend.
    pub async fn run(mut self, serving: impl Fn()) -> Result<(), LogError> {
        let result = self.own_and_serve(serving).await;
        self.requests.close();
        self.refuse_waiting();
        if let Some(keeper) = self.keeper {
            keeper.close().await;
        }
        result
    }

    async fn own_and_serve(&mut self, serving: impl Fn()) -> Result<(), LogError> {
        let stop = self.stop.clone();
        loop {
            self.board.taking_over();
            let Some(owned) = stop.run_until_cancelled(self.own()).await else {
                return Ok(());
            };
            let ending = if owned? {
                self.board.serving(self.writer.rule().epoch());
                serving();
                self.serve().await?
            } else {
                Ending::Superseded
            };
            self.board.ended(ending.takeover_reason());
            match ending {
                Ending::Stopped => {
                    self.keep_last().await;
                    return Ok(());
                }
                Ending::Lost => tracing::warn!(
                    topic = self.topic.name(),
                    partition = self.partition,
                    "states cannot be read from the checkpoint: claiming again"
                ),
                Ending::Ambiguous => tracing::warn!(
                    topic = self.topic.name(),
                    partition = self.partition,
                    "the fate of an append is unknown: claiming again"
                ),
                Ending::Superseded => {
                    tracing::warn!(
                        topic = self.topic.name(),
                        partition = self.partition,
                        epoch = self.writer.rule().epoch(),
                        "another writer owns the partition"
                    );
                    self.refuse_waiting();
                    let wait = tokio::time::sleep(self.options.reclaim_after);
                    if stop.run_until_cancelled(wait).await.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Answers commands that were not decided yet: nothing happened.
    fn refuse_waiting(&mut self) {
        let (partition, board) = (self.partition, self.board.clone());
        let refuse = |request: Request<A>| {
            board.count(Outcome::Unavailable);
            let _ = request
                .caller
                .send(Err(ExecuteError::Unavailable { partition }));
        };
        self.backlog.drain(..).for_each(refuse);
        while let Ok(request) = self.requests.try_recv() {
            refuse(request);
        }
    }

    /// Tries to own the partition until the log answers: whether it does, with the newest state.
    async fn own(&mut self) -> Result<bool, LogError> {
        let mut retry = FIRST_RETRY;
        loop {
            match self.claim_in_turn().await {
                Err(error) if may_pass(&error) => {
                    let (topic, partition) = (self.topic.name(), self.partition);
                    let cause = chain(&error);
                    tracing::warn!(
                        topic,
                        partition,
                        error = cause,
                        "cannot claim, trying again"
                    );
                    tokio::time::sleep(retry).await;
                    retry = LAST_RETRY.min(retry * 2);
                }
                result => return result,
            }
        }
    }

    /// Waits for its turn to replay, with few others at the same time, and claims.
    async fn claim_in_turn(&mut self) -> Result<bool, LogError> {
        let replays = self.replays.clone();
        let _turn = replays.acquire().await;
        self.board.replaying();
        self.claim().await
    }

    /// Claims the partition, from its checkpoint if that fits.
    async fn claim(&mut self) -> Result<bool, LogError> {
        loop {
            match self.replay_and_claim().await {
                Ok(owned) => return Ok(owned),
                Err(ReplayError::Log(error)) => return Err(error),
                Err(ReplayError::Misfit(why)) => match &mut self.keeper {
                    Some(keeper) => keeper.discard(&why).await,
                    None => unreachable!("what is not there is no misfit"),
                },
            }
        }
    }

    /// Reads the partition to its end, claims it, and reads up to the claim.
    async fn replay_and_claim(&mut self) -> Result<bool, ReplayError> {
        let (topic, partition) = (self.topic.clone(), self.partition);
        let (options, keeper) = (self.options.clone(), &mut self.keeper);
        let mut replay = Replay::<A>::start(&*topic, partition, &options, keeper).await?;
        self.begin_at(replay.position());
        let (writer, keeper) = (&mut self.writer, &mut self.keeper);
        let end = topic.end(partition).await?;
        replay.read_to(end, writer, &options, keeper).await?;
        let claim = self.writer.claim();
        self.answer();
        let after = match topic.append(partition, claim.record()).await? {
            Appended::At(offset) => offset + 1,
            Appended::Somewhere => topic.end(partition).await?,
        };
        let (writer, keeper) = (&mut self.writer, &mut self.keeper);
        replay.read_to(after, writer, &options, keeper).await?;
        let owned = self.writer.settle_claim();
        self.answer();
        self.state = replay.state;
        let epoch = self.writer.rule().epoch();
        tracing::info!(topic = topic.name(), partition, epoch, owned, "claimed");
        Ok(owned)
    }

    /// Lets the writer begin where the replay does. One with commits that wait to be settled has come
    /// further, as every checkpoint lies behind what its writer knew.
    fn begin_at(&mut self, position: &Position) {
        if self.writer.pending() == 0 {
            let (rule, partitions) = (ReaderRule::at(position), self.topic.partitions());
            self.writer = Writer::new(self.claimant, partitions, rule, position.offset);
        }
    }

    fn answer(&mut self) {
        let board = &self.board;
        self.writer.take_settled().for_each(|(waiting, fate)| {
            board.count(Outcome::of(&waiting, fate));
            waiting.settle(fate);
        });
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

    /// Lets whoever is about to send a command do so, that it goes along: callers who were answered
    /// just now often have the next one ready, and larger batches cost the log less.
    async fn gather(&mut self) {
        tokio::task::yield_now().await;
        while self.backlog.len() < BATCH
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
fn may_pass(error: &LogError) -> bool {
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

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
