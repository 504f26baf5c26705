//! What becomes of what an owner sent, and who is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use factum_core::{Aggregate, Appended, Fate, LogError, LogErrorKind, Step, chain};
use factum_host::{Guard, holds};
use tokio::time::timeout;

use super::{Ending, Owner, may_pass};
use crate::ExecuteError;
use crate::answer::Waiting;
use crate::decider::{Caller, panic_message};
use crate::middleware::{Done, Middleware};
use crate::outcomes::Outcome;
use crate::replay::observe_to;

/// How long the reading that an acknowledgement asks for may take, before a claim settles all.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

impl<A: Aggregate> Owner<A> {
    /// Takes in what became of the oldest batch under way, which begins with a sequence, and answers whom it
    /// settles.
    pub(super) async fn acknowledge(
        &mut self,
        first: Option<u64>,
        result: Result<Appended, LogError>,
    ) -> Result<Option<Ending>, LogError> {
        self.note_place(first, &result);
        let settled = timeout(SETTLE_WITHIN, self.settle(result)).await;
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

    /// Takes note of where a batch stands that nobody wrote before: the writer judges it without reading.
    /// Others are read.
    fn note_place(&mut self, first: Option<u64>, result: &Result<Appended, LogError>) {
        let known = (self.writer.rule().next(), self.writer.known());
        if let (Some(tail), Some(first), Ok(Appended::At(offset))) =
            (&mut self.state.tail, first, result)
            && (first, *offset) == known
        {
            tail.places.note(first, *offset);
        }
    }

    pub(super) async fn settle(
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
            let places = self.state.tail.as_mut().map(|tail| &mut tail.places);
            observe_to(&*self.topic, self.partition, end, &mut self.writer, places).await?;
            step = self.writer.standing();
        }
    }

    pub(super) fn answer(&mut self) {
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
