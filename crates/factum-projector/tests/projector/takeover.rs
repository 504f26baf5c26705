//! Workers that believe they own what another one was given, and connections that break.

use std::time::Duration;

use factum_core::{EventLog, LogErrorKind};
use factum_projector::{Options, Projection, Projector, ProjectorError, Summary};
use factum_testkit::{Faults, FaultyLog};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::bank::{
    BALANCE, Balance, Balances, Bank, Ledger, Proxy, TURNOVER, Turnover, Turnovers, When, connect,
    eventually, expected, posted, within,
};

/// The lock that a start takes: "factum" in ASCII.
const START: i64 = 0x6661_6374_756d;

/// A worker that can be stopped.
pub struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Summary, ProjectorError>>,
}

impl Worker {
    pub fn start(bank: &Bank, log: impl EventLog, url: String) -> Self {
        Self::of(Projector::new(Balances).table(BALANCE), bank, log, url)
    }

    pub fn of<P: Projection>(
        projector: Projector<P>,
        bank: &Bank,
        log: impl EventLog,
        url: String,
    ) -> Self {
        let options = Options {
            lock_wait: Duration::from_millis(200),
            batch_bytes: 20_000,
            start_timeout: Duration::from_secs(60),
            ..bank.options()
        };
        let projector = projector.options(options);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            projector.run(std::sync::Arc::new(log), &url, stopped).await
        });
        Self { stop, task }
    }

    pub async fn stop(self) -> Summary {
        self.stop.send(()).unwrap();
        within(60, self.task).await.unwrap().unwrap()
    }
}

pub async fn caught_up(bank: &Bank, ledger: &Ledger) {
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid));
}

/// A worker freezes where it sends `at`, another takes over, the first one goes on.
async fn zombie(at: &'static [u8]) {
    let projector = Projector::new(Balances).table(BALANCE);
    zombie_of(at, projector, caught_up).await;
}

/// The same with workers of any projection, and a check that all is projected, and right.
pub async fn zombie_of<P: Projection + Clone>(
    at: &'static [u8],
    projector: Projector<P>,
    caught_up: impl AsyncFn(&Bank, &Ledger),
) {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 5).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let (first, second) = (bank.led_view(), bank.led_view());
    let before = first.script();
    before.gain(&[0, 1]);
    let after = first.script();
    let url = proxy.through(&bank.postgres());
    let zombie = Worker::of(projector.clone(), &bank, first.clone(), url);
    ledger.fill(200).await;
    caught_up(&bank, &ledger).await;

    proxy.freeze_at(at);
    ledger.fill(2000).await;
    within(60, proxy.frozen()).await;
    let rival_owns = second.script();
    rival_owns.gain(&[0, 1]);
    let rival = Worker::of(projector, &bank, second, bank.postgres());
    caught_up(&bank, &ledger).await;
    ledger.fill(200).await;
    caught_up(&bank, &ledger).await;

    proxy.thaw();
    within(60, first.joined(2)).await;
    caught_up(&bank, &ledger).await;
    within(60, rival_owns.revoke(&[0, 1])).await.unwrap();
    rival.stop().await;

    after.gain(&[0, 1]);
    ledger.fill(200).await;
    caught_up(&bank, &ledger).await;
    zombie.stop().await;
}

#[tokio::test]
async fn a_zombie_that_holds_locks_loses_its_session_and_changes_nothing() {
    zombie(b"PGCOPY").await;
}

#[tokio::test]
async fn a_zombie_that_was_about_to_write_finds_the_position_moved() {
    zombie(b"BEGIN").await;
}

#[tokio::test]
async fn a_zombie_whose_commit_comes_too_late_changes_nothing() {
    zombie(b"COMMIT").await;
}

/// The first worker keeps a row in memory that events of both partitions change.
#[tokio::test]
async fn a_row_kept_in_memory_is_not_written_over_anothers() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 10).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let [first, second] = [(); 2].map(|()| bank.led_view());
    let (before, after, rival_owns) = (first.script(), first.script(), second.script());
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    before.gain(&[0, 1]);
    let url = proxy.through(&bank.postgres());
    let turnovers = || Projector::new(Turnovers).table(TURNOVER);
    let zombie = Worker::of(turnovers(), &bank, first.clone(), url);
    let end = ledger.records().await;
    eventually("the row is there", async || bank.positions().await == end).await;
    proxy.freeze_at(b"BEGIN");
    for _ in 0..500 {
        ledger.commit(0, "a", &[posted(1, 5)]).await;
    }
    within(60, proxy.frozen()).await;

    for _ in 0..5 {
        ledger.commit(1, "b", &[posted(1, 7)]).await;
    }
    let rival = Worker::of(turnovers(), &bank, second, bank.postgres());
    rival_owns.gain(&[1]);
    eventually("the rival writes the row", async || {
        bank.positions().await == end + 5
    })
    .await;
    proxy.thaw();
    within(60, first.joined(2)).await;
    within(60, rival_owns.revoke(&[1])).await.unwrap();
    after.gain(&[0, 1]);
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    let rows = bank.rows::<Turnover>().await;
    assert_eq!(rows, expected(&Turnovers, &ledger.valid));
    zombie.stop().await;
    rival.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_around_a_commit_costs_and_doubles_nothing() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 6).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let worker = Worker::start(&bank, bank.view(), proxy.through(&bank.postgres()));
    for (at, when) in [
        (&b"COMMIT"[..], When::Before),
        (b"COMMIT", When::After),
        (b"BEGIN", When::After),
        (b"PGCOPY", When::After),
    ] {
        proxy.cut_at(at, when);
        ledger.fill(300).await;
        within(60, proxy.cut()).await;
        caught_up(&bank, &ledger).await;
    }
    worker.stop().await;
}

#[tokio::test]
async fn partitions_that_are_given_up_go_on_elsewhere() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, 7).await;
    let (first, second) = (bank.led_view(), bank.led_view());
    let (one, two) = (first.script(), second.script());
    let workers = [first, second].map(|log| Worker::start(&bank, log, bank.postgres()));
    one.gain(&[0, 1, 2, 3]);
    for round in 0..6 {
        ledger.fill(400).await;
        let (from, to) = if round % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let moved = [&[0, 1][..], &[0, 1], &[2, 3], &[2, 3], &[1, 2], &[1, 2]][round];
        within(60, from.revoke(moved)).await.unwrap();
        to.gain(moved);
    }
    caught_up(&bank, &ledger).await;
    let mut events = 0;
    for worker in workers {
        events += worker.stop().await.events;
    }
    assert_eq!(events, ledger.valid.len() as u64, "each event counts once");
}

#[tokio::test]
async fn a_strangers_lock_is_waited_for_and_left_alone() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 8).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let stranger = connect(&bank.postgres()).await;
    let lock = "BEGIN; SELECT * FROM positions FOR UPDATE";
    stranger.batch_execute(lock).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let worker = Worker::start(&bank, bank.view(), bank.postgres());
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(bank.rows::<Balance>().await.is_empty());
    stranger.batch_execute("COMMIT").await.unwrap();
    caught_up(&bank, &ledger).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_row_that_appears_in_between_is_folded_again() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 9).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    // Stands for a worker of another partition that inserts the same key first.
    let other = connect(&bank.postgres()).await;
    let insert = "BEGIN; INSERT INTO balance (account, balance, digest, opened) \
                  VALUES ('a', 100, 7, '2020-01-01Z')";
    other.batch_execute(insert).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let worker = Worker::start(&bank, bank.view(), bank.postgres());
    eventually("the worker waits for the other's row", async || {
        let blocked = "SELECT count(*) FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND $1 = ANY (pg_blocking_pids(pid))";
        let pid: i32 = other
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        bank.client
            .query_one(blocked, &[&pid])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 1
    })
    .await;
    other.batch_execute("COMMIT").await.unwrap();
    let end = ledger.records().await;
    eventually("the event is projected", async || {
        bank.positions().await == end
    })
    .await;
    let rows = bank.rows::<Balance>().await;
    assert_eq!((rows[0].balance, rows[0].digest), (105, 7 * 31 + 5));
    worker.stop().await;
}

#[tokio::test]
async fn a_transaction_that_did_not_begin_moves_no_position() {
    // One worker owns all partitions, the other only one: each has its own way of writing.
    for owned in [&[0, 1][..], &[0]] {
        let bank = Bank::new().await;
        let mut ledger = Ledger::create(&bank, 2, 11).await;
        bank.run(bank.balances().options(bank.until_end()))
            .await
            .unwrap();
        let proxy = Proxy::start(&bank.postgres()).await;
        let group = bank.led_view();
        group.script().gain(owned);
        proxy.garble(b"BEGIN; SET");
        for _ in 0..100 {
            ledger.commit(0, "a", &[posted(1, 5)]).await;
        }
        let before = bank.positions().await;
        let worker = Worker::start(&bank, group, proxy.through(&bank.postgres()));
        let error = within(60, worker.task).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("begin a transaction"), "{error}");
        assert_eq!(bank.positions().await, before);
        bank.run(bank.balances().options(bank.until_end()))
            .await
            .unwrap();
        caught_up(&bank, &ledger).await;
    }
}

#[tokio::test]
async fn a_lock_that_is_held_for_long_is_waited_for_by_a_worker_of_some_partitions() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 12).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let stranger = connect(&bank.postgres()).await;
    let lock = "BEGIN; SELECT * FROM balance FOR UPDATE";
    stranger.batch_execute(lock).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 6)]).await;
    let group = bank.led_view();
    group.script().gain(&[0]);
    let url = bank.postgres() + "%20-c%20lock_timeout%3D30ms";
    let worker = Worker::start(&bank, group, url);
    let mut sessions = std::collections::BTreeSet::new();
    let waiting = "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) \
                   WHERE relation = to_regclass('balance') AND pid <> pg_backend_pid() \
                   AND application_name LIKE 'factum.%'";
    // A session is given up after ten attempts; a third one follows only if that is no failure.
    eventually("the worker opens a third session", async || {
        assert!(!worker.task.is_finished(), "the worker gave up");
        let waiting = bank.client.query(waiting, &[]).await.unwrap();
        sessions.extend(waiting.iter().map(|row| row.get::<_, i32>(0)));
        sessions.len() >= 3
    })
    .await;
    stranger.batch_execute("COMMIT").await.unwrap();
    caught_up(&bank, &ledger).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_start_that_may_not_wait_long_for_another_tries_again() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 13).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let stranger = connect(&bank.postgres()).await;
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({START})");
    stranger.batch_execute(&lock).await.unwrap();
    let proxy = Proxy::start(&bank.postgres()).await;
    let url = proxy.through(&bank.postgres()) + "%20-c%20lock_timeout%3D30ms";
    let group = bank.led_view();
    group.script().gain(&[0, 1]);
    let worker = Worker::start(&bank, group, url);
    eventually("the worker tries to start a third time", async || {
        assert!(!worker.task.is_finished(), "the worker gave up");
        proxy.connections() >= 3
    })
    .await;
    stranger.batch_execute("COMMIT").await.unwrap();
    caught_up(&bank, &ledger).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_whose_membership_ends_joins_again_if_that_may_help() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 14).await;
    let view = bank.led_view();
    let log = FaultyLog::new(std::sync::Arc::new(view.clone()), Faults::default());
    let (before, after) = (view.script(), view.script());
    before.gain(&[0, 1]);
    let worker = Worker::start(&bank, log.clone(), bank.postgres());
    ledger.fill(200).await;
    caught_up(&bank, &ledger).await;

    log.end_memberships(LogErrorKind::Unreachable);
    within(60, view.joined(2)).await;
    let then = bank.positions().await;
    ledger.fill(200).await;
    after.gain(&[0]);
    eventually("one partition is projected", async || {
        bank.positions().await > then
    })
    .await;
    assert!(
        bank.positions().await < ledger.records().await,
        "what the group has not given again is left to others"
    );
    after.gain(&[1]);
    caught_up(&bank, &ledger).await;

    log.end_memberships(LogErrorKind::Closed);
    let error = within(60, worker.task).await.unwrap().unwrap_err();
    let cause = std::error::Error::source(&error).map(|it| it.to_string());
    assert!(
        format!("{error} {cause:?}").contains("ended the membership"),
        "{error} {cause:?}"
    );
}
