//! The projection worker.

use std::process::ExitCode;

use factum::projector;

use crate::board::{Board, TABLE_SQL};
use crate::kafka;

/// Runs the worker as a whole program; `--log` takes Kafka's addresses, `host:port,…`.
pub async fn main() -> ExitCode {
    projector(Board)
        .log(kafka::open)
        .table(TABLE_SQL)
        .main()
        .await
}
