//! The in-memory log passes the suite.

use std::sync::Arc;

use factum_testkit::MemoryLog;
use factum_testkit::conformance::Handles;

async fn handles() -> Handles {
    let log = MemoryLog::new();
    Handles {
        here: Arc::new(log.clone()),
        there: Arc::new(log),
    }
}

factum_testkit::conformance!(handles());
