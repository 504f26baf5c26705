//! What is refused, and in which words.

mod table;
mod topic;
mod value;

use std::time::Duration;

use factum_projector::{Options, Projection, Projector, ProjectorError};

use crate::bank::{Bank, Ledger, within};

/// The error and its causes, a line each.
pub fn words(error: ProjectorError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words += &format!("\n{error}");
        cause = error.source();
    }
    words
}

pub async fn refused<P: Projection>(bank: &Bank, projector: Projector<P>) -> String {
    words(bank.run(projector).await.expect_err("it is refused"))
}

#[track_caller]
pub fn assert_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in:\n{error}");
    }
}

#[tokio::test]
async fn servers_out_of_reach() {
    let bank = Bank::new().await;
    let options = Options {
        start_timeout: Duration::from_millis(300),
        ..bank.options()
    };
    let error = refused(&bank, bank.balances().options(options.clone())).await;
    assert_says(&error, &["cannot open topic", &bank.topic]);

    let _ledger = Ledger::create(&bank, 1, 1).await;
    let log = std::sync::Arc::new(bank.view());
    let nowhere = "postgres://bank:s3cret@127.0.0.1:1/loans";
    let run = bank
        .balances()
        .options(options)
        .run(log.clone(), nowhere, std::future::pending());
    let error = words(within(60, run).await.unwrap_err());
    assert_says(&error, &["cannot reach Postgres at bank@127.0.0.1:1/loans"]);
    assert!(!error.contains("s3cret"), "{error}");

    let run = bank
        .balances()
        .run(log, "postgres//bank:s3cret@h", std::future::pending());
    let error = words(run.await.unwrap_err());
    assert_says(&error, &["cannot read the Postgres address"]);
    assert!(!error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_read_only_is_waited_for_and_named() {
    let bank = Bank::new().await;
    let _ledger = Ledger::create(&bank, 1, 1).await;
    let log = std::sync::Arc::new(bank.view());
    let url = bank.postgres() + "%20-c%20default_transaction_read_only%3Don";
    let run = bank
        .balances()
        .options(bank.options())
        .run(log, &url, std::future::pending());
    let error = words(within(30, run).await.unwrap_err());
    assert_says(
        &error,
        &["cannot reach Postgres", "within 2s", "read-only", "primary"],
    );
}
