//! A log by its address.

use std::sync::Arc;

use factum_core::{EventLog, LogError, LogErrorKind};

/// Opens a log by its address:
///
/// * `kafka://HOST:PORT[,HOST:PORT…]`: a Kafka cluster;
/// * `local:DIR`: an embedded log in a folder on the local disk, which any number of processes on
///   the machine may share.
///
/// # Errors
/// The address is of neither form, its kind was left out of the build, or the log cannot be opened.
pub async fn open_log(address: &str) -> Result<Arc<dyn EventLog>, LogError> {
    if let Some(servers) = address.strip_prefix("kafka://") {
        return kafka(servers.trim_end_matches('/')).await;
    }
    if let Some(dir) = address.strip_prefix("local:") {
        return local(dir).await;
    }
    Err(LogError::new(
        LogErrorKind::Unsuitable,
        format!("`{address}` is not a log's address: write kafka://HOST:PORT or local:DIR"),
    ))
}

#[cfg(feature = "kafka")]
async fn kafka(servers: &str) -> Result<Arc<dyn EventLog>, LogError> {
    let settings = factum_kafka::KafkaSettings::new(servers);
    Ok(Arc::new(factum_kafka::KafkaLog::connect(&settings).await?))
}

#[cfg(not(feature = "kafka"))]
async fn kafka(_: &str) -> Result<Arc<dyn EventLog>, LogError> {
    Err(left_out("kafka"))
}

#[cfg(feature = "local")]
async fn local(dir: &str) -> Result<Arc<dyn EventLog>, LogError> {
    Ok(Arc::new(factum_local::LocalLog::open(dir).await?))
}

#[cfg(not(feature = "local"))]
async fn local(_: &str) -> Result<Arc<dyn EventLog>, LogError> {
    Err(left_out("local"))
}

#[cfg(not(all(feature = "kafka", feature = "local")))]
fn left_out(feature: &str) -> LogError {
    let message = format!("this program was built without Factum's feature `{feature}`");
    LogError::new(LogErrorKind::Unsuitable, message)
}
