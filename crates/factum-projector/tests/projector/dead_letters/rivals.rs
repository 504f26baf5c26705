//! Several workers: what one has parked, all keep to.

use std::time::Duration;

use factum_core::EventLog;
use factum_projector::{Projection, Row};
use tokio::sync::oneshot;

use super::*;
use crate::bank::{Proxy, TURNOVER, Turnover, Turnovers, eventually, posted, within};

/// Turnovers, by a build that panics at some amounts.
#[derive(Clone, Copy)]
struct Shared(&'static [i64]);

impl Fold for Shared {
    type Event = Posted;
    type Row = Turnover;
    const NAME: &'static str = "turnovers";

    fn key(&self, event: &Recorded<Posted>) -> Option<<Turnover as Row>::Key> {
        Turnovers.key(event)
    }

    fn fold(&self, row: Option<Turnover>, event: &Recorded<Posted>) -> Option<Turnover> {
        assert!(!self.0.contains(&event.event.amount), "what is this?");
        Fold::fold(&Turnovers, row, event)
    }
}

struct Worker {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    fn start<P: Projection>(
        bank: &Bank,
        build: P,
        table: &str,
        log: impl EventLog,
        url: String,
    ) -> Self {
        let options = Options {
            until_end: false,
            lock_wait: Duration::from_millis(200),
            batch_bytes: 20_000,
            start_timeout: Duration::from_secs(60),
            ..parking(bank)
        };
        let projector = Projector::new(build).table(table).options(options);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            let log = std::sync::Arc::new(log);
            projector.run(log, &url, stopped).await.unwrap();
        });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        within(60, self.task).await.unwrap();
    }
}

async fn caught_up(bank: &Bank, ledger: &Ledger) {
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
}

#[tokio::test]
async fn whoever_takes_over_keeps_to_what_is_parked() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 41).await;
    let (first, second) = (bank.led_view(), bank.led_view());
    let (one, two) = (first.script(), second.script());
    let workers = [first, second]
        .map(|log| Worker::start(&bank, Build::FIRST, BALANCE, log, bank.postgres()));
    one.gain(&[0, 1]);
    ledger.fill(200).await;
    ledger.commit(1, "poison", &[posted(1, POISON)]).await;
    for (from, to) in [(&one, &two), (&two, &one)] {
        ledger.commit(1, "poison", &[posted(1, 5)]).await;
        ledger.fill(200).await;
        caught_up(&bank, &ledger).await;
        assert_parked(&bank, &ledger, &["poison"]).await;
        within(60, from.revoke(&[1])).await.unwrap();
        to.gain(&[1]);
    }
    ledger.commit(1, "poison", &[posted(1, 6)]).await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, &["poison"]).await;
    for worker in workers {
        worker.stop().await;
    }
    ask(&bank, "true").await;
    project(&bank, Build::LAST).await;
    assert_whole(&bank, &ledger).await;
}

/// Its events of different partitions have no order, so those of one go on while those of another are parked.
#[tokio::test]
async fn a_row_of_several_partitions_is_parked_in_the_one_where_it_failed() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 42).await;
    let views = [bank.led_view(), bank.led_view()];
    let scripts = views.each_ref().map(|view| view.script());
    let build = Shared(&[POISON]);
    let workers = views.map(|log| Worker::start(&bank, build, TURNOVER, log, bank.postgres()));
    scripts[0].gain(&[0]);
    scripts[1].gain(&[1]);
    for amount in [5, POISON, 6] {
        ledger.commit(0, "a", &[posted(1, amount)]).await;
        ledger.commit(1, "b", &[posted(1, 10 * amount)]).await;
    }
    caught_up(&bank, &ledger).await;
    let parked: Vec<_> = letters(&bank).await.iter().map(|it| it.partition).collect();
    assert_eq!(parked, [0, 0]);
    let rows = bank.rows::<Turnover>().await;
    assert_eq!(
        (rows[0].postings, rows[0].amount),
        (4, 5 + 50 + 666_660 + 60)
    );
    for worker in workers {
        worker.stop().await;
    }
    bank.sql("UPDATE dead_letters SET replay_asked_at = now()")
        .await;
    let projector = Projector::new(Turnovers).table(TURNOVER);
    bank.run(projector.options(bank.until_end())).await.unwrap();
    assert_eq!(letters(&bank).await, []);
    assert_eq!(
        bank.rows::<Turnover>().await,
        expected(&Turnovers, &ledger.valid)
    );
}

/// A worker that was stopped in the middle of a replay, and was taken over from, changes a row without a position
/// that moves. One that keeps rows in memory must not write over it.
#[tokio::test]
async fn a_row_kept_in_memory_is_not_written_over_a_late_replay() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 43).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let build = Shared(&[POISON]);
    let url = proxy.through(&bank.postgres());
    ledger.commit(0, "a", &[posted(1, POISON)]).await;
    ledger.commit(1, "b", &[posted(1, 5)]).await;
    let worker = Worker::start(&bank, build, TURNOVER, bank.view(), url);
    caught_up(&bank, &ledger).await;
    eventually("it is parked", async || letters(&bank).await.len() == 1).await;
    proxy.freeze_at(b"BEGIN");
    for _ in 0..500 {
        ledger.commit(1, "b", &[posted(1, 5)]).await;
    }
    within(60, proxy.frozen()).await;
    // What the late replay does.
    bank.sql("UPDATE turnover SET postings = postings + 1, amount = amount + 66666; DELETE FROM dead_letters")
        .await;
    proxy.thaw();
    caught_up(&bank, &ledger).await;
    assert_eq!(
        bank.rows::<Turnover>().await,
        expected(&Turnovers, &ledger.valid)
    );
    worker.stop().await;
}

/// A worker freezes in a transaction where it sends `at`, another takes over, the first goes on.
async fn zombie(at: &'static [u8], replays: bool) {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 44).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let (first, second) = (bank.led_view(), bank.led_view());
    let (before, after, rival_owns) = (first.script(), first.script(), second.script());
    ledger.fill(100).await;
    if replays {
        ledger
            .commit(1, "poison", &[posted(1, POISON), posted(1, 5)])
            .await;
        project(&bank, Build::FIRST).await;
        ask(&bank, "true").await;
    }
    let build = if replays { Build::LAST } else { Build::FIRST };
    let url = proxy.through(&bank.postgres());
    proxy.freeze_at(at);
    before.gain(&[0, 1]);
    let zombie = Worker::start(&bank, build, BALANCE, first.clone(), url);
    if !replays {
        ledger
            .commit(1, "poison", &[posted(1, POISON), posted(1, 5)])
            .await;
    }
    within(60, proxy.frozen()).await;
    rival_owns.gain(&[0, 1]);
    let rival = Worker::start(&bank, build, BALANCE, second, bank.postgres());
    ledger.fill(200).await;
    caught_up(&bank, &ledger).await;
    let parks: &[&str] = if replays { &[] } else { &["poison"] };
    eventually("the rival has replayed", async || {
        letters(&bank).await.is_empty() || !replays
    })
    .await;
    assert_parked(&bank, &ledger, parks).await;
    proxy.thaw();
    ledger.fill(100).await;
    ledger.commit(1, "poison", &[posted(1, 7)]).await;
    caught_up(&bank, &ledger).await;
    within(60, rival_owns.revoke(&[0, 1])).await.unwrap();
    after.gain(&[0, 1]);
    ledger.fill(100).await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, parks).await;
    zombie.stop().await;
    rival.stop().await;
}

#[tokio::test]
async fn a_zombie_that_parks_too_late_changes_nothing() {
    zombie(b"SAVEPOINT factum_part", false).await;
    zombie(b".dead_letters (projection", false).await;
}

#[tokio::test]
async fn a_zombie_that_replays_too_late_changes_nothing() {
    zombie(b"ORDER BY sequence FOR UPDATE", true).await;
    zombie(b"ANY ($5)\0", true).await;
}
