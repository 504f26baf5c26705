//! What librdkafka's background threads report, kept for whoever waits for an answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use factum_core::{LogError, LogErrorKind};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::watch;

use crate::error::{coded, kind};

/// The last report of a client's background threads, and the first that says the client can't work.
///
/// A wrong password shows nowhere else: every call would just wait.
#[derive(Default)]
pub(crate) struct Reports {
    last: Mutex<String>,
    refused: watch::Sender<Option<(RDKafkaErrorCode, String)>>,
    trouble: Mutex<Option<Trouble>>,
    /// Whether there is trouble, to be asked for each record.
    in_trouble: AtomicBool,
}

/// Reports, one soon after the other, that the brokers can't be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) since: Instant,
    pub(crate) last: Instant,
}

/// After so long without a report, the next one is of new trouble.
const QUIET: Duration = Duration::from_secs(10);

impl Trouble {
    /// What it is after one more report.
    pub(crate) fn go_on(before: Option<Self>, now: Instant) -> Self {
        let before = before.filter(|it| now.duration_since(it.last) < QUIET);
        let since = before.map_or(now, |it| it.since);
        Self { since, last: now }
    }
}

impl Reports {
    /// The text of the last report; empty if there was none.
    pub(crate) fn last(&self) -> String {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes note that the brokers can't be reached, or do not answer.
    pub(crate) fn trouble(&self) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = Some(Trouble::go_on(*trouble, Instant::now()));
        self.in_trouble.store(true, Ordering::Relaxed);
    }

    /// Takes note that a broker answered.
    pub(crate) fn well(&self) {
        if self.in_trouble.load(Ordering::Relaxed) {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            *trouble = None;
            self.in_trouble.store(false, Ordering::Relaxed);
        }
    }

    /// The trouble since the last answer. It may be over: a client that asks nothing gets no answer.
    pub(crate) fn in_trouble(&self) -> Option<Trouble> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if code.is_some_and(|code| kind(code) == LogErrorKind::Unreachable) {
            self.trouble();
        }
        // That all brokers are down is said behind each report of why.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) {
            reason.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
        }
        if let Some(code) = code.filter(|code| is_refusal(*code)) {
            self.refused.send_if_modified(|refused| {
                let first = refused.is_none();
                refused.get_or_insert_with(|| (code, reason.to_owned()));
                first
            });
        }
    }

    /// Waits until the brokers refuse this client.
    pub(crate) async fn refused(&self, servers: &str) -> LogError {
        let mut refused = self.refused.subscribe();
        let report = refused.wait_for(Option::is_some).await;
        if let Some((code, reason)) = report.ok().and_then(|report| report.clone()) {
            return refusal(code, &reason, servers);
        }
        std::future::pending().await
    }
}

/// Whether the brokers, or the certificates, say no; asking again gives the same answer.
pub(crate) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{Authentication, SSL, SaslAuthenticationFailed};
    matches!(code, Authentication | SSL | SaslAuthenticationFailed)
}

pub(crate) fn refusal(code: RDKafkaErrorCode, reason: &str, servers: &str) -> LogError {
    coded(
        code,
        format!("Kafka at {servers} refuses the connection; check the security settings: {reason}"),
    )
}

/// The context of a client without callbacks of its own.
pub(crate) struct Reporting(pub(crate) Arc<Reports>);

impl ClientContext for Reporting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.report(&error, reason);
    }
}

impl ConsumerContext for Reporting {}

/// Passes librdkafka's log on. What it calls an error it goes on to mend by itself.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        // Properties of producers on consumers and the other way round: they are shared on purpose.
        _ if facility == "CONFWARN" => tracing::debug!(target: "librdkafka", "{message}"),
        // Each attempt to connect that fails: whoever waits for the connection says so, once in a while.
        Error if facility == "FAIL" || facility == "ERROR" => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        Emerg | Alert | Critical | Error | Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        Notice | Info => tracing::info!(target: "librdkafka", facility, "{message}"),
        Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
