//! The worker that keeps the read model `activity`.

use std::process::ExitCode;

use loans::activity::Activity;

#[tokio::main]
async fn main() -> ExitCode {
    factum::projector(Activity)
        .table(Activity::TABLE_SQL)
        .main()
        .await
}
