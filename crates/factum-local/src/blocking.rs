//! Calls that wait for the disk, kept off the runtime's own threads.

use std::path::Path;

use factum_core::LogError;

use crate::failure;

/// Runs a call that may wait for the disk of the log in `dir`.
pub(crate) async fn blocking<T: Send + 'static>(
    dir: &Path,
    call: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(failure::closed(dir)),
    }
}
