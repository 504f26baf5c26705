//! A topic on Kafka.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use factum_core::{
    Append, Appended, LogError, LogErrorKind, LogReader, Membership, NewTopic, Offset, Records,
    Topic,
};
use futures::FutureExt;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::admin;
use crate::connect::Connection;
use crate::error::{closed, coded, failed};
use crate::membership::KafkaMember;
use crate::producer::{Answer, Producer};
use crate::reader::KafkaReader;
use crate::retention::Needed;

pub(crate) struct KafkaTopic {
    connection: Arc<Connection>,
    producer: Arc<Producer>,
    name: Arc<str>,
    partitions: u32,
    max_record_bytes: usize,
}

impl KafkaTopic {
    pub(crate) async fn open(
        connection: Arc<Connection>,
        producer: Arc<Producer>,
        topic: &str,
        create: Option<NewTopic>,
        needed: Needed,
    ) -> Result<Self, LogError> {
        let found = admin::find_or_create(&connection, topic, create, needed).await?;
        Ok(Self {
            connection,
            producer,
            name: topic.into(),
            partitions: found.partitions,
            max_record_bytes: found.max_record_bytes,
        })
    }

    fn check_partition(&self, partition: u32) -> Result<(), LogError> {
        let Self {
            name, partitions, ..
        } = self;
        if partition < *partitions {
            return Ok(());
        }
        Err(LogError::new(
            LogErrorKind::NotFound,
            format!("topic {name} has no partition {partition}: it has {partitions}"),
        ))
    }

    fn check_sizes(&self, records: &Records) -> Result<(), LogError> {
        records.check_sizes(
            self.max_record_bytes,
            format_args!("topic {}", self.name),
            "make the event smaller, or raise the topic's max.message.bytes",
        )
    }

    /// Start and end of a partition. A broker that has just started may not know its topics yet: that
    /// an open topic is not there is believed only when it stays so, and a broker says so.
    async fn bounds(&self, partition: u32) -> Result<(Offset, Offset), LogError> {
        self.check_partition(partition)?;
        let deadline = Instant::now() + self.connection.settings.answer_timeout;
        loop {
            match self.ask_bounds(partition).await {
                Err(error)
                    if error.kind() == LogErrorKind::NotFound && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) if error.kind() == LogErrorKind::NotFound => {
                    return Err(self.doubt(error).await);
                }
                asked => return asked,
            }
        }
    }

    /// Asks the brokers whether the topic is there. A client that lost them says that it knows no such
    /// partition, too.
    async fn doubt(&self, error: LogError) -> LogError {
        let (name, timeout) = (self.name.clone(), self.connection.settings.answer_timeout);
        let asked = self.connection.ask(move |client| {
            let metadata = client.fetch_metadata(Some(&name), timeout)?;
            let topic = metadata.topics().iter().find(|it| it.name() == &*name);
            let unknown = topic.and_then(|it| it.error()).map(RDKafkaErrorCode::from);
            Ok::<_, KafkaError>(unknown == Some(RDKafkaErrorCode::UnknownTopicOrPartition))
        });
        match asked.await {
            Ok(Ok(true)) => error,
            _ => LogError::new(LogErrorKind::Unreachable, error.to_string()).with_source(error),
        }
    }

    async fn ask_bounds(&self, partition: u32) -> Result<(Offset, Offset), LogError> {
        let (name, timeout) = (self.name.clone(), self.connection.settings.answer_timeout);
        let asked = self
            .connection
            .ask(move |client| client.fetch_watermarks(&name, partition.cast_signed(), timeout));
        let asked = asked.await?;
        self.connection.note(&asked);
        let (start, end) = asked.map_err(|error| {
            failed(
                error,
                format!(
                    "Kafka at {} does not tell where {}/{partition} ends",
                    self.connection.settings.servers, self.name
                ),
            )
        })?;
        Ok((start.cast_unsigned(), end.cast_unsigned()))
    }
}

/// Waits for the producer's answer.
async fn answer(
    answer: Answer,
    producer: Arc<Producer>,
    connection: Arc<Connection>,
    topic: Arc<str>,
    partition: u32,
) -> Result<Appended, LogError> {
    let code = match answer.await {
        Ok(Ok(appended)) => return Ok(appended),
        Ok(Err(code)) => code,
        Err(_) => return Err(closed("Kafka's producer")),
    };
    if let Some(fatal) = producer.fatal() {
        return Err(fatal);
    }
    let servers = &connection.settings.servers;
    let hint = match code {
        RDKafkaErrorCode::MessageTimedOut => " in time; it may still arrive",
        RDKafkaErrorCode::TopicAuthorizationFailed => "; it takes the right to Write to the topic",
        _ => "",
    };
    Err(coded(
        code,
        format!("Kafka at {servers} did not take an append to {topic}/{partition}{hint}"),
    ))
}

#[async_trait]
impl Topic for KafkaTopic {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn max_record_bytes(&self) -> usize {
        self.max_record_bytes
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        let checked = self
            .check_partition(partition)
            .and_then(|()| self.check_sizes(&records));
        if let Err(error) = checked {
            return std::future::ready(Err(error)).boxed();
        }
        if records.is_empty() {
            return std::future::ready(Ok(Appended::Somewhere)).boxed();
        }
        let sent = self.producer.append(&self.name, partition, &records);
        let (producer, connection) = (self.producer.clone(), self.connection.clone());
        answer(sent, producer, connection, self.name.clone(), partition).boxed()
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        Ok(self.bounds(partition).await?.0)
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        Ok(self.bounds(partition).await?.1)
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        for (partition, _) in from {
            self.check_partition(*partition)?;
        }
        Ok(Box::new(KafkaReader::start(
            &self.connection.settings,
            &self.name,
            from,
        )?))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(KafkaMember::join(
            &self.connection.settings,
            &self.name,
            group,
        )?))
    }
}
