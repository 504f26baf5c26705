//! A member of a consumer group that only shares out partitions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
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
use crate::rescue::Rescue;
use crate::settings::{HEARTBEAT, KafkaSettings};

/// How often the thread looks for changes. Waiting in librdkafka's own call instead would spin through
/// the last millisecond of each wait.
const LOOK: Duration = Duration::from_millis(20);

/// How often it is said that the group can't be reached.
const SAY_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct KafkaMember {
    changes: mpsc::UnboundedReceiver<Result<Change, LogError>>,
    leaving: Arc<AtomicBool>,
    thread: Thread,
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
            place: format!(
                "group {group} of topic {topic} on Kafka at {}",
                settings.servers
            ),
            patience: settings.release_timeout,
            reports: Arc::default(),
            said: Mutex::default(),
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
        let rescue = Rescue::new(&settings.servers);
        let thread = thread::Builder::new().name("factum-kafka-member".to_owned());
        let follow = move || {
            follow(consumer, rescue);
            let _ = gone.send(());
        };
        let thread = thread.spawn(follow).expect("the system can start a thread");
        Ok(Self {
            changes,
            leaving,
            thread: thread.thread().clone(),
            left: Some(left),
        })
    }

    /// Tells the group that this member leaves. Its thread finishes by itself.
    fn start_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
        self.thread.unpark();
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
fn follow(consumer: BaseConsumer<Sharing>, mut rescue: Rescue) {
    let mut news = Instant::now();
    while !consumer.context().is_leaving() {
        if let Some(Err(error)) = consumer.poll(Duration::ZERO)
            && let Some(failure) = consumer.context().failure(&error)
        {
            consumer.context().end(failure);
        }
        if news.elapsed() >= HEARTBEAT {
            // librdkafka asks the group for news only when something else wakes its thread, which may
            // take a second: a question that it answers by itself does.
            let _ = consumer.assignment();
            rescue.look(consumer.client(), &consumer.context().reports);
            news = Instant::now();
        }
        thread::park_timeout(LOOK);
    }
    // Closing tells the group. It blocks, so it has to happen here; and it has to be all that
    // happens: beside an unsubscribe the message to the group was lost now and then, and the next
    // member waited for this one's session to end.
    drop(consumer);
}

/// The callbacks through which the group says what a member owns.
struct Sharing {
    tell: mpsc::UnboundedSender<Result<Change, LogError>>,
    leaving: Arc<AtomicBool>,
    /// The group and where it is, for messages.
    place: String,
    patience: Duration,
    reports: Arc<Reports>,
    /// When it was said last that the group can't be reached.
    said: Mutex<Option<Instant>>,
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
            let what = format!("{} gave partitions that can't be taken over", self.place);
            return self.end(failed(error, what));
        }
        self.reports.well();
        let partitions = numbers(list);
        // To a client that leaves, librdkafka assigns nothing any more, and calls that a success.
        if !partitions.is_empty() && !self.is_leaving() {
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
            let what = format!("{} took partitions that can't be given up", self.place);
            self.end(failed(error, what));
        }
    }

    /// Ends the membership: the group is left, and gives to others what this member can't own.
    fn end(&self, error: LogError) {
        let _ = self.tell.send(Err(error));
        self.leaving.store(true, Ordering::Release);
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

    /// Whether it is time to say once more that the group is held up: librdkafka tells of each attempt.
    fn may_say(&self) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        if due {
            *said = Some(Instant::now());
        }
        due
    }

    /// What an error means for the membership: nothing, if librdkafka mends it by itself.
    fn failure(&self, error: &KafkaError) -> Option<LogError> {
        let place = &self.place;
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let reason = self.reports.last();
        match kind(code) {
            LogErrorKind::Unreachable | LogErrorKind::Other if !is_fatal(error) => {
                if self.may_say() {
                    tracing::warn!(code = %code, "{place} is held up: {reason}");
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    type Told = mpsc::UnboundedReceiver<Result<Change, LogError>>;

    /// A member that no group knows: nothing listens at its address.
    fn alone() -> (BaseConsumer<Sharing>, Told) {
        let (tell, told) = mpsc::unbounded_channel();
        let sharing = Sharing {
            tell,
            leaving: Arc::default(),
            place: "group g of topic t on Kafka at 127.0.0.1:9".to_owned(),
            patience: Duration::ZERO,
            reports: Arc::default(),
            said: Mutex::default(),
        };
        let config = KafkaSettings::new("127.0.0.1:9").member("g");
        let consumer = BaseConsumer::from_config_and_context(&config, sharing);
        (consumer.expect("the settings are sound"), told)
    }

    fn partitions(numbers: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for number in numbers {
            list.add_partition("t", *number);
        }
        list
    }

    /// What was told, up to the error that has to follow.
    fn until_error(mut told: Told) -> (Vec<Change>, String) {
        let mut changes = Vec::new();
        loop {
            match told.try_recv().expect("an error is told") {
                Ok(change) => changes.push(change),
                Err(error) => return (changes, error.to_string()),
            }
        }
    }

    #[test]
    fn what_was_not_assigned_is_not_gained() {
        let (consumer, told) = alone();
        let sharing = consumer.context();
        sharing.gained(&consumer, &mut partitions(&[0]));
        assert!(!sharing.is_leaving());
        // The client has partition 0, and refuses to take it once more.
        sharing.gained(&consumer, &mut partitions(&[0, 1]));
        assert!(sharing.is_leaving(), "the group is to give them to others");
        let (changes, error) = until_error(told);
        assert!(
            matches!(&changes[..], [Change::Gained(gained)] if *gained == [0]),
            "{changes:?}"
        );
        assert_eq!(
            error,
            "group g of topic t on Kafka at 127.0.0.1:9 gave partitions that can't be taken over"
        );
    }

    #[test]
    fn what_cannot_be_given_up_ends_the_membership() {
        let (consumer, told) = alone();
        let sharing = consumer.context();
        sharing.revoked(&consumer, &partitions(&[0]));
        assert!(sharing.is_leaving());
        let (changes, error) = until_error(told);
        assert!(
            matches!(&changes[..], [Change::Revoked { .. }]),
            "{changes:?}"
        );
        assert!(
            error.ends_with("took partitions that can't be given up"),
            "{error}"
        );
    }

    #[test]
    fn a_leaver_gains_nothing() {
        let (consumer, mut told) = alone();
        consumer.context().leaving.store(true, Ordering::Release);
        consumer.context().gained(&consumer, &mut partitions(&[0]));
        assert!(told.try_recv().is_err());
    }
}
