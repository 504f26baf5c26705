//! Everything that may fail for one event, and what never is its fault.

use factum_projector::{
    FailurePolicy, Fold, OnFailure, Options, Projector, ProjectorError, Retries,
};

use super::*;
use crate::bank::posted;
use crate::refusals::words;

const BAD: &str = "poison";

/// Commits that a worker has much to catch up with, and one that fails among them, `bad`.
async fn story(ledger: &mut Ledger, bad: impl AsyncFnOnce(&mut Ledger)) {
    ledger.fill(300).await;
    ledger.commit(1, BAD, &[posted(1, 5), posted(1, 7)]).await;
    ledger.fill(50).await;
    bad(ledger).await;
    ledger.fill(50).await;
    for amount in [3, 0, 4] {
        ledger.commit(1, BAD, &[posted(1, amount)]).await;
        ledger.fill(20).await;
    }
}

/// A build meets an event that fails: it catches up with it first, is started again behind it, and comes upon
/// one more of its key as the newest of the log. Then what failed is mended, and replayed.
async fn parks_and_replays<F: Fold<Row = Balance>>(
    build: impl Fn() -> F,
    bad: impl AsyncFnOnce(&mut Ledger),
    before: &str,
    mend: impl AsyncFnOnce(&Bank),
) -> String {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 21).await;
    bank.sql(BALANCE).await;
    bank.sql(before).await;
    story(&mut ledger, bad).await;
    project(&bank, build()).await;
    assert_parked(&bank, &ledger, &[BAD]).await;
    ledger.commit(1, BAD, &[posted(1, 8)]).await;
    project(&bank, build()).await;
    ledger.fill(200).await;
    project(&bank, build()).await;
    assert_parked(&bank, &ledger, &[BAD]).await;
    let error = letters(&bank).await[0].error.clone().unwrap();

    ask(&bank, "true").await;
    project(&bank, build()).await;
    let stay = letters(&bank).await;
    assert_eq!(stay[0].attempts, 2, "it failed again: {stay:?}");
    assert_parked(&bank, &ledger, &[BAD]).await;

    ask(&bank, "true").await;
    mend(&bank).await;
    assert_whole(&bank, &ledger).await;
    error
}

async fn mended(bank: &Bank) {
    project(bank, Balances).await;
}

#[tokio::test]
async fn a_fold_that_panics() {
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, POISON)]).await;
    let error = parks_and_replays(|| Build::FIRST, bad, "", mended).await;
    assert_eq!(error, "the projection panicked: what is 66666?");
}

#[tokio::test]
async fn a_key_that_panics_parks_the_whole_aggregate() {
    let build = || Build {
        in_key: true,
        ..Build::FIRST
    };
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, POISON)]).await;
    parks_and_replays(build, bad, "", mended).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_parks_the_whole_aggregate() {
    let bad = async |ledger: &mut Ledger| ledger.commit_newer(1, BAD, &[posted(1, 9)]).await;
    let mend = async |bank: &Bank| {
        project(bank, NewerBuild).await;
    };
    let error = parks_and_replays(|| Balances, bad, "", mend).await;
    assert!(error.contains("14 bytes instead of 13"), "{error}");
}

/// Answers with a row of another key for some events.
struct Misplaced;

impl Fold for Misplaced {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = Balances::NAME_OF;

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        Balances.key(event)
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        let mut row = Fold::fold(&Balances, row, event)?;
        if event.event.amount == POISON {
            row.account = "elsewhere".into();
        }
        Some(row)
    }
}

#[tokio::test]
async fn a_row_of_another_key() {
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, POISON)]).await;
    let error = parks_and_replays(|| Misplaced, bad, "", mended).await;
    assert!(
        error.contains("returned a row with key \"elsewhere\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_row_that_a_check_refuses() {
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, 50_000)]).await;
    let check =
        "ALTER TABLE balance ADD CONSTRAINT few CHECK (account <> 'poison' OR balance < 50)";
    let mend = async |bank: &Bank| {
        bank.sql("ALTER TABLE balance DROP CONSTRAINT few").await;
        mended(bank).await;
    };
    let error = parks_and_replays(|| Balances, bad, check, mend).await;
    assert!(error.contains("few"), "{error}");
}

#[tokio::test]
async fn a_row_that_is_refused_only_when_the_transaction_ends() {
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, 50_000)]).await;
    let check = "CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF NEW.account = 'poison' AND NEW.balance > 50 \
        THEN RAISE EXCEPTION 'too much' USING ERRCODE = 'check_violation'; END IF; RETURN NULL; END $$; \
        CREATE CONSTRAINT TRIGGER few AFTER INSERT OR UPDATE ON balance \
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION few()";
    let mend = async |bank: &Bank| {
        bank.sql("DROP TRIGGER few ON balance").await;
        mended(bank).await;
    };
    let error = parks_and_replays(|| Balances, bad, check, mend).await;
    assert!(error.contains("too much"), "{error}");
}

#[tokio::test]
async fn a_row_that_another_unique_index_refuses() {
    let bad = async |ledger: &mut Ledger| ledger.commit(1, BAD, &[posted(1, 50_000)]).await;
    let index = "CREATE UNIQUE INDEX one ON balance ((1)) \
                 WHERE account = 'twin' OR (account = 'poison' AND balance > 50)";
    let twin = "INSERT INTO balance VALUES ('twin', 0, 0, 0, '2020-01-01Z')";
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 22).await;
    bank.sql(&format!("{BALANCE}; {index}")).await;
    ledger.fill(10).await;
    project(&bank, Balances).await;
    bank.sql(twin).await;
    story(&mut ledger, bad).await;
    project(&bank, Balances).await;
    bank.sql("DELETE FROM balance WHERE account = 'twin'").await;
    assert_parked(&bank, &ledger, &[BAD]).await;
    ask(&bank, "true").await;
    mended(&bank).await;
    assert_whole(&bank, &ledger).await;
}

/// An id that Postgres has no text for.
#[tokio::test]
async fn a_key_that_postgres_cannot_hold_is_parked_under_what_it_can() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 23).await;
    ledger.fill(100).await;
    ledger.commit(1, "a\0b", &[posted(1, 5)]).await;
    ledger.fill(100).await;
    ledger.commit(1, "a\0b", &[posted(1, 6)]).await;
    project(&bank, Balances).await;
    let parked = letters(&bank).await;
    assert_eq!(parked.len(), 2, "{parked:?}");
    assert_eq!((parked[0].id.as_str(), parked[1].attempts), ("a\\0b", 0));
    ledger.valid.retain(|event| event.id != "a\0b");
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid));
}

#[tokio::test]
async fn a_worker_that_does_not_park_stops_before_the_event() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 24).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    project(&bank, Build::FIRST).await;
    let whole = ledger.valid.clone();
    ledger.commit(0, "a", &[posted(1, POISON)]).await;
    let projector = Projector::new(Build::FIRST).table(BALANCE);
    let error = bank.run(projector.options(bank.until_end())).await;
    let named = format!(
        "projection balances cannot apply Posted of aggregate `a`: {} partition 0, offset 2, sequence 2. Mend \
         what fails; or set it aside with --on-failure park\nthe projection panicked: what is 66666?",
        bank.topic
    );
    assert_eq!(words(error.unwrap_err()), named);
    assert_eq!(bank.rows::<Balance>().await, expected(&Balances, &whole));
    assert_eq!(letters(&bank).await, []);
}

/// One that catches up, and has gathered much when it comes to the event; whose column refuses the row only
/// when the transaction ends.
#[tokio::test]
async fn a_worker_that_stops_names_the_event_among_many() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 27).await;
    bank.sql(BALANCE).await;
    bank.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.balance = 66666 THEN RAISE check_violation; END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON balance \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    ledger.fill(400).await;
    ledger.commit(1, BAD, &[posted(1, POISON)]).await;
    let bad = ledger.valid.last().unwrap().clone();
    ledger.fill(400).await;
    let options = Options {
        failure: FailurePolicy::STOP.after(Retries::Times(1)),
        batch_bytes: 5_000,
        ..bank.until_end()
    };
    let error = bank.run(bank.balances().options(options)).await;
    match error.unwrap_err() {
        ProjectorError::Event {
            topic,
            partition,
            offset,
            sequence,
            id,
            event,
            ..
        } => {
            let found = (topic, partition, offset, sequence, &*id, event);
            let of = (
                bank.topic.clone(),
                1,
                bad.offset,
                bad.sequence,
                BAD,
                "Posted",
            );
            assert_eq!(found, of);
        }
        other => panic!("{}", words(other)),
    }
    let rows = bank.rows::<Balance>().await;
    assert!(rows.iter().all(|row| row.account != BAD));
    assert!(bank.positions().await > 0, "what comes before is written");
}

/// Whatever its policy, a worker leaves the order of a parked key as it is.
#[tokio::test]
async fn a_worker_that_does_not_park_keeps_events_behind_those_that_are_parked() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 25).await;
    ledger.commit(0, BAD, &[posted(1, POISON)]).await;
    project(&bank, Build::FIRST).await;
    ledger.commit(0, BAD, &[posted(1, 6)]).await;
    ledger.commit(0, "b", &[posted(1, 7)]).await;
    let projector = bank.balances().options(bank.until_end());
    bank.run(projector).await.unwrap();
    assert_parked(&bank, &ledger, &[BAD]).await;
    ask(&bank, "true").await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_whole(&bank, &ledger).await;
}

#[tokio::test]
async fn an_event_is_tried_again_before_it_is_parked() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 26).await;
    story(&mut ledger, async |ledger| {
        ledger.commit(1, BAD, &[posted(1, POISON)]).await;
    })
    .await;
    let options = Options {
        failure: FailurePolicy::PARK.after(Retries::Times(3)),
        ..bank.until_end()
    };
    let projector = Projector::new(Build::FIRST).table(BALANCE);
    bank.run(projector.options(options)).await.unwrap();
    assert_eq!(letters(&bank).await[0].attempts, 4);
    assert_parked(&bank, &ledger, &[BAD]).await;
}

/// The column that refuses the row is mended while the worker tries.
#[tokio::test]
async fn an_event_that_is_tried_for_ever_succeeds_once_it_can() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 27).await;
    bank.sql(&format!(
        "{BALANCE}; ALTER TABLE balance ADD CONSTRAINT few CHECK (balance < 50000)"
    ))
    .await;
    ledger.commit(0, "a", &[posted(1, 90_000)]).await;
    let options = Options {
        failure: FailurePolicy {
            retries: Retries::ForEver,
            then: OnFailure::Stop,
        },
        ..bank.until_end()
    };
    let log = std::sync::Arc::new(bank.view());
    let (url, status) = (bank.postgres(), options.components.clone());
    let projector = bank.balances().options(options);
    let run = tokio::spawn(async move { projector.run(log, &url, std::future::pending()).await });
    crate::bank::eventually("it is told what is tried again", async || {
        assert!(!run.is_finished());
        let all = status.all();
        all.iter().any(|it| it.status().to_string().contains("few"))
    })
    .await;
    bank.sql("ALTER TABLE balance DROP CONSTRAINT few").await;
    crate::bank::within(60, run).await.unwrap().unwrap();
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
}

#[tokio::test]
async fn a_missing_table_parks_nothing() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 28).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    project(&bank, Balances).await;
    ledger.commit(0, "a", &[posted(1, 6)]).await;
    for spoil in [
        "ALTER TABLE balance RENAME COLUMN digest TO gone",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE insufficient_privilege; END $$; ALTER TABLE balance RENAME COLUMN gone TO digest; \
         CREATE TRIGGER no BEFORE INSERT OR UPDATE ON balance FOR EACH ROW EXECUTE FUNCTION no()",
    ] {
        bank.sql(spoil).await;
        let projector = Projector::new(Balances).table(BALANCE);
        let ran = bank.run(projector.options(parking(&bank))).await;
        ran.expect_err(spoil);
        assert_eq!(letters(&bank).await, []);
    }
}

#[tokio::test]
async fn a_worker_that_would_park_too_much_stops() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 29).await;
    for account in 0..12 {
        let event = posted(1, if account < 4 { 5 } else { POISON });
        ledger.commit(0, &account.to_string(), &[event]).await;
    }
    let options = Options {
        max_parked: 5,
        ..parking(&bank)
    };
    let projector = Projector::new(Build::FIRST).table(BALANCE);
    let error = bank.run(projector.options(options)).await.unwrap_err();
    assert!(
        matches!(
            error,
            ProjectorError::TooManyParked {
                keys: 8,
                limit: 5,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        letters(&bank).await,
        [],
        "the transaction was not committed"
    );
}
