//! The worker that keeps the read model `workload`.

use std::process::ExitCode;

use loans::workload::Workload;

#[tokio::main]
async fn main() -> ExitCode {
    factum::projector(Workload)
        .table(Workload::TABLE_SQL)
        .main()
        .await
}
