//! Waiting, while nothing fails but connections.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use factum_core::Recorded;
use factum_projector::{Fold, Options, Projector, ReadModel, ReadModelOptions, WaitError};
use futures::future::join_all;

use super::{MINUTE, Worker, end_listeners, listeners, open, options, version};
use crate::bank::{
    BALANCE, Balance, Balances, Bank, Ledger, Posted, Proxy, When, connect, eventually, expected,
    posted, within,
};

const MOMENT: Duration = Duration::from_millis(300);

async fn open_through(bank: &Bank) -> (Proxy, ReadModel) {
    let proxy = Proxy::start(&bank.postgres()).await;
    let url = proxy.through(&bank.postgres());
    let opened = ReadModel::open(&url, "balances", options(bank)).await;
    (proxy, opened.unwrap())
}

#[tokio::test]
async fn what_was_waited_for_is_there_in_every_session() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 1).await;
    let other = connect(&bank.postgres()).await;
    let (_worker, model) = (Worker::start(&bank), open(&bank).await);
    // The table is there.
    eventually("the worker has begun", async || bank.positions().await > 0).await;
    for number in 0..200 {
        let account = format!("a{number}");
        ledger
            .commit(number % 2, &account, &[posted(1, 5), posted(1, 6)])
            .await;
        let last = ledger.valid.last().unwrap();
        model.wait_for(last, MINUTE).await.unwrap();
        for client in [&bank.client, &other] {
            let shown = version(client, &account).await.unwrap();
            assert_eq!(shown, Some(last.version as i64));
        }
    }
}

#[tokio::test]
async fn thousands_wait_on_one_connection() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 2).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let (proxy, model) = open_through(&bank).await;
    ledger.fill(3000).await;
    let waits = join_all(ledger.valid.iter().map(|it| model.wait_for(it, MINUTE)));
    let work = async {
        // Those before it have been looked for, too, once this is answered.
        let late = model.wait_for(&ledger.valid[0], MOMENT).await;
        assert!(matches!(late, Err(WaitError::TimedOut { .. })), "{late:?}");
        assert_eq!(listeners(&bank).await, 1);
        Worker::start(&bank)
    };
    let (told, _worker) = tokio::join!(waits, work);
    assert!(told.len() > 4000, "{}", told.len());
    told.into_iter().for_each(Result::unwrap);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
    assert_eq!(proxy.connections(), 1);
}

/// Each waits in a task of its own, and looks as soon as it is woken, while the worker commits what the others
/// wait for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_hundreds_finds_what_it_waited_for() {
    const WAITERS: usize = 400;
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 9).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let (proxy, model) = open_through(&bank).await;
    let looker = Arc::new(connect(&bank.postgres()).await);
    for number in 0..WAITERS {
        let account = format!("a{number}");
        ledger
            .commit(number as u32 % 4, &account, &[posted(1, 5)])
            .await;
    }
    let wait = |event: &Recorded<Posted>| {
        let (model, looker, event) = (model.clone(), looker.clone(), event.clone());
        tokio::spawn(async move {
            model.wait_for(&event, MINUTE).await.unwrap();
            let shown = version(&looker, &event.id).await.unwrap();
            assert_eq!(
                shown,
                Some(event.version as i64),
                "{} was woken early",
                event.id
            );
        })
    };
    let waits: Vec<_> = ledger.valid.iter().map(wait).collect();
    // Those before it have been looked for, too, once this is answered.
    let late = model.wait_for(&ledger.valid[0], MOMENT).await;
    assert!(matches!(late, Err(WaitError::TimedOut { .. })), "{late:?}");
    // Small batches: many commits, each of which wakes some.
    let (projector, url) = (bank.balances(), bank.postgres());
    let small = Options {
        batch_bytes: 500,
        ..bank.options()
    };
    let log = Arc::new(bank.view());
    let worker = tokio::spawn(async move {
        let run = projector
            .options(small)
            .run(log, &url, std::future::pending());
        run.await.map(drop)
    });
    for woken in join_all(waits).await {
        woken.unwrap();
    }
    assert_eq!(proxy.connections(), 1);
    worker.abort();
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nobody_waiting() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 3).await;
    let _worker = Worker::start(&bank);
    eventually("the worker has begun", async || bank.positions().await > 0).await;
    let (proxy, model) = open_through(&bank).await;
    // In the middle of a look: asked, and answered, but for the answer to arrive; or not even asked.
    for (round, when) in [When::After, When::Before, When::After]
        .into_iter()
        .enumerate()
    {
        proxy.cut_at(b"SELECT topic", when);
        ledger.commit(0, "a", &[posted(1, 5)]).await;
        let last = ledger.valid.last().unwrap();
        within(60, model.wait_for(last, MINUTE)).await.unwrap();
        within(10, proxy.cut()).await;
        assert_eq!(proxy.connections(), 2 + round);
        assert_eq!(
            version(&bank.client, "a").await.unwrap(),
            Some(last.version as i64)
        );
    }
}

#[tokio::test]
async fn what_was_missed_without_a_connection_is_looked_for() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 4).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let (proxy, model) = open_through(&bank).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let event = &ledger.valid[0];
    let mut wait = pin!(model.wait_for(event, MINUTE));
    assert!(futures::poll!(wait.as_mut()).is_pending());
    let late = model.wait_for(event, MOMENT).await;
    assert!(matches!(late, Err(WaitError::TimedOut { .. })), "{late:?}");
    // Its end has not got through when the worker notifies all others.
    proxy.freeze();
    end_listeners(&bank.client, &bank.schema).await.unwrap();
    eventually("it is gone", async || listeners(&bank).await == 0).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert!(futures::poll!(wait.as_mut()).is_pending());
    proxy.thaw();
    wait.await.unwrap();
    assert_eq!(version(&bank.client, "a").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_connection_that_broke_while_nobody_waited_is_made_when_somebody_does() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 5).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let model = open(&bank).await;
    for _ in 0..3 {
        eventually("it listens", async || listeners(&bank).await == 1).await;
        end_listeners(&bank.client, &bank.schema).await.unwrap();
        eventually("it is gone", async || listeners(&bank).await == 0).await;
        model.wait_for(&ledger.valid[0], MINUTE).await.unwrap();
    }
    let clone = model.clone();
    drop(model);
    clone.wait_for(&ledger.valid[0], MINUTE).await.unwrap();
    drop(clone);
    eventually("the last one closes it", async || {
        listeners(&bank).await == 0
    })
    .await;
}

/// As `Balances`, under a name that must be quoted.
#[derive(Clone)]
struct Odd;

impl Fold for Odd {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = "it's \\ \"odd\"; COMMIT";

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        Balances.key(event)
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        Balances.fold(row, event)
    }
}

#[tokio::test]
async fn names_may_be_odd_and_as_long_as_postgres_allows() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 7).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let options = ReadModelOptions {
        schema: format!("{:\"<63}", bank.schema), // all that Postgres keeps of a name
        version: Some(Odd::VERSION),
        ..options(&bank)
    };
    let worker = Projector::new(Odd).table(BALANCE).options(Options {
        schema: options.schema.clone(),
        ..bank.until_end()
    });
    let model = ReadModel::open(&bank.postgres(), Odd::NAME, options)
        .await
        .unwrap();
    bank.run(worker.clone()).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let mut wait = pin!(model.wait_for(ledger.valid.last().unwrap(), MINUTE));
    assert!(futures::poll!(wait.as_mut()).is_pending());
    let late = model.wait_for(ledger.valid.last().unwrap(), MOMENT).await;
    assert!(matches!(late, Err(WaitError::TimedOut { .. })), "{late:?}");
    let (waited, worked) = tokio::join!(wait, bank.run(worker));
    waited.unwrap();
    assert_eq!(worked.unwrap().events, 1);
}

#[tokio::test]
async fn a_read_model_that_was_emptied_shows_nothing_of_what_it_did() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 6).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let model = open(&bank).await;
    model.wait_for(&ledger.valid[0], MINUTE).await.unwrap();
    bank.sql("TRUNCATE balance; DELETE FROM positions").await;
    let emptied = model.wait_for(&ledger.valid[0], MINUTE).await;
    assert!(
        matches!(emptied, Err(WaitError::NotBegun { .. })),
        "{emptied:?}"
    );
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    model.wait_for(&ledger.valid[0], MINUTE).await.unwrap();
}
