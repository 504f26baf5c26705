//! Sends the commands to one partition, in order and in batches that grow with the load.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{LogError, RecordRef, Records, Topic, chain};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How many commands at most go into one batch.
const BATCH: usize = 1024;
/// How many commands have to wait for a batch to be sent while another is under way.
const PIPELINE: usize = 256;
/// How long a batch counts as under way at most once it is durable, while no answers come. Many small
/// batches cost owner and log more than the wait costs the callers.
const ANSWERED_WITHIN: Duration = Duration::from_millis(5);
/// How many batches may be under way.
const UNDER_WAY: usize = 4;

/// A command on its way to the log.
pub(crate) struct Outgoing {
    pub id: String,
    pub header: Vec<u8>,
    pub value: Vec<u8>,
    /// Told once the command is durable, or may not be.
    pub sent: oneshot::Sender<Result<(), Arc<LogError>>>,
    /// Dropped by whoever waits for the answer, once it is there.
    pub answered: oneshot::Receiver<Infallible>,
}

/// Sends what is queued; ends when all is sent, after the last sender of the queue.
pub(crate) async fn run(
    topic: Arc<dyn Topic>,
    partition: u32,
    mut queue: mpsc::Receiver<Outgoing>,
) {
    let (mut under_way, mut taken) = (FuturesUnordered::new(), Vec::new());
    loop {
        let waiting = under_way.is_empty() || queue.len() >= PIPELINE;
        tokio::select! {
            biased;
            Some(()) = under_way.next() => {}
            count = queue.recv_many(&mut taken, BATCH), if waiting && under_way.len() < UNDER_WAY => {
                if count == 0 {
                    break;
                }
                gather(&mut queue, &mut taken).await;
                under_way.push(send(&*topic, partition, std::mem::take(&mut taken)));
            }
        }
    }
    while under_way.next().await.is_some() {}
}

/// Lets whoever is about to send a command do so, that it goes along.
async fn gather(queue: &mut mpsc::Receiver<Outgoing>, taken: &mut Vec<Outgoing>) {
    tokio::task::yield_now().await;
    while taken.len() < BATCH
        && let Ok(more) = queue.try_recv()
    {
        taken.push(more);
    }
}

/// Sends a batch at once. The future that is returned tells who waits that it is durable, and ends when
/// they have their answers, or should have.
fn send(
    topic: &dyn Topic,
    partition: u32,
    batch: Vec<Outgoing>,
) -> impl Future<Output = ()> + use<> {
    let mut records = Records::new();
    for Outgoing {
        id, header, value, ..
    } in &batch
    {
        records.push(RecordRef {
            key: id.as_bytes(),
            header: Some(header),
            value,
        });
    }
    let appended = topic.append(partition, records);
    async move {
        let appended = appended.await.map(drop).map_err(Arc::new);
        if let Err(error) = &appended {
            tracing::warn!(error = chain(&**error), "commands may not have been sent");
        }
        let mut answers = Vec::with_capacity(batch.len());
        for Outgoing { sent, answered, .. } in batch {
            let _ = sent.send(appended.clone());
            answers.push(answered);
        }
        let _ = timeout(ANSWERED_WITHIN, join_all(answers)).await;
    }
}
