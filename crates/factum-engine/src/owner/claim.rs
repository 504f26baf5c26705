//! How an owner comes to own its partition, loses it, and comes to own it again.

use std::mem;
use std::time::Duration;

use factum_core::{Aggregate, Appended, LogError, Writer, chain};
use tokio::select;
use tokio::time::{Instant, sleep};

use super::{Ending, FIRST_RETRY, LAST_RETRY, Owner, may_pass};
use crate::replay::{Replay, ReplayError};
use crate::standby::{Standby, Warm};
use crate::standby_board::StandbyBoard;
use crate::state::PartitionState;

impl<A: Aggregate> Owner<A> {
    pub(super) async fn own_and_serve(&mut self, serving: impl Fn()) -> Result<(), LogError> {
        let stop = self.stop.clone();
        // The epoch that was owned, where the next claim is only to settle what became of it.
        let mut held = None;
        loop {
            self.board.taking_over();
            self.replay.iter_mut().for_each(Replay::count_anew);
            let Some(owned) = stop.run_until_cancelled(self.own(held)).await else {
                return Ok(());
            };
            let (began, epoch) = (Instant::now(), self.writer.rule().epoch());
            let ending = if owned? {
                self.board.serving(epoch);
                serving();
                self.open_inbox();
                let ending = self.serve().await;
                self.close_inbox();
                ending?
            } else {
                Ending::Superseded
            };
            self.board.ended(ending.takeover_reason());
            held = Some(epoch);
            match ending {
                Ending::Stopped => {
                    self.keep_last().await;
                    self.stay_warm();
                    return Ok(());
                }
                Ending::Lost => self.warn("states cannot be read from the checkpoint"),
                Ending::Ambiguous => self.warn("the fate of an append is unknown"),
                Ending::Superseded => {
                    held = None;
                    self.replay = self.replay.take().filter(|_| self.options.standby);
                    if !self.be_superseded(began.elapsed()).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn warn(&self, what: &str) {
        let (topic, partition) = (self.topic.name(), self.partition);
        tracing::warn!(topic, partition, "{what}: claiming again");
    }

    /// Waits until it is time to claim again; whether it is to. Nobody else waits meanwhile: another node
    /// may serve them.
    async fn be_superseded(&mut self, served: Duration) -> Result<bool, LogError> {
        self.refuse_waiting();
        self.state = self.empty();
        let (wait, stop) = (self.wait(served), self.stop.clone());
        let mut standby = self.options.standby.then(|| self.standby());
        let waited = stop.run_until_cancelled(sleep(wait));
        let over = async {
            select! {
                biased;
                _ = waited => {}
                () = self.refuse_all() => {}
            }
        };
        match &mut standby {
            Some(standby) => standby.run(over).await?,
            None => over.await,
        }
        if let Some(standby) = standby {
            (self.replay, self.keeper) = (standby.warm.replay, standby.warm.keeper);
        }
        Ok(!stop.is_cancelled())
    }

    fn wait(&mut self, served: Duration) -> Duration {
        let wait = self.patience.wait(served);
        let (topic, partition) = (self.topic.name(), self.partition);
        let epoch = self.writer.rule().epoch();
        tracing::warn!(topic, partition, epoch, ?wait, "another writer owns it");
        let times = self.patience.superseded();
        if times > 2 {
            let group = &self.options.group;
            tracing::warn!(
                topic,
                partition,
                group,
                times,
                "superseded again and again: is there a node that joined another group?"
            );
        }
        wait
    }

    /// What follows the partition from what is at hand.
    fn standby(&mut self) -> Standby<A> {
        Standby {
            topic: self.topic.clone(),
            options: self.options.clone(),
            turns: self.turns.clone(),
            board: StandbyBoard::new(self.partition),
            warm: Warm {
                replay: self.replay.take(),
                keeper: self.keeper.take(),
            },
        }
    }

    /// Keeps the state at hand, once everything is settled: a standby goes on from it.
    fn stay_warm(&mut self) {
        if self.options.standby && self.writer.pending() == 0 {
            let (at, empty) = (self.position(), self.empty());
            let state = mem::replace(&mut self.state, empty);
            self.replay = Some(Replay::go_on(&*self.topic, self.partition, state, at));
        }
    }

    fn empty(&self) -> PartitionState<A> {
        PartitionState::new(self.options.command_window, None)
    }

    /// Tries to own the partition until the log answers: whether it does, with the newest state. If
    /// another writer is seen to have followed on the epoch that was `held`, it does not claim.
    async fn own(&mut self, held: Option<u64>) -> Result<bool, LogError> {
        let mut retry = FIRST_RETRY;
        loop {
            match self.claim_in_turn(held).await {
                Err(error) if may_pass(&error) => {
                    let (topic, partition) = (self.topic.name(), self.partition);
                    let error = chain(&error);
                    tracing::warn!(topic, partition, error, "cannot claim, trying again");
                    sleep(retry).await;
                    retry = LAST_RETRY.min(retry * 2);
                }
                result => return result,
            }
        }
    }

    /// Waits for its turn to replay, with few others at the same time, and claims.
    async fn claim_in_turn(&mut self, held: Option<u64>) -> Result<bool, LogError> {
        let turns = self.turns.clone();
        let _turn = turns.to_claim().await;
        self.board.replaying();
        self.state = self.empty(); // two of them would take twice the memory
        self.claim(held).await
    }

    /// Claims the partition, from what is at hand, or from its checkpoint if that fits.
    async fn claim(&mut self, held: Option<u64>) -> Result<bool, LogError> {
        loop {
            match self.replay_and_claim(held).await {
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
    async fn replay_and_claim(&mut self, held: Option<u64>) -> Result<bool, ReplayError> {
        let (topic, partition, options) =
            (self.topic.clone(), self.partition, self.options.clone());
        // One that was broken off somewhere else than between two fetches is of no use.
        if !self.replay.as_ref().is_some_and(Replay::is_whole) {
            self.replay = None;
            let replay = Replay::start(&*topic, partition, &options, &mut self.keeper).await?;
            self.replay = Some(replay);
        }
        self.begin();
        let end = topic.end(partition).await?;
        self.read_to(end).await?;
        if held.is_some_and(|held| self.is_followed(held)) {
            self.writer.settle_claim();
            self.answer();
            return Ok(false);
        }
        let claim = self.writer.claim();
        self.answer();
        let after = match topic.append(partition, claim.record()).await? {
            Appended::At(offset) => offset + 1,
            Appended::Somewhere => topic.end(partition).await?,
        };
        self.read_to(after).await?;
        let owned = self.writer.settle_claim();
        self.answer();
        if owned && let Some(replay) = self.replay.take() {
            self.state = replay.state;
        }
        let epoch = self.writer.rule().epoch();
        tracing::info!(topic = topic.name(), partition, epoch, owned, "claimed");
        Ok(owned)
    }

    async fn read_to(&mut self, end: u64) -> Result<(), ReplayError> {
        let Some(replay) = &mut self.replay else {
            unreachable!("it was just begun")
        };
        let (writer, keeper) = (&mut self.writer, &mut self.keeper);
        let read = replay.read_to(&*self.topic, end, writer, &self.options, keeper);
        read.await
    }

    /// Whether another writer claimed the partition after this one had owned it.
    fn is_followed(&self, held: u64) -> bool {
        let rule = self.writer.rule();
        rule.epoch() > held && rule.claimant() != Some(self.claimant)
    }

    /// Lets the writer begin where the replay is. One with commits that wait to be settled has come
    /// further: every checkpoint lies behind what its writer knew, and both read the same from there.
    fn begin(&mut self) {
        if let Some(replay) = &self.replay
            && self.writer.pending() == 0
        {
            let (rule, at) = replay.place();
            self.writer = Writer::new(self.claimant, self.topic.partitions(), rule, at);
        }
    }
}
