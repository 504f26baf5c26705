//! The error with which a worker ended is seen after its death, until its partitions have got past it.

use super::status;
use crate::bank::{Bank, Ledger, posted, within};
use crate::refusals::{assert_says, refused};

const FEW: &str = "ALTER TABLE balance ADD CONSTRAINT few CHECK (balance < 50)";

#[tokio::test]
async fn the_error_of_a_dead_worker_is_shown_until_its_partitions_have_got_past_it() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 71).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    ledger.commit(1, "b", &[posted(1, 5)]).await;
    let run = async || bank.run(bank.balances().options(bank.until_end())).await;
    run().await.unwrap();
    bank.sql(FEW).await;
    ledger.commit(1, "b", &[posted(1, 90)]).await;
    let told = refused(&bank, bank.balances().options(bank.until_end())).await;
    let [sound, broken] = status(&bank).await.try_into().unwrap();
    let failure = broken.failure.clone().expect("it is shown");
    assert_says(&told, &["few"]);
    assert_says(&failure.error, &["few", "balance"]);
    assert_eq!(broken.error.as_ref(), Some(&failure.error));
    assert_eq!(failure.worker.len(), 8, "{failure:?}");
    assert!(
        failure.at.ends_with('Z') && failure.seconds_ago < 60,
        "{failure:?}"
    );

    // Nobody knows that the other partition has no records left, until the log is asked.
    assert!(sound.failure.is_some());
    let asked = sound.with_end(ledger.end(0).await);
    assert_eq!((asked.failure, asked.error), (None, None));
    let asked = broken.with_end(ledger.end(1).await);
    assert_eq!(
        asked.error.as_ref(),
        Some(&failure.error),
        "records are left"
    );

    // The next one dies of it, too: then that is the last.
    refused(&bank, bank.balances().options(bank.until_end())).await;
    let again = status(&bank).await.remove(1).failure.unwrap();
    assert_ne!(again.worker, failure.worker);

    bank.sql("ALTER TABLE balance DROP CONSTRAINT few").await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    run().await.unwrap();
    let over = status(&bank).await;
    assert!(
        over.iter()
            .all(|it| it.failure.is_none() && it.error.is_none()),
        "{over:?}"
    );
}

#[tokio::test]
async fn an_error_goes_with_its_version_and_is_bounded() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 72).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let until_end = || bank.balances().options(bank.until_end());
    bank.run(until_end()).await.unwrap();
    let long = "x".repeat(6_000);
    bank.sql(&format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION '{long}'; END $$; \
         CREATE TRIGGER refuse BEFORE UPDATE ON balance FOR EACH ROW EXECUTE FUNCTION refuse()"
    ))
    .await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    refused(&bank, until_end()).await;
    let failure = status(&bank).await.remove(0).failure.unwrap();
    assert!(
        failure.error.len() < 4_100 && failure.error.ends_with("x…"),
        "{}",
        failure.error.len()
    );
    bank.sql("DELETE FROM positions").await;
    let left = bank.client.query("SELECT FROM failures", &[]).await;
    assert_eq!(left.unwrap().len(), 0);
}

#[tokio::test]
async fn a_worker_that_may_not_write_it_down_ends_with_its_own_error() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 73).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let until_end = || bank.balances().options(bank.until_end());
    bank.run(until_end()).await.unwrap();
    bank.sql(&format!("{FEW} NOT VALID; DROP TABLE failures"))
        .await;
    ledger.commit(0, "a", &[posted(1, 90)]).await;
    // Whatever it meets while it does so: here a view that cannot be written to.
    bank.sql("CREATE VIEW failures AS SELECT 1 AS one").await;
    let told = within(60, refused(&bank, until_end())).await;
    assert_says(&told, &["few"]);
    // Nor does one that cannot see it fail to show the rest.
    bank.sql("DROP VIEW failures").await;
    assert_eq!(status(&bank).await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_was_not_seen_for_half_a_minute_says_nothing() {
    let bank = Bank::new().await;
    let _ledger = Ledger::create(&bank, 1, 74).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let seen = async |seconds: u32| {
        bank.sql(&format!(
            "DELETE FROM workers; INSERT INTO workers VALUES ('01234567-0000-0000-0000-000000000000', 'balances', 1, \
             'projecting', NULL, 7, '[{{\"partition\": 0, \"end\": 20}}]', now() - interval '{seconds} seconds')"
        ))
        .await;
        status(&bank).await.remove(0)
    };
    let said = seen(5).await;
    assert_eq!((said.end, said.per_second), (Some(20), Some(7)));
    assert_eq!(said.worker.as_deref(), Some("01234567 projecting"));
    let silent = seen(31).await;
    assert_eq!(
        (silent.end, silent.lag, silent.worker, silent.per_second),
        (None, None, None, None)
    );
}
