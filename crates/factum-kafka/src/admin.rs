//! Finding, creating and describing topics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factum_core::{LogError, LogErrorKind, NewTopic};
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic as Create, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;
use tokio::task::spawn_blocking;

use crate::connect::Connection;
use crate::error::{coded, failed};
use crate::retention::{Needed, Settings};
use crate::settings::{BATCH_BYTES, MESSAGE_BYTES};

/// How often the cluster is asked again while a new topic spreads through it.
const SPREADING: Duration = Duration::from_millis(20);

/// What was found out about a topic that can be used.
pub(crate) struct Found {
    pub(crate) partitions: u32,
    pub(crate) max_record_bytes: usize,
}

/// Finds a topic, or creates it, and makes sure that it keeps its records as long as they are needed.
pub(crate) async fn find_or_create(
    connection: &Arc<Connection>,
    topic: &str,
    create: Option<NewTopic>,
    needed: Needed,
) -> Result<Found, LogError> {
    let admin = Admin::new(connection)?;
    let found = admin.find_or_create(topic, create, needed).await;
    // Dropping the client waits for its thread.
    let _ = spawn_blocking(move || drop(admin)).await;
    found
}

struct Admin {
    client: AdminClient<DefaultClientContext>,
    options: AdminOptions,
    connection: Arc<Connection>,
}

impl Admin {
    fn new(connection: &Arc<Connection>) -> Result<Self, LogError> {
        let client = AdminClient::from_config(&connection.settings.producer())
            .map_err(|error| failed(error, "the Kafka settings are not valid".to_owned()))?;
        let timeout = Some(connection.settings.answer_timeout);
        let options = AdminOptions::new()
            .request_timeout(timeout)
            .operation_timeout(timeout);
        Ok(Self {
            client,
            options,
            connection: connection.clone(),
        })
    }

    async fn find_or_create(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        needed: Needed,
    ) -> Result<Found, LogError> {
        let partitions = match (self.partitions(topic).await?, create) {
            (Some(partitions), _) => partitions,
            (None, Some(create)) => {
                self.create(topic, create, needed).await?;
                self.spread(topic).await?
            }
            (None, None) => {
                return Err(LogError::new(
                    LogErrorKind::NotFound,
                    format!(
                        "there is no topic {topic} on Kafka at {}: check the name; the service that writes to it creates it when it first starts",
                        self.servers()
                    ),
                ));
            }
        };
        let max_record_bytes = self.largest_record(topic, needed).await?;
        Ok(Found {
            partitions,
            max_record_bytes,
        })
    }

    fn servers(&self) -> &str {
        &self.connection.settings.servers
    }

    /// How many partitions a topic has; `None` if it isn't there or not ready yet.
    async fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        let (name, timeout) = (topic.to_owned(), self.connection.settings.answer_timeout);
        let answer = self
            .connection
            .ask(move |client| client.fetch_metadata(Some(&name), timeout))
            .await?;
        match partitions(answer) {
            Ok(partitions) => Ok(partitions),
            Err(RDKafkaErrorCode::BrokerTransportFailure) => Err(self.connection.unreachable()),
            Err(code) => Err(coded(
                code,
                format!(
                    "Kafka at {} does not tell about topic {topic}; it takes the right to Describe it",
                    self.servers()
                ),
            )),
        }
    }

    async fn create(&self, topic: &str, create: NewTopic, needed: Needed) -> Result<(), LogError> {
        let replication = create.replication.map_or(-1, i32::from);
        let partitions = i32::try_from(create.partitions).unwrap_or(i32::MAX);
        let mut new = Create::new(topic, partitions, TopicReplication::Fixed(replication));
        let wanted = needed.settings();
        for (setting, value) in &wanted {
            new = new.set(setting, value);
        }
        let what = || {
            format!(
                "Kafka at {} does not create topic {topic} with {create:?}",
                self.servers()
            )
        };
        let created = self.client.create_topics([&new], &self.options).await;
        match created.map_err(|error| failed(error, what()))?.pop() {
            // Someone else may have been first.
            Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(coded(code, what())),
            None => Err(LogError::new(LogErrorKind::Other, what())),
        }
    }

    /// Waits until a topic that was created can be used, and returns its number of partitions.
    async fn spread(&self, topic: &str) -> Result<u32, LogError> {
        let deadline = Instant::now() + self.connection.settings.answer_timeout;
        loop {
            if let Some(partitions) = self.partitions(topic).await? {
                return Ok(partitions);
            }
            if Instant::now() > deadline {
                let servers = self.servers();
                let message = format!(
                    "topic {topic} was created on Kafka at {servers}, but its partitions have no leaders yet"
                );
                return Err(LogError::new(LogErrorKind::Unreachable, message));
            }
            tokio::time::sleep(SPREADING).await;
        }
    }

    /// The largest record that a topic takes, provided that it keeps its records as needed.
    async fn largest_record(&self, topic: &str, needed: Needed) -> Result<usize, LogError> {
        let described = self.describe(topic).await?;
        let value = |name: &str| described.get(name)?.value.as_deref();
        let settings = Settings {
            topic,
            servers: self.servers(),
            value: &value,
        };
        settings
            .largest_record(needed, BATCH_BYTES, MESSAGE_BYTES)
            .map_err(|problem| LogError::new(LogErrorKind::Unsuitable, problem))
    }

    /// A topic's settings.
    ///
    /// rdkafka passes no error on here: a topic that is not known yet to the broker that was asked,
    /// or whose settings it must not tell, has none.
    async fn describe(&self, topic: &str) -> Result<ConfigResource, LogError> {
        let servers = self.servers();
        let what = format!(
            "Kafka at {servers} does not tell the settings of topic {topic}, so nobody knows whether it keeps its records"
        );
        let deadline = Instant::now() + self.connection.settings.answer_timeout / 2;
        while Instant::now() < deadline {
            let resource = [&ResourceSpecifier::Topic(topic)];
            let described = self.client.describe_configs(resource, &self.options).await;
            let described = described
                .map_err(|error| failed(error, what.clone()))?
                .pop();
            match described {
                Some(Ok(described)) if !described.entries.is_empty() => return Ok(described),
                Some(Err(code)) => return Err(coded(code, what)),
                _ => tokio::time::sleep(SPREADING).await,
            }
        }
        Err(LogError::new(
            LogErrorKind::Denied,
            format!(
                "{what}; it takes the right to DescribeConfigs: kafka-acls.sh --bootstrap-server {servers} --add --allow-principal User:… --operation DescribeConfigs --topic {topic}"
            ),
        ))
    }
}

/// The number of partitions in an answer about one topic, if it is there and each has a leader.
fn partitions(answer: KafkaResult<Metadata>) -> Result<Option<u32>, RDKafkaErrorCode> {
    let metadata =
        answer.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))?;
    let Some(topic) = metadata.topics().first() else {
        return Ok(None);
    };
    match topic.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable) => {
            return Ok(None);
        }
        Some(code) => return Err(code),
    }
    let ready = topic
        .partitions()
        .iter()
        .all(|partition| partition.leader() >= 0);
    Ok((ready && !topic.partitions().is_empty()).then_some(topic.partitions().len() as u32))
}
