//! What an engine and its owners note for others to see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use factum_core::{Aggregate, chain};
use factum_status::prometheus::proto::MetricFamily;
use factum_status::{Archive, Component, Health};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{Readiness, SPARE_AFTER, Shared};
use crate::history::archive;
use crate::meters::Meters;
use crate::metrics::families;
use crate::outcomes::{Outcome, Outcomes};
use crate::partition_board::PartitionBoard;
use crate::standby_board::StandbyBoard;
use crate::status::{CommandCounts, EngineStatus, Phase, TopicStatus};
use crate::{EngineError, EngineOptions};

/// What is known of an engine.
pub(crate) struct Board {
    aggregate: &'static str,
    link: OnceLock<Link>,
    /// Since when the engine is a member of its group.
    member_since: Mutex<Option<Instant>>,
    owned: Mutex<BTreeMap<u32, Arc<PartitionBoard>>>,
    standbys: Mutex<BTreeMap<u32, Arc<StandbyBoard>>>,
    /// What became of commands of partitions that are not owned, now or any more.
    outcomes: Outcomes,
    meters: Meters,
}

/// What an engine has once the log was opened.
pub(crate) struct Link {
    topic: TopicStatus,
    ready: watch::Receiver<Readiness>,
    failure: watch::Receiver<Option<EngineError>>,
    stop: CancellationToken,
    archive: Option<Arc<dyn Archive>>,
}

impl Link {
    pub fn of<A: Aggregate>(shared: &Arc<Shared<A>>) -> Self {
        Self {
            topic: TopicStatus {
                name: shared.topic.name().to_owned(),
                partitions: shared.topic.partitions(),
                group: shared.group.clone(),
                claimant: shared.claimant,
            },
            ready: shared.ready.subscribe(),
            failure: shared.failure.subscribe(),
            stop: shared.stop.clone(),
            archive: archive(shared),
        }
    }
}

impl Board {
    pub fn new(aggregate: &'static str) -> Arc<Self> {
        Arc::new(Self {
            aggregate,
            link: OnceLock::new(),
            member_since: Mutex::default(),
            owned: Mutex::default(),
            standbys: Mutex::default(),
            outcomes: Outcomes::default(),
            meters: Meters::new(aggregate),
        })
    }

    /// The log was opened.
    pub fn opened(&self, link: Link) {
        let _ = self.link.set(link);
    }

    /// The engine is a member of its group, or not any more.
    pub fn is_member(&self, member: bool) {
        *lock(&self.member_since) = member.then(Instant::now);
    }

    /// Shows a partition that was gained. Its owner is to run with the options that come back: they
    /// show its replays, too.
    pub fn gained<T: Send + 'static>(
        &self,
        partition: u32,
        queue: &mpsc::Sender<T>,
        options: &EngineOptions,
    ) -> (Arc<PartitionBoard>, Arc<EngineOptions>) {
        let sender = queue.downgrade();
        let queued = Box::new(move || {
            let sender = sender.upgrade();
            sender.map_or(0, |sender| sender.max_capacity() - sender.capacity())
        });
        let meters = self.meters.clone();
        let board = Arc::new(PartitionBoard::new(partition, options, queued, meters));
        lock(&self.owned).insert(partition, board.clone());
        let options = shown_on(&board, options);
        (board, Arc::new(options))
    }

    /// Shows a partition no more whose owner has ended.
    pub fn given_up(&self, partition: u32) {
        if let Some(board) = lock(&self.owned).remove(&partition) {
            self.outcomes.take_in(&board.outcomes);
        }
    }

    /// Shows a partition that is followed from now on.
    pub fn stands_by(&self, partition: u32) -> Arc<StandbyBoard> {
        let board = StandbyBoard::new(partition);
        lock(&self.standbys).insert(partition, board.clone());
        board
    }

    /// Shows a standby no more that has ended.
    pub fn stood_by(&self, partition: u32) {
        lock(&self.standbys).remove(&partition);
    }

    /// Counts a command that no owner saw.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes.count(outcome);
    }

    pub fn status(&self) -> EngineStatus {
        let owned = lock(&self.owned);
        EngineStatus {
            aggregate: self.aggregate,
            phase: self.phase(),
            failure: self.failure(),
            topic: self.link.get().map(|link| link.topic.clone()),
            commands: self.commands(&owned),
            owned: owned.values().map(|board| board.status()).collect(),
            // One that is about to be relieved counts no more.
            standbys: lock(&self.standbys)
                .values()
                .filter(|board| !owned.contains_key(&board.partition))
                .map(|board| board.snapshot())
                .collect(),
        }
    }

    fn commands(&self, owned: &BTreeMap<u32, Arc<PartitionBoard>>) -> CommandCounts {
        let sum = Outcomes::default();
        sum.take_in(&self.outcomes);
        owned
            .values()
            .for_each(|board| sum.take_in(&board.outcomes));
        sum.counts()
    }

    fn failure(&self) -> Option<String> {
        let failure = self.link.get()?.failure.borrow();
        failure.as_ref().map(|error| chain(error))
    }

    fn phase(&self) -> Phase {
        let Some(link) = self.link.get() else {
            return Phase::Opening;
        };
        let (ready, member_since) = (*link.ready.borrow(), *lock(&self.member_since));
        let spare = member_since.is_some_and(|since| since.elapsed() >= SPARE_AFTER);
        match ready {
            _ if link.failure.borrow().is_some() => Phase::Failed,
            _ if link.stop.is_cancelled() => Phase::Stopping,
            Readiness {
                assigned: true,
                owned: 0,
                ..
            } => Phase::StandingBy,
            Readiness {
                assigned: true,
                owned,
                served,
            } if served >= owned => Phase::Serving,
            Readiness { assigned: true, .. } => Phase::TakingOver,
            _ if spare => Phase::StandingBy,
            _ => Phase::Joining,
        }
    }
}

/// The options, with what the replay tells shown on the board, too.
fn shown_on(board: &Arc<PartitionBoard>, options: &EngineOptions) -> EngineOptions {
    let (board, told) = (board.clone(), options.on_replay.clone());
    let on_replay = move |replayed| {
        board.replayed(replayed);
        if let Some(told) = &told {
            told(replayed);
        }
    };
    EngineOptions {
        on_replay: Some(Arc::new(on_replay)),
        ..options.clone()
    }
}

impl Component for Board {
    fn kind(&self) -> &'static str {
        "engine"
    }

    fn name(&self) -> String {
        self.aggregate.to_owned()
    }

    fn health(&self) -> Health {
        match self.phase() {
            Phase::Opening => Health::Waiting("the log is being opened".into()),
            Phase::Joining => Health::Waiting("the group has not said what it is to own".into()),
            Phase::TakingOver => Health::Waiting("partitions are being taken over".into()),
            Phase::StandingBy | Phase::Serving => Health::Ready,
            Phase::Stopping => Health::Stopping,
            Phase::Failed => Health::Failed(self.failure().unwrap_or_default()),
        }
    }

    fn status(&self) -> Value {
        serde_json::to_value(self.status()).expect("a status has string keys only")
    }

    fn metrics(&self) -> Vec<MetricFamily> {
        let ready = self.health() == Health::Ready;
        let mut families = families(&self.status(), ready);
        self.meters.add_to(&mut families);
        families.into_vec()
    }

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        self.link.get()?.archive.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
