//! A read model of one topic becomes one of two, and goes back.

use std::time::Duration;

use factum_projector::{Operations, Switch};

use super::*;
use crate::bank::eventually;

/// The overviews of accounts only, under the same name: the version before.
#[derive(Clone, Copy, Debug)]
struct Accounts;

impl MultiFold for Accounts {
    type Event = Posted;
    type Row = Overview;
    const NAME: &'static str = "overviews";

    fn keys(&self, event: &Recorded<Posted>) -> impl IntoIterator<Item = String> {
        names(&event.id, &event.event)
    }

    fn fold(
        &self,
        name: &String,
        row: Option<Overview>,
        event: &Recorded<Posted>,
    ) -> Option<Overview> {
        let event = of(event, BankEvent::Account(event.event.clone()));
        Overviews::default().fold(name, row, &event)
    }
}

/// The overviews of both as the next version.
#[derive(Clone, Copy, Debug)]
struct Both;

impl MultiFold for Both {
    type Event = BankEvent;
    type Row = Overview;
    const NAME: &'static str = "overviews";
    const VERSION: u32 = 2;

    fn keys(&self, event: &Recorded<BankEvent>) -> impl IntoIterator<Item = String> {
        names(&event.id, event.event.posted())
    }

    fn fold(
        &self,
        name: &String,
        row: Option<Overview>,
        event: &Recorded<BankEvent>,
    ) -> Option<Overview> {
        Overviews::default().fold(name, row, event)
    }
}

#[tokio::test]
async fn a_version_that_reads_more_topics_is_built_beside_the_live_one_and_switched_to() {
    let mut books = Books::new(120).await;
    books.fill(300).await;
    let first = || Projector::new(Accounts).table(OVERVIEW);
    books.run(first().options(books.until_end())).await;
    let rows = books.bank.rows::<Overview>().await;
    assert!(rows.iter().all(|row| row.charged == 0));

    let options = Options {
        switch: Switch::Manual,
        start_timeout: Duration::from_secs(60),
        ..books.options()
    };
    let (log, url) = (Arc::new(books.bank.view()), books.bank.postgres());
    let second = Projector::new(Both).table(OVERVIEW).options(options);
    let worker = tokio::spawn(async move {
        let run = second.run(log, &url, std::future::pending());
        run.await.unwrap();
    });
    let operations = Operations::connect(&books.bank.postgres(), &books.bank.schema).await;
    let operations = operations.unwrap();
    books.fill(100).await;
    books.run(first().options(books.until_end())).await;
    let end = books.records().await + books.accounts.records().await;
    eventually("both are at the end", async || {
        books.bank.positions().await == end
    })
    .await;
    operations.switch("overviews", 2).await.unwrap();
    books.assert_whole(&books.bank.rows().await).await;

    operations.switch("overviews", 1).await.unwrap();
    let rows = books.bank.rows::<Overview>().await;
    assert!(rows.iter().all(|row| row.charged == 0), "back");
    worker.abort();
}
