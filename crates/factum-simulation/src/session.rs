//! A worker's sessions with the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::Position;
use factum_projector::ProjectorError;
use factum_projector::simulation::{self, Applying, Move, Passing, Unwritten};
use tokio::sync::{Mutex, Notify, oneshot};

use crate::board::Line;
use crate::log::SimLog;
use crate::store::{Ask, Changes, Store, Told};

/// What a row counts, so that memory is short now and then.
const ROW_BYTES: usize = 40;

/// How long an answer is waited for while nothing passes.
const PATIENCE: Duration = Duration::from_secs(6);

/// The store, as one process sees it.
pub struct Reached {
    /// The process's way.
    pub log: SimLog,
    /// The store.
    pub store: Store,
}

pub(crate) struct Session {
    log: SimLog,
    store: Store,
    id: u64,
    /// What was asked is done in order.
    turn: Arc<Mutex<()>>,
    /// Told when a replay of dead letters is asked for.
    pub(crate) heard: Arc<Notify>,
}

#[async_trait]
impl simulation::Store<Line> for Reached {
    fn place(&self) -> String {
        "the simulated store".into()
    }

    async fn connect(&self) -> Result<Box<dyn simulation::Session<Line>>, ProjectorError> {
        self.store.world().travel().await;
        let reached = self.log.reach(PATIENCE).await;
        reached.map_err(|_| ProjectorError::Simulated(Passing::Broken))?;
        let heard = Arc::new(Notify::new());
        Ok(Box::new(Session {
            log: self.log.clone(),
            store: self.store.clone(),
            id: self.store.connect(heard.clone()),
            turn: Arc::default(),
            heard,
        }))
    }
}

impl Session {
    /// Asks the store. What was sent is done, whatever becomes of the sender.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Told, ProjectorError> {
        let turn = self.turn.clone().lock_owned().await;
        let (log, store, id) = (self.log.clone(), self.store.clone(), self.id);
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let _ = answer.send(there_and_back(&log, &store, id, ask).await);
            drop(turn);
        });
        let told = answered.await.unwrap_or(Err(Passing::Broken));
        told.map_err(ProjectorError::Simulated)
    }

    pub(crate) async fn do_it(&self, ask: Ask) -> Result<(), ProjectorError> {
        self.ask(ask).await.map(|_| ())
    }
}

async fn there_and_back(log: &SimLog, store: &Store, id: u64, ask: Ask) -> Result<Told, Passing> {
    let world = store.world();
    world.travel().await;
    let broken = |_| Passing::Broken;
    log.reach(PATIENCE).await.map_err(broken)?;
    let breaks = |world: &crate::world::World| {
        let mut state = world.state();
        let share = state.weather.store;
        state.chance.strikes(share)
    };
    if breaks(world) {
        store.end(id);
        return Err(Passing::Broken);
    }
    let told = store.ask(id, ask).await;
    if breaks(world) {
        store.end(id);
        return Err(Passing::Broken);
    }
    world.travel().await;
    log.reach(PATIENCE).await.map_err(broken)?;
    told
}

#[async_trait]
impl simulation::Session<Line> for Session {
    async fn positions(&self) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        match self.ask(Ask::Positions).await? {
            Told::Positions(positions) => Ok(positions),
            told => unreachable!("{told:?}"),
        }
    }

    async fn settled(
        &self,
        partitions: &[u32],
        patience: Duration,
    ) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        match self
            .ask(Ask::Settled(partitions.to_vec(), patience))
            .await?
        {
            Told::Positions(positions) => Ok(positions),
            told => unreachable!("{told:?}"),
        }
    }

    async fn prepare(&mut self) -> Result<(), ProjectorError> {
        Ok(())
    }

    async fn begin(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::Begin).await
    }

    async fn advance(&self, moves: &BTreeMap<u32, Move>) -> Result<Vec<u32>, ProjectorError> {
        match self.ask(Ask::Advance(moves.clone())).await? {
            Told::Stayed(partitions) => Ok(partitions),
            told => unreachable!("{told:?}"),
        }
    }

    async fn load(&self, keys: &[&String], lock: bool) -> Result<Vec<Line>, ProjectorError> {
        let keys = keys.iter().map(|key| (*key).clone()).collect();
        match self.ask(Ask::Load(keys, lock)).await? {
            Told::Rows(rows) => Ok(rows),
            told => unreachable!("{told:?}"),
        }
    }

    fn apply<'s>(&'s self, rows: &Unwritten<'_, Line>) -> Result<Applying<'s>, ProjectorError> {
        let changes = Changes {
            insert: rows.insert.iter().map(|row| (*row).clone()).collect(),
            update: rows.update.iter().map(|row| (*row).clone()).collect(),
            delete: rows.delete.iter().map(|key| (*key).clone()).collect(),
        };
        Ok(Applying {
            bytes: ROW_BYTES * (changes.insert.len() + changes.update.len()),
            done: Box::pin(self.do_it(Ask::Apply(changes))),
        })
    }

    async fn commit(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::Commit).await
    }

    async fn roll_back(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::RollBack).await
    }
}

/// The store hears of it once what was asked before is done; and if the way is cut, later.
impl Drop for Session {
    fn drop(&mut self) {
        let (log, store) = (self.log.clone(), self.store.clone());
        let (id, turn) = (self.id, self.turn.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _turn = turn.lock_owned().await;
                store.world().travel().await;
                let _ = log.reach(Duration::from_secs(60)).await;
                store.end(id);
            });
        }
    }
}
