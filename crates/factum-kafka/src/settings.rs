//! How to reach a Kafka cluster, and what Factum asks of its clients.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use factum_core::{LogError, LogErrorKind};
use rdkafka::ClientConfig;

/// How to reach a Kafka cluster. Start from [`KafkaSettings::new`].
///
/// ```
/// # use factum_kafka::KafkaSettings;
/// let settings = KafkaSettings {
///     client_id: "loans-1".to_owned(),
///     ..KafkaSettings::new("broker-1:9093,broker-2:9093")
/// };
/// let settings = settings
///     .with("security.protocol", "sasl_ssl")
///     .with("sasl.mechanism", "SCRAM-SHA-512")
///     .with("sasl.username", "loans")
///     .with("sasl.password", "secret");
/// ```
#[derive(Clone)]
pub struct KafkaSettings {
    /// Addresses to start from: `host:port`, separated by commas.
    pub servers: String,
    /// The name under which the brokers' logs and quotas know this process.
    pub client_id: String,
    /// How long to wait for a first answer, and for the answer to any single question.
    pub answer_timeout: Duration,
    /// How long an append may take before it fails. It may still land later.
    pub append_timeout: Duration,
    /// How long a group waits for a member's sign of life before it gives its partitions to others.
    pub session_timeout: Duration,
    /// How long a member may hold on to partitions that were revoked before they are taken from it.
    pub release_timeout: Duration,
    /// Further librdkafka properties, passed to every client: security above all.
    pub properties: BTreeMap<String, String>,
}

/// Properties that the port's promises rest on.
const RESERVED: [&str; 21] = [
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.protocol",
    "isolation.level",
    "message.timeout.ms",
    "partition.assignment.strategy",
    "request.required.acks",
    "session.timeout.ms",
    "transactional.id",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "enable.gapless.guarantee",
    "delivery.timeout.ms",
];

impl KafkaSettings {
    /// Settings for an unsecured cluster, reached at `servers`.
    pub fn new(servers: impl Into<String>) -> Self {
        Self {
            servers: servers.into(),
            client_id: "factum".to_owned(),
            answer_timeout: Duration::from_secs(10),
            append_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(10),
            release_timeout: Duration::from_secs(30),
            properties: BTreeMap::new(),
        }
    }

    /// Adds a librdkafka property.
    #[must_use]
    pub fn with(mut self, property: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.insert(property.into(), value.into());
        self
    }

    /// Refuses properties that would break what the log promises.
    pub(crate) fn check(&self) -> Result<(), LogError> {
        match RESERVED
            .iter()
            .find(|it| self.properties.contains_key(**it))
        {
            None => Ok(()),
            Some(reserved) => Err(LogError::new(
                LogErrorKind::Unsuitable,
                format!(
                    "the Kafka property {reserved} is Factum's own to set: remove it from the settings"
                ),
            )),
        }
    }

    /// What every client has in common.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", &self.client_id)
            // A broker that comes back is found again at once, not after ten seconds.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500")
            // A broker that was away says that a partition has no leader; librdkafka believes it, and
            // asks again only when it is time for that: by default after five minutes.
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("isolation.level", "read_uncommitted")
            .set("allow.auto.create.topics", "false");
        config
    }

    fn finish(&self, mut config: ClientConfig) -> ClientConfig {
        for (property, value) in &self.properties {
            config.set(property, value);
        }
        config
    }

    /// Every producer. One of them also asks for metadata and offsets.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set(
                "message.timeout.ms",
                self.append_timeout.as_millis().to_string(),
            )
            // Batches form while earlier ones are under way; waiting for more only costs time.
            .set("linger.ms", "0")
            // The callers bound what is under way, so the queue never has to refuse.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", i32::MAX.to_string())
            // The topic's own limit decides.
            .set("message.max.bytes", MESSAGE_BYTES.to_string())
            .set("batch.size", BATCH_BYTES.to_string());
        self.finish(config)
    }

    /// A consumer that replays partitions and then follows them.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // librdkafka assigns partitions only to a consumer with a group; nothing joins or commits.
            .set("group.id", "factum-readers")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("queued.min.messages", "1000000")
            // Larger ones take thrice the memory and bring nothing that could be measured.
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.max.bytes", "4194304")
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.error.backoff.ms", "50");
        self.finish(config)
    }

    /// A consumer that only shares out partitions.
    pub(crate) fn member(&self, group: &str) -> ClientConfig {
        let session = self.session_timeout.as_millis();
        let heartbeat = (session / 5).clamp(1, HEARTBEAT.as_millis());
        let mut config = self.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session.to_string())
            .set("heartbeat.interval.ms", heartbeat.to_string());
        self.finish(config)
    }
}

/// How often a member asks its group for news, at least: so long may partitions that another member
/// gave up lie idle. The question is a few bytes.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(50);

/// No record is larger than this, whatever the topic allows.
pub(crate) const MESSAGE_BYTES: usize = 50_000_000;

/// The size up to which the producer fills a batch of records for one partition.
pub(crate) const BATCH_BYTES: usize = 900_000;

/// Shows which properties are set, but not their values: some are secrets.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("servers", &self.servers)
            .field("client_id", &self.client_id)
            .field("answer_timeout", &self.answer_timeout)
            .field("append_timeout", &self.append_timeout)
            .field("session_timeout", &self.session_timeout)
            .field("release_timeout", &self.release_timeout)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_promises_rest_on_can_not_be_overridden() {
        let settings = KafkaSettings::new("localhost:9092");
        settings.check().expect("nothing is overridden");
        let error = settings.with("enable.idempotence", "false").check();
        let error = error.expect_err("reserved");
        assert_eq!(error.kind(), LogErrorKind::Unsuitable);
        assert!(error.to_string().contains("enable.idempotence"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = KafkaSettings::new("localhost:9092").with("sasl.password", "hunter2");
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"));
    }
}
