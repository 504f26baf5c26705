//! A reader of its own for the commands of one partition, whose owner does not keep up with the others.

use std::sync::Arc;
use std::time::Duration;

use factum_core::{Aggregate, LogError, Topic, chain};
use tokio::select;
use tokio::time::timeout;

use super::inbox::{Followed, Joining};
use super::understand::Understanding;

/// How often in a row the owner of one that was left behind must have room for the newest commands, to
/// be waited for again.
const PROMPT: u32 = 10;
/// How long the partition is read by itself although nothing comes.
const IDLE: Duration = Duration::from_secs(1);

/// A partition whose owner is slower than the others: it is read as the owner takes its commands.
pub(super) struct Straggler<A: Aggregate> {
    pub commands: Arc<dyn Topic>,
    pub understanding: Arc<Understanding<A>>,
    pub partition: u32,
    pub left: Followed<A>,
}

impl<A: Aggregate> Straggler<A> {
    /// Follows the partition until its owner keeps up. Returns it, unless the owner is gone.
    pub async fn run(mut self) -> Option<Joining<A>> {
        // Whoever follows all of them tries again, or tells the owner.
        if let Err(error) = self.catch_up().await {
            let (topic, error) = (self.commands.name(), chain(&error));
            tracing::warn!(topic, self.partition, error, "commands cannot be read");
        }
        (!self.left.out.is_closed()).then_some((self.partition, self.left))
    }

    async fn catch_up(&mut self) -> Result<(), LogError> {
        let out = self.left.out.clone();
        // Nothing is read before the owner takes anything at all.
        if out.reserve().await.is_err() {
            return Ok(());
        }
        let from = [(self.partition, self.left.next)];
        let mut reader = self.commands.read(&from).await?;
        let mut prompt = 0;
        while prompt < PROMPT {
            let fetched = select! {
                biased;
                () = out.closed() => return Ok(()),
                fetched = timeout(IDLE, reader.next()) => fetched,
            };
            let Ok(fetched) = fetched else {
                return Ok(()); // nothing more came
            };
            for fetched in fetched? {
                let is_prompt = fetched.at_end && out.capacity() > 0;
                prompt = if is_prompt { prompt + 1 } else { 0 };
                let Ok(room) = out.clone().reserve_owned().await else {
                    return Ok(());
                };
                self.left.recognise(&*self.commands, &fetched)?;
                self.left.give(&fetched, room, &self.understanding).await?;
            }
        }
        Ok(())
    }
}
