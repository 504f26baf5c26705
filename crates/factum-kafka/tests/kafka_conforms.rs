//! The log on a real Kafka passes the suite.

use std::sync::Arc;
use std::time::Duration;

use factum_core::EventLog;
use factum_kafka::{KafkaLog, KafkaSettings};
use factum_testkit::conformance::Handles;
use factum_testkit::servers;

async fn connect() -> Arc<dyn EventLog> {
    let settings = KafkaSettings {
        session_timeout: Duration::from_secs(6),
        ..KafkaSettings::new(servers::kafka())
    };
    Arc::new(
        KafkaLog::connect(&settings)
            .await
            .expect("the test Kafka answers"),
    )
}

async fn handles() -> Handles {
    let (here, there) = tokio::join!(connect(), connect());
    Handles { here, there }
}

factum_testkit::conformance!(handles());
