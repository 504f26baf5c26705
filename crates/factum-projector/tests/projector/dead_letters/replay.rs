//! What was parked is replayed in order, and then the table is that of a run without the fault.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use factum_projector::{Options, Projector, ProjectorError};
use factum_status::Components;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::bank::{Proxy, eventually, posted, within};

/// The account of the poisoned event.
const ACCOUNT: &str = "account-2-7";

#[tokio::test]
async fn one_poisoned_event_in_100_000_parks_its_key_and_nothing_else() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 31).await;
    ledger.fill(22_000).await;
    ledger.commit(2, ACCOUNT, &[posted(1, POISON)]).await;
    while ledger.valid.len() < 100_000 {
        ledger.fill(1000).await;
    }
    let summary = project(&bank, Build::FIRST).await;
    let parked = letters(&bank).await;
    assert_eq!(
        summary.events + parked.len() as u64,
        ledger.valid.len() as u64
    );
    assert!(parked.len() > 100, "{} letters", parked.len());
    assert_eq!(parked[0].keys, [format!("{ACCOUNT:?}")]);
    let failed = parked.iter().filter(|letter| letter.error.is_some());
    assert_eq!(failed.count(), 1, "the others are behind it");
    assert_parked(&bank, &ledger, &[ACCOUNT]).await;

    ask(&bank, "true").await;
    project(&bank, Build::LAST).await;
    assert_whole(&bank, &ledger).await;
}

/// A worker that follows the log.
pub struct Live {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Summary, ProjectorError>>,
    components: Components,
}

impl Live {
    pub fn start<F: Fold<Row = Balance>>(bank: &Bank, build: F, url: String) -> Self {
        let options = Options {
            until_end: false,
            lock_wait: std::time::Duration::from_millis(200),
            start_timeout: std::time::Duration::from_secs(60),
            ..parking(bank)
        };
        let components = options.components.clone();
        let projector = Projector::new(build).table(BALANCE).options(options);
        let (log, (stop, stopped)) = (std::sync::Arc::new(bank.view()), oneshot::channel());
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            projector.run(log, &url, stopped).await
        });
        Self {
            stop,
            task,
            components,
        }
    }

    /// The numbers of parked events and keys that its status shows.
    fn parked(&self) -> (Value, Value) {
        let status = self.components.all()[0].status();
        let [events, keys] = ["parked_events", "parked_keys"].map(|it| status[it].clone());
        (events, keys)
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        within(60, self.task).await.unwrap().unwrap();
    }
}

/// Waits until everything is projected or parked.
pub async fn caught_up(bank: &Bank, ledger: &Ledger) {
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
}

#[tokio::test]
async fn a_running_worker_replays_when_it_is_asked_to() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 32).await;
    let worker = Live::start(&bank, Build::SECOND, bank.postgres());
    for (account, amount) in [("a", WORSE), ("b", 5), ("a", 6), ("c", WORSE), ("c", 7)] {
        ledger.commit(1, account, &[posted(1, amount)]).await;
        caught_up(&bank, &ledger).await;
    }
    assert_parked(&bank, &ledger, &["a", "c"]).await;
    eventually("they are shown", async || {
        worker.parked() == (4.into(), 2.into())
    })
    .await;
    let tried = async || {
        let letters = letters(&bank).await;
        letters.iter().map(|it| it.attempts).collect::<Vec<_>>()
    };
    assert_eq!(tried().await, [1, 0, 1, 0]);
    ask(&bank, "aggregate = 'a'").await;
    eventually("it has tried", async || tried().await == [2, 0, 1, 0]).await;
    worker.stop().await;

    let worker = Live::start(&bank, Build::LAST, bank.postgres());
    ledger.commit(1, "a", &[posted(1, 8)]).await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, &["a", "c"]).await;
    ask(&bank, "aggregate = 'a'").await;
    eventually("a is replayed", async || tried().await == [1, 0]).await;
    assert_parked(&bank, &ledger, &["c"]).await;
    ledger.commit(1, "a", &[posted(1, 9)]).await;
    ledger.commit(1, "c", &[posted(1, 9)]).await;
    caught_up(&bank, &ledger).await;
    assert_eq!(tried().await, [1, 0, 0], "a goes on, c does not");
    // The first letter is what holds the others back: they stay as long as it does.
    ask(&bank, "aggregate = 'c' AND attempts = 0").await;
    let asked = "SELECT count(*) FROM dead_letters WHERE replay_asked_at IS NOT NULL";
    eventually("it is told so", async || {
        let asked = bank.client.query_one(asked, &[]).await.unwrap();
        asked.get::<_, i64>(0) == 0
    })
    .await;
    assert_parked(&bank, &ledger, &["c"]).await;
    // It can be replayed alone: those behind it have no say.
    ask(&bank, "aggregate = 'c' AND attempts > 0").await;
    eventually("the first is replayed", async || tried().await == [0, 0]).await;
    assert_rest(&bank, &ledger).await;
    ask(&bank, "true").await;
    eventually("c is replayed", async || tried().await.is_empty()).await;
    assert_whole(&bank, &ledger).await;
    eventually("none is shown", async || {
        worker.parked() == (0.into(), 0.into())
    })
    .await;
    worker.stop().await;
}

/// Postgres was started again, say, while nothing came for the worker to write.
#[tokio::test]
async fn an_idle_worker_whose_session_has_ended_replays_when_it_is_asked_to() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 35).await;
    ledger
        .commit(0, "a", &[posted(1, POISON), posted(1, 5)])
        .await;
    project(&bank, Build::FIRST).await;
    assert_parked(&bank, &ledger, &["a"]).await;
    let worker = Live::start(&bank, Build::LAST, bank.postgres());
    ledger.commit(0, "b", &[posted(1, 6)]).await;
    caught_up(&bank, &ledger).await;
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE application_name LIKE 'factum.balances.%' AND query LIKE '%{}%'",
        bank.schema
    );
    eventually("its session is ended", async || {
        let ended = bank.client.query_one(&end, &[]).await.unwrap();
        ended.get::<_, i64>(0) > 0
    })
    .await;
    ask(&bank, "true").await;
    eventually("a is replayed", async || letters(&bank).await.is_empty()).await;
    assert_whole(&bank, &ledger).await;
    worker.stop().await;
}

/// Somebody else may take letters away at any moment: the worker must not go by what it remembers.
#[tokio::test]
async fn a_key_whose_letters_are_gone_is_parked_no_more() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 33).await;
    let worker = Live::start(&bank, Build::FIRST, bank.postgres());
    ledger
        .commit(0, "a", &[posted(1, POISON), posted(1, 5)])
        .await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, &["a"]).await;
    bank.sql("DELETE FROM dead_letters").await;
    ledger.valid.clear();
    ledger.commit(0, "a", &[posted(1, 7)]).await;
    caught_up(&bank, &ledger).await;
    assert_whole(&bank, &ledger).await;
    worker.stop().await;
}

/// Many events fail, of many keys, in every place of a batch.
/// The first letter of a key is passed, and then asked for together with one on the next page.
#[tokio::test]
async fn what_is_asked_for_in_the_middle_of_a_replay_is_replayed_next() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 34).await;
    ledger.commit(0, "a", &[posted(1, POISON)]).await;
    ledger.commit(0, "b", &[posted(1, POISON)]).await;
    for _ in 0..1100 {
        ledger.commit(0, "a", &[posted(1, 1)]).await;
    }
    project(&bank, Build::FIRST).await;
    assert_eq!(letters(&bank).await.len(), 1102);

    let proxy = Proxy::start(&bank.postgres()).await;
    let worker = Live::start(&bank, Build::LAST, proxy.through(&bank.postgres()));
    let knows = async || !worker.components.all().is_empty() && worker.parked().0 == 1102;
    eventually("it knows of the letters", knows).await;
    proxy.freeze_at(b"DELETE FROM");
    ask(&bank, "sequence = 2 OR sequence > 1050").await;
    within(60, proxy.frozen()).await;
    ask(&bank, "aggregate = 'a'").await;
    proxy.thaw();
    eventually("nothing is parked", async || {
        letters(&bank).await.is_empty()
    })
    .await;
    worker.stop().await;
    assert_whole(&bank, &ledger).await;
}

#[tokio::test]
async fn many_failures_among_many_events() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 34).await;
    for round in 0..30 {
        ledger.fill(40).await;
        let (partition, account) = (round % 3, format!("account-{}-{}", round % 3, round % 7));
        ledger
            .commit(partition, &account, &[posted(1, 1), posted(1, POISON)])
            .await;
    }
    project(&bank, Build::FIRST).await;
    let parked = letters(&bank).await;
    let failed = parked.iter().filter(|letter| letter.error.is_some());
    assert!(failed.count() >= 15, "{parked:?}");
    assert_rest(&bank, &ledger).await;
    ask(&bank, "true").await;
    project(&bank, Build::LAST).await;
    assert_whole(&bank, &ledger).await;
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_replay_that_fails_again_warns_of_its_first_error() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 35).await;
    let amounts = [WORSE, 5, POISON];
    for (account, amount) in ["a", "a", "b"].into_iter().zip(amounts) {
        ledger.commit(0, account, &[posted(1, amount)]).await;
    }
    project(&bank, Build::FIRST).await;
    assert_eq!(letters(&bank).await.len(), 3);
    ask(&bank, "true").await;
    // Else what other tests log first, on threads without a subscriber, may be taken for never wanted.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let subscribed = tracing::subscriber::set_default(subscriber.finish());
    project(&bank, Build::FIRST).await;
    drop(subscribed);
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    let line = text.lines().find(|line| line.contains("stay=3"));
    let line = line.unwrap_or_else(|| panic!("nothing is told in {text}"));
    crate::refusals::assert_says(line, &["WARN", "replayed=0", "what is 99999?"]);
}
