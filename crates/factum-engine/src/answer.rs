//! The way back to the caller.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use factum_core::Fate;
use tokio::sync::oneshot;

use crate::{ExecuteError, Receipt};

pub(crate) type Outcome<R> = Result<Receipt, ExecuteError<R>>;

/// A caller that waits, and the answer it gets if its commit turns out valid.
#[derive(Debug)]
pub(crate) struct Waiting<R> {
    pub caller: oneshot::Sender<Outcome<R>>,
    pub answer: Outcome<R>,
}

impl<R> Waiting<R> {
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
pub struct Reply<R>(pub(crate) oneshot::Receiver<Outcome<R>>);

impl<R> Future for Reply<R> {
    type Output = Result<Receipt, ExecuteError<R>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(answer.unwrap_or(Err(ExecuteError::Unknown)))
    }
}
