//! A projection worker of the chaos runs.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    factum_chaos::kafka::end_with_parent();
    factum_chaos::worker::main().await
}
