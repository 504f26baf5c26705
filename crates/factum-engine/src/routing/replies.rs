//! The answers that a client waits for.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use factum_core::{Fetched, LogError, RecordRef, Topic};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::wire::{ReplyTo, answers};
use crate::owner::chain;

/// How long to wait before the topic is read again after an error.
const AGAIN: Duration = Duration::from_millis(500);

/// Who waits for the answer to which command. The same command may be waited for more than once.
#[derive(Default)]
pub(crate) struct Expected(Mutex<Waiting>);

type Waiting = HashMap<Uuid, Vec<oneshot::Sender<Arc<[u8]>>>>;

/// One that waits; it is forgotten when it is dropped.
pub(crate) struct Expectation {
    expected: Arc<Expected>,
    command: Uuid,
    answer: oneshot::Receiver<Arc<[u8]>>,
}

impl Expected {
    pub fn expect(self: &Arc<Self>, command: Uuid) -> Expectation {
        let (waiting, answer) = oneshot::channel();
        self.lock().entry(command).or_default().push(waiting);
        Expectation {
            expected: self.clone(),
            command,
            answer,
        }
    }

    fn tell(&self, command: Uuid, answer: &[u8]) {
        let Some(waiting) = self.lock().remove(&command) else {
            return;
        };
        let answer = Arc::from(answer);
        for one in waiting {
            let _ = one.send(Arc::clone(&answer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Expectation {
    type Output = Arc<[u8]>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Arc<[u8]>> {
        match Pin::new(&mut self.answer).poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(answer),
            // Nobody forgets one that is polled.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.answer.close();
        let mut expected = self.expected.lock();
        if let Some(waiting) = expected.get_mut(&self.command) {
            waiting.retain(|one| !one.is_closed());
            if waiting.is_empty() {
                expected.remove(&self.command);
            }
        }
    }
}

/// Listens for answers for ever. Those that are missed while the log fails are asked for again by
/// whoever waits for them.
pub(crate) async fn listen(
    topic: Arc<dyn Topic>,
    reply_to: ReplyTo,
    expected: Arc<Expected>,
    listening: impl FnOnce(),
) {
    let mut listening = Some(listening);
    loop {
        let error = match follow(&*topic, reply_to, &expected, &mut listening).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        let (topic, error) = (topic.name(), chain(&error));
        tracing::warn!(topic, error, "answers cannot be read: trying again");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(
    topic: &dyn Topic,
    reply_to: ReplyTo,
    expected: &Expected,
    listening: &mut Option<impl FnOnce()>,
) -> Result<std::convert::Infallible, LogError> {
    let end = topic.end(reply_to.partition).await?;
    let mut reader = topic.read(&[(reply_to.partition, end)]).await?;
    if let Some(listening) = listening.take() {
        listening();
    }
    loop {
        for fetched in reader.next().await? {
            take_in(&fetched, reply_to.client, expected);
        }
    }
}

fn take_in(fetched: &Fetched, client: Uuid, expected: &Expected) {
    let ours = |record: &RecordRef<'_>| record.key == client.as_bytes();
    for record in fetched.iter().map(|(_, record)| record).filter(ours) {
        for (command, told) in answers(record.value) {
            expected.tell(command, told);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn everyone_who_waits_is_told_and_the_others_are_forgotten() {
        let (expected, id) = (Arc::new(Expected::default()), Uuid::from_u128(1));
        let (first, second) = (expected.expect(id), expected.expect(id));
        drop(expected.expect(id));
        let alone = expected.expect(Uuid::from_u128(2));
        drop(alone);
        assert_eq!(expected.lock().len(), 1);
        expected.tell(id, b"yes");
        for told in [first, second] {
            assert_eq!(told.now_or_never().as_deref(), Some(&b"yes"[..]));
        }
        assert!(expected.lock().is_empty());
    }
}
