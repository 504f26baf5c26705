//! The answers that a client waits for.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use factum_core::{Fetched, LogError, RecordRef, Topic, chain};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::wire::answers;

/// How long to wait before the topic is read again after an error.
const AGAIN: Duration = Duration::from_millis(500);

/// Who waits for an answer, by the number of the call.
#[derive(Default)]
pub(crate) struct Expected {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Box<[u8]>>>>,
    calls: AtomicU64,
}

/// One that waits; it is forgotten when it is dropped.
pub(crate) struct Expectation {
    expected: Arc<Expected>,
    /// The number that the answer will bear.
    pub call: u64,
    answer: oneshot::Receiver<Box<[u8]>>,
}

impl Expected {
    pub fn expect(self: &Arc<Self>) -> Expectation {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let (waiting, answer) = oneshot::channel();
        self.lock().insert(call, waiting);
        Expectation {
            expected: self.clone(),
            call,
            answer,
        }
    }

    fn tell(&self, call: u64, answer: &[u8]) {
        if let Some(waiting) = self.lock().remove(&call) {
            let _ = waiting.send(answer.into());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Box<[u8]>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Expectation {
    type Output = Box<[u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Box<[u8]>> {
        match Pin::new(&mut self.answer).poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(answer),
            // Nobody forgets one that is polled.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.expected.lock().remove(&self.call);
    }
}

/// Tells that answers are being listened for; or why they never will be.
type Listening = oneshot::Sender<Result<(), LogError>>;

/// Listens for answers for ever, unless there is no beginning. Those that are missed while the log
/// fails are asked for again by whoever waits for them.
pub(crate) async fn listen(
    topic: Arc<dyn Topic>,
    partition: u32,
    client: Uuid,
    expected: Arc<Expected>,
    listening: Listening,
) {
    let mut listening = Some(listening);
    loop {
        let Err(error) = follow(&*topic, partition, client, &expected, &mut listening).await;
        if !error.is_retryable()
            && let Some(listening) = listening.take()
        {
            let _ = listening.send(Err(error));
            return;
        }
        let (topic, error) = (topic.name(), chain(&error));
        tracing::warn!(topic, error, "answers cannot be read: trying again");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(
    topic: &dyn Topic,
    partition: u32,
    client: Uuid,
    expected: &Expected,
    listening: &mut Option<Listening>,
) -> Result<std::convert::Infallible, LogError> {
    let end = topic.end(partition).await?;
    let mut reader = topic.read(&[(partition, end)]).await?;
    if let Some(listening) = listening.take() {
        let _ = listening.send(Ok(()));
    }
    loop {
        for fetched in reader.next().await? {
            take_in(&fetched, client, expected);
        }
    }
}

fn take_in(fetched: &Fetched, client: Uuid, expected: &Expected) {
    let ours = |record: &RecordRef<'_>| record.key == client.as_bytes();
    for record in fetched.iter().map(|(_, record)| record).filter(ours) {
        for (call, told) in answers(record.value) {
            expected.tell(call, told);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn each_call_gets_its_own_answer_and_is_forgotten() {
        let expected = Arc::new(Expected::default());
        let (first, second) = (expected.expect(), expected.expect());
        drop(expected.expect());
        assert_eq!(expected.lock().len(), 2);
        expected.tell(second.call, b"no");
        expected.tell(first.call, b"yes");
        assert_eq!(first.now_or_never().as_deref(), Some(&b"yes"[..]));
        assert_eq!(second.now_or_never().as_deref(), Some(&b"no"[..]));
        assert!(expected.lock().is_empty());
    }
}
