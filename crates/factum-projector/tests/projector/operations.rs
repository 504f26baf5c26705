//! What operators see and wait for, while workers run and after they died.

mod end;
mod failure;
mod seek;

use factum_projector::{Operations, PartitionProgress};

use crate::bank::Bank;

async fn operations(bank: &Bank) -> Operations {
    let operations = Operations::connect(&bank.postgres(), &bank.schema).await;
    operations.unwrap()
}

/// The status of each partition.
async fn status(bank: &Bank) -> Vec<PartitionProgress> {
    operations(bank).await.status().await.unwrap()
}
