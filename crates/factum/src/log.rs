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
    let servers = address
        .strip_prefix("kafka://")
        .map(|it| it.trim_end_matches('/'));
    match (servers, address.strip_prefix("local:")) {
        (Some(servers), _) if !servers.is_empty() => kafka(servers).await,
        (_, Some(dir)) if !dir.is_empty() => local(dir).await,
        _ => Err(LogError::new(
            LogErrorKind::Unsuitable,
            format!("`{address}` is not a log's address: write kafka://HOST:PORT or local:DIR"),
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::open_log;

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        for address in [
            "",
            "kafka",
            "kafka://",
            "local:",
            "localhost:9092",
            "http://localhost",
        ] {
            let error = open_log(address).await.err().expect(address).to_string();
            assert!(
                error.contains("write kafka://HOST:PORT"),
                "{address}: {error}"
            );
        }
    }
}
