//! How an owner serves: takes commands and acknowledgements until something ends it.

use std::future::ready;

use factum_core::{Aggregate, LogError, Position};
use factum_host::bound;
use futures::StreamExt;
use tokio::select;

use super::route::next_commands;
use super::send::UnderWay;
use super::{BATCH, Ending, Owner};
use crate::history::{Lookup, look_up};
use crate::keeper::{Keeper, Written, wake};
use crate::partition_board::Load;

/// How many commands have to wait, when a batch was sent, for the next to be sent while it is under
/// way. Fewer gather until it is acknowledged: many small appends cost the log more than the wait
/// costs the callers.
const PIPELINE: usize = 256;

impl<A: Aggregate> Owner<A> {
    /// Takes commands and acknowledgements until something ends it.
    pub(super) async fn serve(&mut self) -> Result<Ending, LogError> {
        let mut under_way = UnderWay::default();
        let mut taken = Vec::with_capacity(BATCH);
        loop {
            self.keep();
            let waiting = self.backlog.len() + self.requests.len();
            let room = (under_way.appends.is_empty() || waiting >= bound(PIPELINE))
                && self.writer.pending() < self.options.in_flight
                && under_way.bytes < self.options.in_flight_bytes;
            self.show(&under_way);
            select! {
                biased;
                Some((bytes, first, result)) = under_way.appends.next() => {
                    under_way.bytes -= bytes;
                    if let Some(ending) = self.acknowledge(first, result).await? {
                        return Ok(ending);
                    }
                }
                () = self.stop.cancelled(), if !self.requests.is_closed() => self.requests.close(),
                Some(lookup) = self.lookups.recv() => self.look_up(lookup),
                () = ready(()), if room && !self.backlog.is_empty() => {
                    if !self.decide(&mut under_way).await {
                        return Ok(Ending::Lost);
                    }
                }
                // Also while a batch is under way: they come in small pieces, and go on together.
                commands = next_commands(&mut self.route), if self.takes_commands() => {
                    self.take(commands?);
                    if room {
                        self.gather().await;
                        if !self.decide(&mut under_way).await {
                            return Ok(Ending::Lost);
                        }
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

    /// Lets whoever is about to send a command do so, that it goes along: callers who were answered
    /// just now often have the next one ready, and larger batches cost the log less.
    pub(super) async fn gather(&mut self) {
        tokio::task::yield_now().await;
        // As many as one batch, beside those that came through the log: neither way starves the other.
        while self.backlog.len() < 2 * BATCH
            && let Ok(request) = self.requests.try_recv()
        {
            self.backlog.push_back(request);
        }
    }

    /// Waits for everything under way, once no command can come any more.
    pub(super) async fn drain(&mut self, under_way: &mut UnderWay) -> Result<Ending, LogError> {
        while let Some((_, first, result)) = under_way.appends.next().await {
            if let Some(ending) = self.acknowledge(first, result).await? {
                return Ok(ending);
            }
        }
        Ok(Ending::Stopped)
    }

    /// Shows what is at hand, between two batches.
    pub(super) fn show(&self, under_way: &UnderWay) {
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

    /// Has a question for an aggregate's events answered.
    fn look_up(&self, lookup: Lookup) {
        let store = self.keeper.as_ref().and_then(Keeper::history);
        let next = self.writer.rule().next();
        look_up(lookup, store, self.state.tail.as_ref(), next);
    }

    /// Goes on with the checkpoint.
    pub(super) fn keep(&mut self) {
        let at = self.position();
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(&mut self.state, self.writer.rule(), at);
        }
    }

    /// Brings the checkpoint up to date, once everything is settled.
    pub(super) async fn keep_last(&mut self) {
        let at = self.position();
        if let Some(keeper) = &mut self.keeper {
            keeper.finish(&mut self.state, at).await;
        }
    }

    /// Where the log goes on from the newest state, once all of it is fact.
    pub(super) fn position(&self) -> Position {
        let rule = self.writer.rule();
        Position {
            identity: rule.identity(),
            offset: self.writer.known(),
            epoch: rule.epoch(),
            next: self.writer.planned() + 1,
            closed: false,
        }
    }

    pub(super) fn note(&mut self, written: Option<Written>) {
        if let Some(keeper) = &mut self.keeper {
            keeper.note(&mut self.state, written);
        }
    }

    pub(super) fn is_taking(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::is_taking)
    }
}
