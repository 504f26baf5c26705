//! A member of a consumer group that only shares out partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use factum_core::{Change, LogError, LogErrorKind, Membership, Release};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as At, TopicPartitionList};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use tokio::sync::{mpsc, oneshot};

use crate::client::{Reporting, Reports};
use crate::error::{closed, coded, failed, kind};
use crate::settings::KafkaSettings;

/// How long the thread waits at a time: changes come at once, this bounds how long leaving takes.
const WAIT: Duration = Duration::from_millis(100);

/// How often a member that waits for a release looks whether it is to leave.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct KafkaMember {
    changes: mpsc::UnboundedReceiver<Result<Change, LogError>>,
    leaving: Arc<AtomicBool>,
    left: Option<oneshot::Receiver<()>>,
}

impl KafkaMember {
    pub(crate) fn join(
        settings: &KafkaSettings,
        topic: &str,
        group: &str,
    ) -> Result<Self, LogError> {
        let (tell, changes) = mpsc::unbounded_channel();
        let leaving = Arc::new(AtomicBool::new(false));
        let sharing = Sharing {
            tell,
            leaving: leaving.clone(),
            patience: settings.release_timeout,
            reports: Arc::default(),
        };
        let what = |error| {
            failed(
                error,
                format!("group {group} of topic {topic} can't be joined"),
            )
        };
        let consumer = BaseConsumer::from_config_and_context(&settings.member(group), sharing);
        let consumer = consumer.map_err(what)?;
        consumer.subscribe(&[topic]).map_err(what)?;
        let (gone, left) = oneshot::channel();
        let member = Self {
            changes,
            leaving,
            left: Some(left),
        };
        let place = format!(
            "group {group} of topic {topic} on Kafka at {}",
            settings.servers
        );
        let thread = thread::Builder::new().name("factum-kafka-member".to_owned());
        let follow = move || {
            follow(consumer, &place);
            let _ = gone.send(());
        };
        thread.spawn(follow).expect("the system can start a thread");
        Ok(member)
    }

    /// Tells the group that this member leaves. Its thread finishes by itself.
    fn start_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

#[async_trait]
impl Membership for KafkaMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        self.changes
            .recv()
            .await
            .unwrap_or_else(|| Err(closed("the membership")))
    }

    async fn leave(mut self: Box<Self>) -> Result<(), LogError> {
        self.start_leaving();
        match self.left.take() {
            Some(left) => left.await.map_err(|_| closed("the membership")),
            None => Ok(()),
        }
    }
}

impl Drop for KafkaMember {
    fn drop(&mut self) {
        self.start_leaving();
    }
}

/// The thread's side: serves the group until the member leaves or can't go on.
fn follow(consumer: BaseConsumer<Sharing>, place: &str) {
    while !consumer.context().is_leaving() {
        if let Some(Err(error)) = consumer.poll(WAIT)
            && let Some(failure) = consumer.context().failure(&error, place)
        {
            let _ = consumer.context().tell.send(Err(failure));
            break;
        }
    }
    // Closing tells the group. It blocks, so it has to happen here; and it has to be all that
    // happens: beside an unsubscribe the message to the group was lost now and then, and the next
    // member waited for this one's session to end.
    consumer.context().leaving.store(true, Ordering::Release);
    drop(consumer);
}

/// The callbacks through which the group says what a member owns.
struct Sharing {
    tell: mpsc::UnboundedSender<Result<Change, LogError>>,
    leaving: Arc<AtomicBool>,
    patience: Duration,
    reports: Arc<Reports>,
}

impl Sharing {
    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    fn gained(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        // Nothing is to be fetched: start at the end, where nothing is, and pause.
        let assigned = list
            .set_all_offsets(At::End)
            .and_then(|()| consumer.incremental_assign(list))
            .and_then(|()| consumer.pause(list));
        if let Err(error) = assigned {
            tracing::warn!("partitions could not be taken over: {error}");
        }
        let partitions = numbers(list);
        if !partitions.is_empty() {
            let _ = self.tell.send(Ok(Change::Gained(partitions)));
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = numbers(list);
        if !partitions.is_empty() {
            let (given_up, released) = channel::<()>();
            let release = Release::new(move || drop(given_up));
            let _ = self.tell.send(Ok(Change::Revoked {
                partitions,
                release,
            }));
            // What the group took already can't be held on to.
            if !consumer.assignment_lost() {
                self.wait(&released);
            }
        }
        if let Err(error) = consumer.incremental_unassign(list) {
            tracing::warn!("partitions could not be given up: {error}");
        }
    }

    /// Waits until revoked partitions are released, patience ends, or the member leaves.
    fn wait(&self, released: &std::sync::mpsc::Receiver<()>) {
        let deadline = Instant::now() + self.patience;
        while !self.is_leaving() {
            if released.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            if Instant::now() > deadline {
                tracing::warn!(patience = ?self.patience, "revoked partitions were not released in time");
                return;
            }
        }
    }

    /// What an error means for the membership: nothing, if librdkafka mends it by itself.
    fn failure(&self, error: &KafkaError, place: &str) -> Option<LogError> {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let reason = self.reports.last();
        match kind(code) {
            LogErrorKind::Unreachable | LogErrorKind::Other if !is_fatal(error) => {
                tracing::warn!(code = %code, "{place} is held up: {reason}");
                None
            }
            _ => Some(coded(code, format!("{place} can't be followed: {reason}"))),
        }
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
}

fn numbers(list: &TopicPartitionList) -> Vec<u32> {
    list.elements()
        .iter()
        .map(|element| element.partition().cast_unsigned())
        .collect()
}

impl ClientContext for Sharing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Reporting(self.reports.clone()).log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Reporting(self.reports.clone()).error(error, reason);
    }
}

impl ConsumerContext for Sharing {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.gained(consumer, list),
            _ => self.revoked(consumer, list),
        }
    }
}
