//! A read model of one topic becomes one of two, and goes back.

use std::time::Duration;

use factum_projector::{CatchUpError, FailurePolicy, Operations, Switch};
use tokio::task::JoinHandle;

use super::*;
use crate::bank::{LogView, eventually};
use crate::refusals::{assert_says, words};

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

/// A worker of the next version that runs until it is dropped.
struct Worker(JoinHandle<()>);

impl Worker {
    fn start(books: &Books, view: LogView, switch: Switch) -> Self {
        let options = Options {
            switch,
            failure: FailurePolicy::PARK,
            start_timeout: Duration::from_secs(60),
            ..books.options()
        };
        let (log, url) = (Arc::new(view), books.bank.postgres());
        let second = Projector::new(Both).table(OVERVIEW).options(options);
        Self(tokio::spawn(async move {
            let run = second.run(log, &url, std::future::pending());
            run.await.unwrap();
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Books of which version 1 shows the accounts.
async fn first(seed: u64) -> Books {
    let mut books = Books::new(seed).await;
    books.fill(300).await;
    show_accounts(&books).await;
    books
}

/// The first version.
pub fn accounts(options: Options) -> Projector<impl Projection> {
    Projector::new(Accounts).table(OVERVIEW).options(options)
}

async fn show_accounts(books: &Books) {
    books.run(accounts(books.until_end())).await;
}

async fn operations(books: &Books) -> Operations {
    let operations = Operations::connect(&books.bank.postgres(), &books.bank.schema).await;
    operations.unwrap()
}

/// Whether version 2 is as far as version 1 in the topic that both read.
async fn has_the_accounts(books: &Books) -> bool {
    let query = "SELECT coalesce(sum(next) FILTER (WHERE version = 2), 0) >= sum(next) FILTER (WHERE version = 1) \
                 FROM positions WHERE topic = 'bank.account.events'";
    let row = books.bank.client.query_one(query, &[]).await.unwrap();
    row.get(0)
}

async fn live(books: &Books) -> i32 {
    let query = "SELECT version FROM versions WHERE state = 'live'";
    let row = books.bank.client.query_one(query, &[]).await.unwrap();
    row.get(0)
}

/// Waits until the worker of version 2 has decided twice what to do.
async fn two_looks(books: &Books) {
    let query = "SELECT coalesce(max(seen_at)::text, '') FROM workers WHERE version = 2";
    let seen = async || {
        let row = books.bank.client.query_one(query, &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    for _ in 0..3 {
        let before = seen().await;
        eventually("it looks", async || seen().await != before).await;
    }
}

#[tokio::test]
async fn a_version_that_reads_more_topics_is_built_beside_the_live_one_and_switched_to() {
    let mut books = first(120).await;
    let rows = books.bank.rows::<Overview>().await;
    assert!(rows.iter().all(|row| row.charged == 0));

    let _worker = Worker::start(&books, books.bank.view(), Switch::Manual);
    let operations = operations(&books).await;
    books.fill(100).await;
    show_accounts(&books).await;
    let end = books.records().await + books.accounts.records().await;
    eventually("both are at the end", async || {
        books.bank.positions().await == end
    })
    .await;
    let minute = Duration::from_secs(60);
    let log = books.bank.view();
    let switched = operations.switch_when_caught_up(&log, "overviews", 2, minute);
    switched.await.unwrap();
    books.assert_whole(&books.bank.rows().await).await;

    operations.switch("overviews", 1).await.unwrap();
    let rows = books.bank.rows::<Overview>().await;
    assert!(rows.iter().all(|row| row.charged == 0), "back");
}

/// The worker owns no partition of the cards for now.
#[tokio::test]
async fn a_worker_switches_when_the_added_topic_is_caught_up() {
    let books = first(160).await;
    let view = books.bank.led_view();
    let (accounts, cards) = (view.script(), view.script());
    let _worker = Worker::start(&books, view, Switch::Auto);
    accounts.gain(&[0, 1, 2]);
    eventually("it has the accounts", async || {
        has_the_accounts(&books).await
    })
    .await;
    two_looks(&books).await;
    assert_eq!(live(&books).await, 1, "the cards are missing");
    cards.gain(&[0, 1]);
    eventually("version 2 is live", async || live(&books).await == 2).await;
    books.assert_whole(&books.bank.rows().await).await;
}

#[tokio::test]
async fn an_operator_s_switch_waits_for_the_added_topic() {
    let books = first(170).await;
    let view = books.bank.led_view();
    let (accounts, cards) = (view.script(), view.script());
    let _worker = Worker::start(&books, view, Switch::Manual);
    accounts.gain(&[0, 1, 2]);
    eventually("it has the accounts", async || {
        has_the_accounts(&books).await
    })
    .await;
    let (operations, log) = (operations(&books).await, books.bank.view());
    let error = words(operations.switch("overviews", 2).await.unwrap_err());
    let says = "overviews version 2 reads bank.card.events, which version 1 does not";
    assert_says(&error, &[says, "--log"]);
    let switch = async |timeout| {
        let switched = operations.switch_when_caught_up(&log, "overviews", 2, timeout);
        switched.await
    };
    let error = switch(Duration::from_millis(300)).await.unwrap_err();
    let CatchUpError::Behind {
        left, partitions, ..
    } = &error
    else {
        panic!("{error}");
    };
    let cards_left = books.cards.records().await as u64;
    assert_eq!((*left, &**partitions), (cards_left, "0, 1"), "{error}");
    assert_eq!(live(&books).await, 1);
    cards.gain(&[0, 1]);
    switch(Duration::from_secs(60)).await.unwrap();
    assert_eq!(live(&books).await, 2);
    books.assert_whole(&books.bank.rows().await).await;
}

#[tokio::test]
async fn letters_of_the_added_topic_do_not_hold_up_a_switch() {
    let books = first(180).await;
    let _worker = Worker::start(&books, books.bank.view(), Switch::Manual);
    let (operations, log) = (operations(&books).await, books.bank.view());
    eventually("it has the accounts", async || {
        has_the_accounts(&books).await
    })
    .await;
    let park = async |topic: &str| {
        books.bank.sql(&format!(
            "INSERT INTO dead_letters SELECT 'overviews', 2, '{topic}', 0, 1, 1, 'x', 1, NULL, '{{}}', '', '', '', NULL, 0"
        )).await;
    };
    park(ACCOUNTS).await;
    park(CARDS).await;
    let minute = Duration::from_secs(60);
    let switch = async || {
        let switched = operations.switch_when_caught_up(&log, "overviews", 2, minute);
        switched.await
    };
    let error = switch().await.unwrap_err().to_string();
    assert_says(&error, &["1 events are parked that version 1 shows"]);
    let gone = format!("DELETE FROM dead_letters WHERE topic = '{ACCOUNTS}'");
    books.bank.sql(&gone).await;
    switch().await.unwrap();
    assert_eq!(live(&books).await, 2);
}
