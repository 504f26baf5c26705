//! How the programs under test reach Kafka: as a service would, but with shorter patience.

use std::sync::Arc;
use std::time::Duration;

use factum::{EventLog, KafkaLog, KafkaSettings, LogError};

/// How long a group waits for a member. Longer pauses make zombies.
pub const SESSION: Duration = Duration::from_secs(4);
/// How long an append may take before its fate counts as unknown.
const APPEND: Duration = Duration::from_secs(5);

/// Opens the log of a cluster (`host:port,…`).
///
/// # Errors
/// It cannot be reached.
pub async fn open(servers: String) -> Result<Arc<dyn EventLog>, LogError> {
    let settings = KafkaSettings {
        session_timeout: SESSION,
        append_timeout: APPEND,
        ..KafkaSettings::new(servers)
    };
    Ok(Arc::new(KafkaLog::connect(&settings).await?))
}

/// Ends this program when the one that started it is gone: standard input is a pipe from there.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
}
