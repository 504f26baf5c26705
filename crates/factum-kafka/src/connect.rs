//! The connection to a cluster.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, Topic};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult};
use tokio::task::spawn_blocking;

use crate::client::Reports;
use crate::error::{closed, kind};
use crate::producer::{Deliveries, Producer};
use crate::retention::Needed;
use crate::settings::KafkaSettings;
use crate::topic::KafkaTopic;

/// A log on a Kafka cluster. A clone is another handle on the same connection.
#[derive(Clone)]
pub struct KafkaLog(Arc<Connection>);

/// What everything that came from one connection shares.
pub(crate) struct Connection {
    pub(crate) settings: KafkaSettings,
    /// The producer for topics that keep everything. It also asks the brokers what is to be known.
    pub(crate) producer: Arc<Producer>,
    /// The producer for fleeting topics, once one is open: on connections of its own, for a broker carries
    /// out the requests of one connection one after the other, and answers would wait behind events.
    fleeting: Mutex<Option<Arc<Producer>>>,
    reports: Arc<Reports>,
}

impl KafkaLog {
    /// Connects to a cluster, and returns when it has answered.
    ///
    /// # Errors
    /// `Unreachable` when nothing answers within [`KafkaSettings::answer_timeout`], `Denied` as soon
    /// as the cluster refuses the credentials or the certificates don't fit, `Unsuitable` or `Other`
    /// for settings that librdkafka does not know or Factum reserves.
    pub async fn connect(settings: &KafkaSettings) -> Result<Self, LogError> {
        settings.check()?;
        let reports = Arc::new(Reports::default());
        let connection = Arc::new(Connection {
            producer: Arc::new(Producer::start(settings, reports.clone())?),
            fleeting: Mutex::default(),
            settings: settings.clone(),
            reports: reports.clone(),
        });
        tokio::select! {
            biased;
            refused = reports.refused(&settings.servers) => return Err(refused),
            answered = connection.first_answer() => answered?,
        }
        Ok(Self(connection))
    }
}

impl Connection {
    /// Waits for the cluster's first answer.
    async fn first_answer(self: &Arc<Self>) -> Result<(), LogError> {
        let timeout = self.settings.answer_timeout;
        match self
            .ask(move |client| client.fetch_cluster_id(timeout))
            .await?
        {
            Some(_) => Ok(()),
            None => Err(self.unreachable()),
        }
    }

    /// The producer for fleeting topics, started with the first that is opened: its first append would
    /// wait for half a second otherwise. Its reports are its own, or appends that go well elsewhere would
    /// hide that it has lost its brokers.
    fn fleeting_producer(&self) -> Result<Arc<Producer>, LogError> {
        let mut started = self.fleeting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = &*started {
            return Ok(producer.clone());
        }
        let producer = Producer::start(&self.settings, Arc::default())?;
        Ok(started.insert(Arc::new(producer)).clone())
    }

    /// Asks the cluster something with one of librdkafka's blocking calls.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Client<Deliveries>) -> T + Send + 'static,
    ) -> Result<T, LogError> {
        let connection = self.clone();
        let asked = spawn_blocking(move || question(connection.producer.client()));
        asked
            .await
            .map_err(|_| closed("the runtime that asks Kafka"))
    }

    /// Takes note whether a broker answered.
    pub(crate) fn note<T>(&self, asked: &KafkaResult<T>) {
        let code = asked
            .as_ref()
            .err()
            .and_then(KafkaError::rdkafka_error_code);
        match code.map(kind) {
            Some(LogErrorKind::Unreachable) => self.reports.trouble(),
            _ => self.reports.well(),
        }
    }

    pub(crate) fn unreachable(&self) -> LogError {
        let KafkaSettings {
            servers,
            answer_timeout,
            ..
        } = &self.settings;
        let last = match self.reports.last() {
            reason if reason.is_empty() => "it did not even refuse the connection".to_owned(),
            reason => reason,
        };
        LogError::new(
            LogErrorKind::Unreachable,
            format!(
                "no answer from Kafka at {servers} within {answer_timeout:?}: is it running, is the address right, and does this port want security settings? Last report: {last}"
            ),
        )
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let (producer, needed) = (self.0.producer.clone(), Needed::ForEver);
        let opened = KafkaTopic::open(self.0.clone(), producer, topic, create, needed).await?;
        Ok(Arc::new(opened))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let (producer, needed) = (self.0.fleeting_producer()?, Needed::For(keep));
        let opened = KafkaTopic::open(self.0.clone(), producer, topic, create, needed).await?;
        Ok(Arc::new(opened))
    }
}
