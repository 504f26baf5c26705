//! The way back to the caller.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use factum_core::Fate;
use factum_host::{Guard, holds};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use crate::decider::Caller;
use crate::routing::Routed;
use crate::{ExecuteError, Receipt};

pub(crate) type Outcome<R> = Result<Receipt, ExecuteError<R>>;

/// A caller that waits, and the answer it gets if its commit turns out valid.
#[derive(Debug)]
pub(crate) struct Waiting<R> {
    pub caller: Caller<R>,
    pub answer: Outcome<R>,
    /// The command's id and when it was decided, where the middleware wants to know.
    pub watched: Option<(Uuid, Instant)>,
}

impl<R> Waiting<R> {
    /// A caller that waits for its commit.
    pub fn new(caller: Caller<R>, answer: Outcome<R>, watched: Option<(Uuid, Instant)>) -> Self {
        let (caller, answer) = match caller {
            Caller::Here(caller) if !holds(Guard::Settled) => {
                let _ = caller.send(answer);
                let nobody = Caller::Here(oneshot::channel().0);
                (nobody, Err(ExecuteError::Fenced))
            }
            caller => (caller, answer),
        };
        Self {
            caller,
            answer,
            watched,
        }
    }

    /// Answers the caller, who may have gone. One who waits elsewhere is answered by `elsewhere`; and
    /// where the commit is void, by nobody: the command is still there, and will be decided again.
    pub fn settle(self, fate: Fate, elsewhere: impl FnOnce(Routed, &Outcome<R>)) {
        match (self.caller, fate) {
            (Caller::Here(caller), Fate::Valid) => drop(caller.send(self.answer)),
            (Caller::Here(caller), Fate::Void) => drop(caller.send(Err(ExecuteError::Fenced))),
            (Caller::There(routed), Fate::Valid) => elsewhere(routed, &self.answer),
            (Caller::There(routed), Fate::Void) if !holds(Guard::Routed) => {
                elsewhere(routed, &self.answer);
            }
            (Caller::There(_), Fate::Void) => {}
        }
    }
}

/// The answer to a command that was queued. Dropping it calls the command back, unless it was decided.
#[derive(Debug)]
#[must_use = "the answer says whether the command took effect"]
pub struct Reply<R> {
    pub(crate) answer: oneshot::Receiver<Outcome<R>>,
    pub(crate) command: Uuid,
    pub(crate) deadline: Option<Pin<Box<Sleep>>>,
}

impl<R> Reply<R> {
    /// The command's id.
    pub fn command(&self) -> Uuid {
        self.command
    }
}

impl<R> Future for Reply<R> {
    type Output = Result<Receipt, ExecuteError<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let command = self.command;
        let unknown = ExecuteError::Unknown { command };
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
            return Poll::Ready(answer.unwrap_or(Err(unknown)));
        }
        let deadline = self.deadline.as_mut();
        match deadline.is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(Err(unknown)),
            false => Poll::Pending,
        }
    }
}
