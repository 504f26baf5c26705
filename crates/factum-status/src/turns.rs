//! How many pages of history are in memory at a time: each may take megabytes, and whoever asked for it may be slow
//! to take it, or never do.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many pages there are at most, on their way or being made.
const AT_ONCE: usize = 16;

/// The pages that there may be.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

/// The right to make a page, until it was taken.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// A page that ends its turn when it was sent, or when nobody wants it any more.
struct Page {
    text: Option<Bytes>,
    _turn: Turn,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turns {
    /// A turn, if there is one.
    pub(crate) fn take(&self) -> Option<Turn> {
        let _permit = self.0.clone().try_acquire_owned().ok()?;
        Some(Turn { _permit })
    }
}

impl Turn {
    /// The body of an answer.
    pub(crate) fn body(self, text: String) -> Body {
        Body::new(Page {
            text: Some(text.into()),
            _turn: self,
        })
    }
}

impl HttpBody for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Asked for again once this is sent, since it does not say that it is the last.
        Poll::Ready(self.text.take().map(|text| Ok(Frame::data(text))))
    }
}
