//! A version in the making is read no faster than it is told to.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use factum_projector::Options;
use factum_testkit::servers;

use super::{Newer, bank, live, projector, shows_the_live_version};
use crate::bank::{Balances, Bank, Ledger, within};

fn at_most(bank: &Bank, per_second: u32) -> Options {
    Options {
        rebuild_rate: NonZeroU32::new(per_second),
        ..bank.until_end()
    }
}

#[tokio::test]
async fn a_rebuild_takes_the_time_that_its_rate_asks_for() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 71).await;
    // Each partition holds about half, and the second half is read when the first is paid for.
    let in_four_seconds = u32::try_from(ledger.records().await / 4).unwrap();
    let began = Instant::now();
    let options = at_most(&bank, in_four_seconds);
    bank.run(projector(Newer, options)).await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(1));
    assert_eq!(live(&bank).await, 2);
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn the_rate_does_not_hold_up_a_version_that_readers_see() {
    let bank = Bank::on(servers::postgres()).await;
    let mut ledger = Ledger::create(&bank, 2, 72).await;
    ledger.fill(100).await;
    let first = projector(Balances, at_most(&bank, 1));
    within(60, bank.run(first)).await.unwrap();
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
}
