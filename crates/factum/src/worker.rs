//! Projection workers that open their log by its address.

use factum_core::LogError;
use factum_projector::{IntoProjection, OpenLog, Projection, Projector};

use crate::open_log;

/// A projection as a worker, whose `main` is a whole program and takes the addresses that
/// [`open_log`] does.
///
/// ```no_run
/// # async fn run<Board: factum::Fold>(board: Board) -> std::process::ExitCode {
/// factum::projector(board).main().await
/// # }
/// ```
pub fn projector<Kind, P: Projection>(
    projection: impl IntoProjection<Kind, Projection = P>,
) -> Projector<P, LogByAddress> {
    Projector::new(projection).log(LogByAddress)
}

/// Opens logs as [`open_log`] does.
#[derive(Clone, Copy, Debug)]
pub struct LogByAddress;

impl OpenLog for LogByAddress {
    async fn open(
        &self,
        address: String,
    ) -> Result<std::sync::Arc<dyn factum_core::EventLog>, LogError> {
        open_log(&address).await
    }
}
