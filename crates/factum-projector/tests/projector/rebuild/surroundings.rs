//! Surroundings that are not as they should be: nothing is half-switched, and it is said why.

use factum_projector::{Operations, Options, Projector, ProjectorError};
use factum_testkit::servers;

use super::stage::{Case, Stage, leads_to};
use super::{
    INDEXES, Newer, Worker, bank, live, manual, operations, options, own_schema, projector,
    shows_the_live_version, until_end,
};
use crate::bank::{
    BALANCE, Balance, Balances, Bank, Ledger, Proxy, connect, eventually, expected, posted, within,
};
use crate::refusals::{assert_says, words};

/// What the status of version 2 shows as its error.
async fn error(operations: &Operations) -> String {
    let status = operations.status().await.unwrap();
    let mut mine = status.into_iter().filter(|it| it.version == 2);
    mine.find_map(|it| it.error).unwrap_or_default()
}

async fn shows(operations: &Operations, parts: &[&str]) {
    eventually(&format!("the status shows {parts:?}"), async || {
        let error = error(operations).await;
        parts.iter().all(|part| error.contains(part))
    })
    .await;
}

/// Its name leads to readers' table then, of another version.
#[tokio::test]
async fn a_table_that_is_dropped_while_it_is_filled_ends_its_worker_and_no_other_table_is_written_to()
 {
    let case = Case::new(&servers::postgres(), Stage::Filling).await;
    let (bank, ledger) = (&case.bank, &case.ledger);
    let proxy = Proxy::start(&bank.postgres()).await;
    case.arm(&proxy);
    let url = proxy.through(&bank.postgres());
    let worker = Worker::start(bank, projector(Newer, options(bank)), url);
    case.reached(&proxy).await;
    let client = connect(&bank.postgres()).await;
    let drop = format!("DROP TABLE {}.balance", own_schema(bank, 2));
    let drop = tokio::spawn(async move { client.batch_execute(&drop).await });
    eventually("it waits, or is done", async || {
        let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND query LIKE 'DROP TABLE ' || $1 || '%')";
        let row = bank
            .client
            .query_one(waiting, &[&own_schema(bank, 2)])
            .await;
        drop.is_finished() || row.unwrap().get(0)
    })
    .await;
    proxy.thaw();
    within(60, drop).await.unwrap().unwrap();
    assert_says(
        &worker.error().await,
        &[
            "table balance of projection balances version 2 is gone",
            "rebuild balances --version 2 --cancel",
        ],
    );
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
    let again = Worker::start(bank, projector(Newer, options(bank)), bank.postgres());
    assert_says(&again.error().await, &["balance is new and empty"]);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
    let operations = operations(bank).await;
    operations.cancel("balances", 2).await.unwrap();
    case.is_gone().await;
    operations.rebuild("balances", 2).await.unwrap();
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    case.is_done().await;
}

/// While its name leads to readers' table a worker that catches up reads nothing, also if it leads back in time.
#[tokio::test]
async fn a_table_that_is_away_for_a_while_is_not_mistaken_for_readers_table() {
    let (bank, mut ledger) = bank(&servers::postgres(), 50, 86).await;
    bank.run(projector(Newer, until_end(manual(&bank))))
        .await
        .unwrap();
    ledger.fill(400).await;
    bank.run(projector(Balances, bank.until_end()))
        .await
        .unwrap();
    let proxy = Proxy::start(&bank.postgres()).await;
    proxy.freeze_at(b"CREATE TEMPORARY TABLE factum_stage");
    let url = proxy.through(&bank.postgres());
    let mut worker = Worker::start(&bank, projector(Newer, manual(&bank)), url);
    within(60, proxy.frozen()).await;
    let own = own_schema(&bank, 2);
    bank.sql(&format!("ALTER TABLE {own}.balance RENAME TO away"))
        .await;
    proxy.freeze_at(b"factum.open");
    tokio::select! {
        () = within(60, proxy.frozen()) => {
            bank.sql(&format!("ALTER TABLE {own}.away RENAME TO balance")).await;
            proxy.thaw();
            panic!("it has read rows by then, and is about to write");
        }
        ended = &mut worker.0 => {
            let error = words(ended.unwrap().unwrap_err());
            assert_says(&error, &["table balance of projection balances version 2 is gone"]);
        }
    }
}

#[tokio::test]
async fn a_version_without_its_table_is_not_switched_to() {
    let (bank, ledger) = bank(&servers::postgres(), 50, 81).await;
    let ready = until_end(manual(&bank));
    bank.run(projector(Newer, ready)).await.unwrap();
    bank.sql(&format!("DROP TABLE {}.balance", own_schema(&bank, 2)))
        .await;
    let error = operations(&bank).await.switch("balances", 2).await;
    assert_says(
        &words(error.unwrap_err()),
        &[
            "balances version 2 cannot be switched to: its table",
            "is gone",
        ],
    );
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn what_is_bound_to_a_table_is_not_left_behind() {
    let (bank, ledger) = bank(&servers::postgres(), 50, 82).await;
    let refused = async |because: &[&str]| {
        let ran = bank.run(projector(Newer, bank.until_end())).await;
        assert_says(&words(ran.unwrap_err()), because);
        assert_eq!(live(&bank).await, 1);
        shows_the_live_version(&bank, &ledger).await;
        assert_eq!(leads_to(&bank).await, std::slice::from_ref(&bank.schema));
    };
    bank.sql("ALTER TABLE balance ENABLE ROW LEVEL SECURITY")
        .await;
    refused(&[
        "balances version 2 cannot be switched to",
        "\"balance\" has row-level security",
        "DISABLE ROW LEVEL SECURITY",
    ])
    .await;
    bank.sql("ALTER TABLE balance DISABLE ROW LEVEL SECURITY")
        .await;
    let publication = format!("of_{}", bank.schema);
    bank.sql(&format!(
        "CREATE PUBLICATION {publication} FOR TABLE balance"
    ))
    .await;
    refused(&["\"balance\" is published by of_test", "ALTER PUBLICATION"]).await;
    bank.sql(&format!("DROP PUBLICATION {publication}")).await;
    let new = format!("{}.balance", own_schema(&bank, 2));
    bank.sql(&format!("ALTER TABLE {new} ENABLE ROW LEVEL SECURITY"))
        .await;
    refused(&["balances_v2\".\"balance\" has row-level security"]).await;
    bank.sql(&format!("ALTER TABLE {new} DISABLE ROW LEVEL SECURITY"))
        .await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    assert_eq!(live(&bank).await, 2);
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_cursor_on_what_readers_see_is_waited_for_and_the_status_says_so() {
    let (bank, ledger) = bank(&servers::postgres(), 50, 83).await;
    let reader = connect(&bank.postgres()).await;
    let open = async || {
        let open = "BEGIN; DECLARE c CURSOR FOR SELECT * FROM balance; FETCH 1 FROM c";
        reader.batch_execute(open).await.unwrap();
    };
    let close = async || {
        reader
            .batch_execute("FETCH ALL FROM c; COMMIT")
            .await
            .unwrap()
    };
    open().await;
    let _worker = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
    let operations = operations(&bank).await;
    shows(&operations, &["cannot be switched to now", "somebody uses"]).await;
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
    close().await;
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    assert_eq!(error(&operations).await, "");
    open().await;
    let busy = words(operations.switch("balances", 1).await.unwrap_err());
    assert_says(&busy, &["balances version 1 cannot be switched to now"]);
    assert_eq!(live(&bank).await, 2);
    shows_the_live_version(&bank, &ledger).await;
    close().await;
    operations.switch("balances", 1).await.unwrap();
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_version_over_another_log_says_that_it_never_comes_to_be_live() {
    let (bank, ledger) = bank(&servers::postgres(), 50, 84).await;
    let other = Bank {
        topic: format!("{}.other", bank.topic),
        schema: bank.schema.clone(),
        client: connect(&bank.postgres()).await,
        log: bank.log.clone(),
        server: bank.server.clone(),
    };
    let mut three = Ledger::create(&other, 3, 84).await;
    three.fill(20).await;
    let _worker = Worker::start(&other, projector(Newer, options(&other)), other.postgres());
    let operations = operations(&bank).await;
    shows(
        &operations,
        &["readers are never led to this version", "Cancel it"],
    )
    .await;
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
}

/// What raises the error of a full disk, as long as a table says so.
const FULL: &str = r"
CREATE TABLE IF NOT EXISTS $home.full_for (what text PRIMARY KEY);
CREATE OR REPLACE FUNCTION $home.room(wanted text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM $home.full_for WHERE what = wanted) THEN
        RAISE 'no space left on device for %', wanted USING ERRCODE = 'disk_full';
    END IF;
END $$;
CREATE OR REPLACE FUNCTION $home.room_for_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM $home.room('rows'); RETURN NEW;
END $$;
INSERT INTO $home.full_for VALUES ('rows'), ('indexes');";

#[tokio::test]
async fn a_full_disk_is_waited_out_and_the_status_says_so() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 85).await;
    let home = |sql: &str| sql.replace("$home", &bank.schema);
    bank.sql(&home(FULL)).await;
    let trigger = "CREATE TRIGGER room BEFORE INSERT OR UPDATE ON balance FOR EACH ROW EXECUTE FUNCTION $home.room_for_rows()";
    let newer = Projector::new(Newer)
        .table(format!("{BALANCE}; {}", home(trigger)))
        .indexes(home(&format!("SELECT $home.room('indexes'); {INDEXES}")))
        .options(options(&bank));
    let operations = operations(&bank).await;
    let worker = Worker::start(&bank, newer, bank.postgres());
    let done = async || {
        let done = "SELECT sum(\"offset\")::bigint FROM positions WHERE version = 2";
        let done = bank.client.query_one(done, &[]).await.unwrap();
        done.get::<_, Option<i64>>(0)
    };
    let room = async |what: &str| {
        let sql = format!("DELETE FROM full_for WHERE what = '{what}'");
        bank.sql(&sql).await;
    };
    shows(&operations, &["no space left on device for rows"]).await;
    assert_eq!(done().await, Some(0));
    room("rows").await;
    let end = ledger.records().await;
    eventually("it has caught up", async || done().await == Some(end)).await;
    shows(&operations, &["no space left on device for indexes"]).await;
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
    room("indexes").await;
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
    assert!(!worker.0.is_finished());
}

#[tokio::test]
async fn a_pause_waits_for_a_switch_under_way() {
    let case = Case::new(&servers::postgres(), Stage::ViewMade).await;
    let bank = &case.bank;
    let proxy = Proxy::start(&bank.postgres()).await;
    case.arm(&proxy);
    let url = proxy.through(&bank.postgres());
    let _worker = Worker::start(bank, projector(Newer, options(bank)), url);
    case.reached(&proxy).await;
    let operations = operations(bank).await;
    let pause = tokio::spawn(async move { operations.pause("balances", 2, true).await });
    eventually("it waits, or is done", async || {
        let waiting = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'factum.cli' \
             AND wait_event_type = 'Lock' AND query LIKE '%\"{}\".positions%')",
            bank.schema
        );
        pause.is_finished() || bank.client.query_one(&waiting, &[]).await.unwrap().get(0)
    })
    .await;
    assert!(!pause.is_finished(), "it is under way");
    proxy.thaw();
    within(60, pause).await.unwrap().unwrap();
    assert_eq!(live(bank).await, 2, "whatever was under way is done");
}

#[tokio::test]
async fn no_index_is_begun_after_a_pause() {
    let case = Case::new(&servers::postgres(), Stage::BuildingIndexes).await;
    let bank = &case.bank;
    let proxy = Proxy::start(&bank.postgres()).await;
    proxy.freeze_at(b"ORDER BY version FOR UPDATE");
    let url = proxy.through(&bank.postgres());
    let _worker = Worker::start(bank, projector(Newer, options(bank)), url);
    within(60, proxy.frozen()).await;
    let operations = operations(bank).await;
    operations.pause("balances", 2, true).await.unwrap();
    proxy.thaw();
    // It looks again once the step is over.
    eventually("it says that it is paused", async || {
        let said = "SELECT EXISTS (SELECT FROM workers WHERE version = 2 AND phase = 'paused')";
        bank.client.query_one(said, &[]).await.unwrap().get(0)
    })
    .await;
    let indexed = "SELECT indexed FROM versions WHERE version = 2";
    let indexed = bank.client.query_one(indexed, &[]).await.unwrap();
    assert!(!indexed.get::<_, bool>(0));
    operations.pause("balances", 2, false).await.unwrap();
    eventually("version 2 is live", async || live(bank).await == 2).await;
}

/// A worker that was a deadlock's victim goes on as before: it gathers batches, as nobody else writes to its rows.
#[tokio::test]
async fn a_deadlock_does_not_slow_a_worker_down() {
    let mut batches = Vec::new();
    for deadlocks in [0, 1] {
        let bank = Bank::new().await;
        let mut ledger = Ledger::create(&bank, 2, 86).await;
        ledger.fill(300).await;
        ledger.commit(0, "last", &[posted(1, 1)]).await;
        let trigger = format!(
            "CREATE SEQUENCE IF NOT EXISTS tries; \
             CREATE OR REPLACE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('tries') <= {deadlocks} THEN RAISE 'deadlock detected' USING ERRCODE = 'deadlock_detected'; END IF; \
             RETURN NEW; END $$; \
             CREATE OR REPLACE TRIGGER victim BEFORE INSERT ON balance FOR EACH ROW EXECUTE FUNCTION victim()"
        );
        let options = Options {
            batch_bytes: 2_000,
            ..bank.until_end()
        };
        let balances = Projector::new(Balances).table(format!("{BALANCE}; {trigger}"));
        let summary: Result<_, ProjectorError> = bank.run(balances.options(options)).await;
        batches.push(summary.unwrap().batches);
        assert_eq!(
            bank.rows::<Balance>().await,
            expected(&Balances, &ledger.valid)
        );
    }
    assert!(batches[1] <= batches[0] + 2, "{batches:?} transactions");
}

/// Sessions look there before they look where the table is.
#[tokio::test]
async fn a_schema_of_a_version_that_another_role_has_planted_is_refused() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 87).await;
    ledger.fill(20).await;
    let planter = format!("planter_{}", bank.schema);
    bank.sql(&format!("CREATE ROLE {planter}")).await;
    let plant = async |version| {
        let schema = own_schema(&bank, version);
        bank.sql(&format!("CREATE SCHEMA {schema} AUTHORIZATION {planter}"))
            .await;
        bank.sql(&format!(
            "CREATE TABLE {schema}.balance (LIKE public_balance INCLUDING ALL)"
        ))
        .await;
    };
    let uproot = async |version| {
        let schema = own_schema(&bank, version);
        bank.sql(&format!("DROP SCHEMA {schema} CASCADE")).await;
    };
    bank.sql(&BALANCE.replace("balance (", "public_balance ("))
        .await;
    let first = || bank.run(projector(Balances, bank.until_end()));
    for _ in ["before its first start", "later"] {
        plant(1).await;
        let error = words(first().await.unwrap_err());
        assert_says(&error, &["balances_v1 is there already"]);
        uproot(1).await;
        first().await.unwrap();
    }
    plant(2).await;
    bank.sql(&format!("DROP TABLE {}.balance", own_schema(&bank, 2)))
        .await;
    let second = bank.run(projector(Newer, bank.until_end())).await;
    assert_says(
        &words(second.unwrap_err()),
        &["balances_v2 is there already"],
    );
    uproot(2).await;
    bank.sql(&format!("DROP ROLE {planter}")).await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    shows_the_live_version(&bank, &ledger).await;
}
