//! Topics that are not what they were.

use std::time::Duration;

use factum_core::{Claim, EventLog, NewTopic};
use factum_projector::Operations;
use factum_testkit::MemoryLog;
use uuid::Uuid;

use super::{assert_says, refused};
use crate::bank::{Bank, Ledger};

#[tokio::test]
async fn a_changed_partition_count() {
    let bank = Bank::new().await;
    let _ledger = Ledger::create(&bank, 2, 1).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let grown = Bank {
        log: MemoryLog::new(),
        ..bank
    };
    let _ledger = Ledger::create(&grown, 3, 1).await;
    let error = refused(&grown, grown.balances().options(grown.until_end())).await;
    assert_says(&error, &["has 3 partitions", "balances began with 2"]);
}

#[tokio::test]
async fn a_claim_of_a_topic_with_another_partition_count() {
    let bank = Bank::new().await;
    let new = NewTopic {
        partitions: 2,
        replication: None,
    };
    let topic = bank.log.open(&bank.topic, Some(new)).await.unwrap();
    let claim = Claim {
        epoch: 1,
        claimant: Uuid::new_v4(),
        floor: 1,
        partitions: 4,
    };
    topic.append(1, claim.record()).await.unwrap();
    let error = refused(&bank, bank.balances().options(bank.until_end())).await;
    assert_says(
        &error,
        &["partition 1 offset 0", "had 4 partitions", "has 2 now"],
    );
}

#[tokio::test]
async fn another_topic_under_the_same_name() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    ledger.fill(10).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();

    let another = Bank {
        log: MemoryLog::new(),
        ..bank
    };
    let mut ledger = Ledger::create(&another, 1, 2).await;
    let error = refused(&another, another.balances().options(another.options())).await;
    assert_says(&error, &["is another log", "it ends at offset 1"]);
    // The positions lie behind its end, which is nothing that was reached.
    let error = refused(&another, another.balances().options(another.until_end())).await;
    assert_says(&error, &["is another log", "it ends at offset 1"]);
    let operations = Operations::connect(&another.postgres(), &another.schema).await;
    let (operations, log) = (operations.unwrap(), another.view());
    let waited = operations.wait_for_end(&log, "balances", None, Duration::from_secs(60));
    let error = waited.await.unwrap_err().to_string();
    assert_says(&error, &["is another log", "it ends at offset 1"]);
    ledger.fill(100).await;
    let error = refused(&another, another.balances().options(another.options())).await;
    assert_says(&error, &["is another log", "its first claim is by"]);
    another.log.forget_before(&another.topic, 0, 1);
    let error = refused(&another, another.balances().options(another.options())).await;
    assert_says(&error, &["is another log", "is gone"]);
    another.log.forget_before(&another.topic, 0, 90);
    let error = refused(&another, another.balances().options(another.options())).await;
    assert_says(&error, &["records before offset 90 were deleted"]);
}

#[tokio::test]
async fn events_that_were_lost_after_they_were_projected() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    ledger.fill(20).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    bank.log.lose_after(&bank.topic, 0, 5);
    let error = refused(&bank, bank.balances().options(bank.options())).await;
    assert_says(&error, &["is another log", "it ends at offset 5"]);
}
