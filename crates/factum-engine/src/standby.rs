//! A standby: follows a partition that others own, so that whoever takes it over from here reads only
//! the last records.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, LogError, Offset, Topic, chain};
use tokio::select;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use crate::EngineOptions;
use crate::keeper::{Keeper, wake};
use crate::owner::{FIRST_RETRY, LAST_RETRY, may_pass};
use crate::replay::{Replay, ReplayError};
use crate::standby_board::StandbyBoard;
use crate::turns::Turns;

/// How often at most the log is asked for the partition's end while that was not reached.
const END_EVERY: Duration = Duration::from_secs(1);
/// How long the log may take to tell it, before reading goes on without.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What is at hand of a partition: what a claim goes on from.
pub(crate) struct Warm<A: Aggregate> {
    pub replay: Option<Replay<A>>,
    pub keeper: Option<Keeper<A>>,
}

impl<A: Aggregate> Warm<A> {
    pub const NOTHING: Self = Self {
        replay: None,
        keeper: None,
    };

    /// Gives the checkpoint up, so that another process can take it.
    pub async fn close(self) {
        if let Some(keeper) = self.keeper {
            keeper.close().await;
        }
    }

    /// Stores what is new, and gives the checkpoint up. Takes a bounded time.
    pub async fn finish(mut self) {
        if let (Some(replay), Some(keeper)) = (&mut self.replay, &mut self.keeper)
            && replay.is_whole()
        {
            let at = replay.position();
            keeper.finish(&mut replay.state, at).await;
        }
        self.close().await;
    }
}

/// The standby of one partition. It writes nothing to the log.
pub(crate) struct Standby<A: Aggregate> {
    pub topic: Arc<dyn Topic>,
    pub options: Arc<EngineOptions>,
    pub turns: Arc<Turns>,
    pub board: Arc<StandbyBoard>,
    pub warm: Warm<A>,
}

impl<A: Aggregate> Standby<A> {
    /// Follows the partition until `over` resolves. What it has then is in [`Standby::warm`].
    ///
    /// # Errors
    /// The log failed in a way that waiting does not mend.
    pub async fn run(&mut self, over: impl Future<Output = ()>) -> Result<(), LogError> {
        let (mut over, mut retry) = (pin!(over), FIRST_RETRY);
        if let Some(replay) = &mut self.warm.replay {
            replay.count_anew();
        }
        loop {
            let began = Instant::now();
            match self.follow(over.as_mut()).await {
                Ok(()) => return Ok(()),
                Err(ReplayError::Misfit(why)) => match &mut self.warm.keeper {
                    Some(keeper) => keeper.discard(&why).await,
                    None => unreachable!("what is not there is no misfit"),
                },
                Err(ReplayError::Log(error)) if may_pass(&error) => {
                    if began.elapsed() > LAST_RETRY {
                        retry = FIRST_RETRY;
                    }
                    self.interrupted(&error);
                    select! {
                        biased;
                        () = over.as_mut() => return Ok(()),
                        () = sleep(retry) => retry = LAST_RETRY.min(retry * 2),
                    }
                }
                Err(ReplayError::Log(error)) => return Err(error),
            }
        }
    }

    fn interrupted(&self, error: &LogError) {
        let (topic, partition) = (self.topic.name(), self.board.partition);
        let error = chain(error);
        tracing::warn!(
            topic,
            partition,
            error,
            "the standby cannot read, trying again"
        );
        self.board.interrupted(error);
    }

    /// Catches up when it is its turn, and follows from there.
    async fn follow(
        &mut self,
        mut over: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), ReplayError> {
        self.board.waiting();
        let turns = self.turns.clone();
        let mut turn = select! {
            biased;
            () = over.as_mut() => return Ok(()),
            turn = turns.to_catch_up() => turn,
        };
        select! {
            biased;
            () = over.as_mut() => return Ok(()),
            begun = self.begin() => begun?,
        }
        let mut end = Horizon::default();
        while !self.is_over(over.as_mut(), &mut turn).await? {
            if turn.is_some() {
                end.look_ahead(&*self.topic, self.board.partition).await?;
            }
            self.show(&end, turn.is_none());
        }
        Ok(())
    }

    /// Goes on from what is at hand, or from the checkpoint, or from the first record.
    async fn begin(&mut self) -> Result<(), LogError> {
        if self.warm.replay.as_ref().is_some_and(Replay::is_whole) {
            return Ok(());
        }
        self.warm.replay = None; // two states would take twice the memory
        let (topic, partition) = (&*self.topic, self.board.partition);
        let replay = Replay::start(topic, partition, &self.options, &mut self.warm.keeper).await?;
        self.warm.replay = Some(replay);
        Ok(())
    }

    /// Waits for what comes next, and takes it in; until then, whether it is over. Nothing is broken off
    /// in the middle, so that all that was read can be handed on.
    async fn is_over(
        &mut self,
        mut over: Pin<&mut impl Future<Output = ()>>,
        turn: &mut Option<SemaphorePermit<'_>>,
    ) -> Result<bool, ReplayError> {
        let Warm {
            replay: Some(replay),
            keeper,
        } = &mut self.warm
        else {
            unreachable!("it was begun")
        };
        let (topic, turns, catching_up) = (&*self.topic, &self.turns, turn.is_some());
        let next = async {
            if catching_up {
                turns.behind_owners().await;
            }
            replay.fetch(topic).await
        };
        let fetched = select! {
            biased;
            () = over.as_mut() => return Ok(true),
            fetched = next => fetched?,
            written = wake(keeper) => {
                if let Some(keeper) = keeper {
                    keeper.note(&mut replay.state, written);
                }
                replay.keep(keeper).await;
                return Ok(false);
            }
        };
        for fetched in fetched {
            replay.take_in(&fetched, keeper).await?;
            replay.keep(keeper).await;
            if fetched.at_end {
                replay.is_at_end(keeper);
                *turn = None;
            }
        }
        Ok(false)
    }

    fn show(&self, end: &Horizon, warm: bool) {
        if let Some(replay) = &self.warm.replay {
            self.board.show(replay, end.offset, warm);
        }
    }
}

/// The partition's end, as it was when it was asked for.
#[derive(Default)]
struct Horizon {
    offset: Offset,
    asked: Option<Instant>,
}

impl Horizon {
    /// Asks for the end from time to time, to tell how far it is.
    async fn look_ahead(&mut self, topic: &dyn Topic, partition: u32) -> Result<(), LogError> {
        if self.asked.is_none_or(|asked| asked.elapsed() >= END_EVERY) {
            let asked = timeout(END_WITHIN, topic.end(partition)).await;
            self.offset = asked.unwrap_or(Ok(self.offset))?;
            self.asked = Some(Instant::now());
        }
        Ok(())
    }
}
