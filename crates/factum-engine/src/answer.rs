//! The way back to the caller.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use factum_core::Fate;
use factum_host::{Guard, holds};
use tokio::sync::oneshot;
use tokio::time::Sleep;
use uuid::Uuid;

use crate::{ExecuteError, Receipt};

pub(crate) type Outcome<R> = Result<Receipt, ExecuteError<R>>;

/// A caller that waits, and the answer it gets if its commit turns out valid.
#[derive(Debug)]
pub(crate) struct Waiting<R> {
    pub caller: oneshot::Sender<Outcome<R>>,
    pub answer: Outcome<R>,
}

impl<R> Waiting<R> {
    /// A caller that waits for its commit.
    pub fn new(caller: oneshot::Sender<Outcome<R>>, answer: Outcome<R>) -> Self {
        if !holds(Guard::Settled) {
            let _ = caller.send(answer);
            return Self {
                caller: oneshot::channel().0,
                answer: Err(ExecuteError::Fenced),
            };
        }
        Self { caller, answer }
    }

    /// Answers the caller, who may have gone.
    pub fn settle(self, fate: Fate) {
        let answer = match fate {
            Fate::Valid => self.answer,
            Fate::Void => Err(ExecuteError::Fenced),
        };
        let _ = self.caller.send(answer);
    }
}

/// The answer to a command that was queued. Dropping it does not call the command back.
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
