//! Stopping at the end.

use crate::bank::{Balance, Balances, Bank, Ledger, expected, posted, within};

#[tokio::test]
async fn an_empty_topic_ends_at_once() {
    let bank = Bank::new().await;
    let _ledger = Ledger::create(&bank, 2, 1).await;
    let summary = bank
        .run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(summary.events, 0);
    assert_eq!(bank.positions().await, 2, "the claims were read");
}

#[tokio::test]
async fn a_commit_that_was_torn_off_at_the_end_is_not_waited_for() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 1).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let half = ledger.encode(0, "a", &[posted(1, 6), posted(1, 7)], 1);
    ledger.append(0, half).await;
    let summary = bank
        .run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(summary.events, 1);
    assert_eq!(bank.positions().await, ledger.records().await - 1);

    ledger.claim(0).await;
    ledger.commit(0, "a", &[posted(1, 8)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
}

#[tokio::test]
async fn another_worker_may_do_the_work() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 1).await;
    ledger.fill(200).await;
    let idle = bank.led_view();
    let waits = bank.balances().options(bank.until_end());
    let url = bank.postgres();
    let waits = waits.run(
        std::sync::Arc::new(idle.clone()),
        &url,
        std::future::pending(),
    );
    let works = async {
        idle.joined(1).await;
        bank.run(bank.balances().options(bank.until_end())).await
    };
    let (waited, worked) = within(60, async { tokio::join!(waits, works) }).await;
    assert_eq!(waited.unwrap().events, 0);
    assert_eq!(worked.unwrap().events, ledger.valid.len() as u64);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
}

#[tokio::test]
async fn workers_that_start_together_set_up_once() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 1).await;
    ledger.fill(500).await;
    let worker = || bank.run(bank.balances().options(bank.until_end()));
    let all = within(60, async {
        tokio::join!(worker(), worker(), worker(), worker())
    })
    .await;
    let events: u64 = [all.0, all.1, all.2, all.3]
        .into_iter()
        .map(|it| it.unwrap().events)
        .sum();
    assert_eq!(events, ledger.valid.len() as u64);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
}
