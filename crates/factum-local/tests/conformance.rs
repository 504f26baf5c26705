//! The embedded log passes the suite, with two handles in one process.
//!
//! `processes.rs` holds what takes more than one process.

use std::sync::Arc;

use factum_local::LocalLog;
use factum_testkit::conformance::Handles;

async fn handles() -> Handles {
    // Kept, under `target`: the folder must outlive both handles.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let dir = dir.expect("a folder is made").keep();
    let open = async || LocalLog::open(&dir).await.expect("a log opens");
    Handles {
        here: Arc::new(open().await),
        there: Arc::new(open().await),
    }
}

factum_testkit::conformance!(handles());
