//! The standbys of an engine: one for each partition that it does not own.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use factum_core::Aggregate;
use factum_host::spawn;
use futures::FutureExt;
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::decider::panic_message;
use crate::engine::Shared;
use crate::follow::fail;
use crate::keeper::Keeper;
use crate::standby::{Standby, Warm};

/// The standbys that run: how to stop each, and what it has then.
pub(crate) struct Standbys<A: Aggregate> {
    shared: Arc<Shared<A>>,
    running: BTreeMap<u32, (CancellationToken, JoinHandle<Warm<A>>)>,
}

impl<A: Aggregate> Standbys<A> {
    /// None yet.
    pub fn of(shared: &Arc<Shared<A>>) -> Self {
        Self {
            shared: shared.clone(),
            running: BTreeMap::new(),
        }
    }

    /// Begins to stand by for a partition, from what is at hand; gives that up where there are to be no
    /// standbys.
    pub async fn stand_by(&mut self, partition: u32, warm: Warm<A>) {
        if !self.shared.options.standby {
            return warm.close().await;
        }
        let stop = self.shared.stop.child_token();
        let run = run(self.shared.clone(), partition, warm, stop.clone());
        self.running.insert(partition, (stop, spawn(run)));
    }

    /// Begins to stand by for all partitions.
    pub async fn stand_by_for_all(&mut self) {
        for partition in 0..self.shared.topic.partitions() {
            let warm = cold(&self.shared, partition);
            self.stand_by(partition, warm).await;
        }
    }

    /// Ends the standby of a partition that is to be owned: what is at hand of it, soon.
    pub fn relieve(&mut self, partition: u32) -> impl Future<Output = Warm<A>> + Send + use<A> {
        let running = self.running.remove(&partition);
        let cold = match &running {
            Some((stop, _)) => {
                stop.cancel();
                Warm::NOTHING
            }
            None => cold(&self.shared, partition),
        };
        async move {
            match running {
                Some((_, running)) => running.await.unwrap_or(cold),
                None => cold,
            }
        }
    }

    /// Ends them all, and lets each store what is new.
    pub async fn end(&mut self) {
        let partitions: Vec<u32> = self.running.keys().copied().collect();
        let ending = partitions.into_iter().map(|partition| {
            let relieved = self.relieve(partition);
            async move { relieved.await.finish().await }
        });
        join_all(ending.collect::<Vec<_>>()).await;
    }
}

fn cold<A: Aggregate>(shared: &Shared<A>, partition: u32) -> Warm<A> {
    let keeping = shared.checkpoints.clone();
    let keeper = keeping.map(|keeping| {
        let window = shared.options.command_window;
        Keeper::new(keeping, &*shared.topic, partition, window)
    });
    Warm {
        replay: None,
        keeper,
    }
}

/// Stands by until stopped. A failure ends the engine, as an owner's does.
async fn run<A: Aggregate>(
    shared: Arc<Shared<A>>,
    partition: u32,
    warm: Warm<A>,
    stop: CancellationToken,
) -> Warm<A> {
    let mut standby = Standby {
        topic: shared.topic.clone(),
        options: shared.options.clone(),
        turns: shared.turns.clone(),
        board: shared.board.stands_by(partition),
        warm,
    };
    let stood = AssertUnwindSafe(standby.run(stop.cancelled())).catch_unwind();
    let ended = match stood.await {
        Ok(ended) => ended.map_err(EngineError::from),
        Err(panic) => Err(EngineError::Panicked(panic_message(&*panic))),
    };
    shared.board.stood_by(partition);
    if let Err(error) = ended {
        fail(&shared, error);
        standby.warm.replay = None;
    }
    standby.warm
}
