//! What cannot be waited for, and in which words.

use std::error::Error;
use std::time::Duration;

use factum_core::ConsistencyToken;
use factum_projector::{ReadModel, ReadModelOptions, WaitError};

use super::{MINUTE, open, options};
use crate::bank::{Bank, Ledger, Proxy, connect, eventually, posted, within};

const MOMENT: Duration = Duration::from_millis(300);

fn token(partition: u32, sequence: u64) -> ConsistencyToken {
    ConsistencyToken {
        partition,
        sequence,
    }
}

async fn refused(model: &ReadModel, token: ConsistencyToken, timeout: Duration) -> WaitError {
    let waited = within(30, model.wait_for(token, timeout)).await;
    waited.expect_err("it is refused")
}

#[track_caller]
fn assert_says(error: &dyn Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[tokio::test]
async fn whose_time_is_over_learns_how_far_the_projection_is() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 1).await;
    ledger.commit(1, "a", &[posted(1, 5), posted(1, 6)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let model = open(&bank).await;
    let error = refused(&model, token(1, 3), MOMENT).await;
    let says = "balances has not come to event 3 of partition 1 within 300ms: it is at event 2";
    assert_says(&error, &[says]);
    let error = refused(&model, token(0, 1), MOMENT).await;
    assert_says(&error, &["event 1 of partition 0", "it is at event 0"]);
    model.wait_for(token(0, 0), MOMENT).await.unwrap(); // a command without events, the first of all
}

#[tokio::test]
async fn a_projection_that_is_not_there_is_told_at_once_and_found_once_it_has_begun() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 2).await;
    ledger.commit(1, "a", &[posted(1, 5)]).await;
    // No worker of any projection has run here: not even the schema need be there.
    let nowhere = ReadModelOptions {
        schema: "no_such_schema".into(),
        ..options(&bank)
    };
    let nowhere = ReadModel::open(&bank.postgres(), "balances", nowhere)
        .await
        .unwrap();
    let model = open(&bank).await;
    let error = refused(&model, token(1, 1), MINUTE).await;
    assert_says(&error, &["balances has not begun", &bank.schema, "right"]);
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    model.wait_for(token(1, 1), MINUTE).await.unwrap();
    let error = refused(&nowhere, token(1, 1), MINUTE).await;
    assert_says(&error, &["\"no_such_schema\".positions at"]);

    let misspelt = ReadModel::open(&bank.postgres(), "balance", options(&bank))
        .await
        .unwrap();
    let error = refused(&misspelt, token(1, 1), MINUTE).await;
    assert_says(&error, &["balance has not begun"]);
    let next = ReadModelOptions {
        version: Some(2),
        ..options(&bank)
    };
    let next = ReadModel::open(&bank.postgres(), "balances", next)
        .await
        .unwrap();
    let error = refused(&next, token(1, 1), MINUTE).await;
    assert_says(&error, &["balances version 2 has not begun"]);
    let error = refused(&model, token(2, 1), MINUTE).await;
    assert_says(
        &error,
        &["reads 2 partitions, and partition 2 is none of them"],
    );
}

#[tokio::test]
async fn of_several_topics_one_must_be_named() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 3).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    bank.sql(
        "INSERT INTO positions (projection, version, topic, partition, \"offset\", epoch, next, closed) \
         SELECT projection, version, 'another', partition, 9, 1, 9, false FROM positions",
    )
    .await;
    let model = open(&bank).await;
    let error = refused(&model, token(0, 1), MINUTE).await;
    assert_says(&error, &["reads several topics", "another", &bank.topic]);
    let named = ReadModelOptions {
        topic: Some(bank.topic.clone()),
        ..options(&bank)
    };
    let named = ReadModel::open(&bank.postgres(), "balances", named)
        .await
        .unwrap();
    named.wait_for(token(0, 1), MINUTE).await.unwrap();
    let error = refused(&named, token(0, 8), MOMENT).await;
    assert_says(&error, &["it is at event 1"]);
}

#[tokio::test]
async fn a_server_that_is_out_of_reach_is_told() {
    let bank = Bank::new().await;
    let short = ReadModelOptions {
        start_timeout: MOMENT,
        ..options(&bank)
    };
    let nowhere = "postgres://bank:s3cret@127.0.0.1:1/loans";
    let error = ReadModel::open(nowhere, "balances", short)
        .await
        .unwrap_err();
    assert_says(&error, &["cannot reach Postgres at bank@127.0.0.1:1/loans"]);
    let error = ReadModel::open("postgres//x", "balances", options(&bank))
        .await
        .unwrap_err();
    assert_says(&error, &["cannot read the Postgres address"]);

    let proxy = Proxy::start(&bank.postgres()).await;
    let through = proxy.through(&bank.postgres());
    let model = ReadModel::open(&through, "balances", options(&bank))
        .await
        .unwrap();
    proxy.freeze_at(b"SELECT topic");
    let error = refused(&model, token(0, 1), MOMENT).await;
    assert_says(&error, &["cannot see how far balances is", "within 300ms"]);
    proxy.thaw();
    let error = refused(&model, token(0, 1), MINUTE).await;
    assert_says(&error, &["has not begun"]);
}

#[tokio::test]
async fn to_read_the_positions_is_all_that_must_be_allowed() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 4).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let (schema, role) = (&bank.schema, format!("reader_{}", bank.schema));
    bank.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}"
    ))
    .await;
    let url = bank.postgres().replace("factum@", &format!("{role}@"));
    let error = ReadModel::open(&url, "balances", options(&bank))
        .await
        .unwrap_err();
    assert_says(&error, &["cannot read the positions"]);
    let cause = error
        .source()
        .and_then(Error::source)
        .map(ToString::to_string);
    assert!(cause.unwrap_or_default().contains("permission denied"));

    bank.sql(&format!("GRANT SELECT ON positions, versions TO {role}"))
        .await;
    let model = ReadModel::open(&url, "balances", options(&bank))
        .await
        .unwrap();
    model.wait_for(token(0, 1), MINUTE).await.unwrap();
    // What is forbidden later is told to those whose time is over.
    bank.sql(&format!("REVOKE SELECT ON positions FROM {role}"))
        .await;
    let other = connect(&bank.postgres()).await;
    eventually("it is told", async || {
        let error = refused(&model, token(0, 1), MOMENT).await;
        error
            .source()
            .is_some_and(|it| it.to_string().contains("cannot read the positions"))
    })
    .await;
    let grant = format!("GRANT SELECT ON {schema}.positions TO {role}");
    other.batch_execute(&grant).await.unwrap();
    model.wait_for(token(0, 1), MINUTE).await.unwrap();
    drop(model);
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    other.batch_execute(&drop).await.unwrap();
}
