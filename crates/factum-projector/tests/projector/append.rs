//! Read models that only grow: every row is there once.

use factum_core::Recorded;
use factum_projector::{Append, Appended, Projector, Row};

use crate::bank::{Bank, Ledger, Posted, eventually, posted};
use crate::exact::crashes;
use crate::refusals::{assert_says, refused};
use crate::takeover::zombie_of;

/// A line of the bank's journal. Nothing finds it by a key.
#[derive(Clone, Debug, PartialEq, Row)]
#[row(table = "journal")]
pub struct Line {
    partition: i32,
    sequence: i64,
    account: String,
    amount: Option<i64>,
}

const JOURNAL: &str = "CREATE TABLE IF NOT EXISTS journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer NOT NULL, sequence bigint NOT NULL,
    account text NOT NULL, amount bigint,
    noted_at timestamptz NOT NULL DEFAULT now()
)";

/// A posting is a line, unless it is of nothing; the end of an account is another.
#[derive(Clone, Copy, Debug)]
pub struct Journal;

impl Append for Journal {
    type Event = Posted;
    type Row = Line;
    const NAME: &'static str = "journal";

    fn rows(&self, event: &Recorded<Posted>) -> impl IntoIterator<Item = Line> {
        let line = |amount| Line {
            partition: event.partition as i32,
            sequence: event.sequence as i64,
            account: event.id.clone(),
            amount,
        };
        let Posted { amount, close, .. } = event.event;
        let posting = (amount != 0).then(|| line(Some(amount)));
        posting.into_iter().chain(close.then(|| line(None)))
    }
}

pub fn journal() -> Projector<Appended<Journal>> {
    Projector::new(Journal).table(JOURNAL)
}

/// All lines, partition after partition, in the order in which they were numbered.
async fn lines(bank: &Bank) -> Vec<Line> {
    let query = "SELECT partition, sequence, account, amount FROM journal ORDER BY partition, id";
    let rows = bank.client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| Line::read(row).unwrap()).collect()
}

fn expected(ledger: &Ledger) -> Vec<Line> {
    let mut events: Vec<_> = ledger.valid.iter().collect();
    events.sort_by_key(|event| (event.partition, event.sequence));
    let lines = events.into_iter().flat_map(|event| Journal.rows(event));
    lines.collect()
}

pub async fn caught_up(bank: &Bank, ledger: &Ledger) {
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    assert_eq!(lines(bank).await, expected(ledger));
}

#[tokio::test]
async fn every_event_becomes_its_rows_once_and_in_order() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 31).await;
    for commits in [2000, 0, 300] {
        ledger.fill(commits).await;
        let summary = bank.run(journal().options(bank.until_end())).await.unwrap();
        assert_eq!(summary.batches == 0, commits == 0);
        assert_eq!(lines(&bank).await, expected(&ledger));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_appended_survive_crashes() {
    for (seed, workers) in [(30, 1), (31, 1), (32, 3), (33, 3)] {
        let (bank, ledger) = crashes(seed, workers, journal()).await;
        assert_eq!(lines(&bank).await, expected(&ledger), "seed {seed}");
    }
}

#[tokio::test]
async fn a_zombie_that_was_copying_rows_appends_nothing() {
    zombie_of(b"PGCOPY", journal(), caught_up).await;
}

#[tokio::test]
async fn a_zombie_whose_commit_comes_too_late_appends_nothing() {
    zombie_of(b"COMMIT", journal(), caught_up).await;
}

#[tokio::test]
async fn a_row_that_the_table_refuses_stops_the_worker_before_its_event() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 34).await;
    let refusal = "account text NOT NULL CHECK (account <> 'b')";
    let table = JOURNAL.replace("account text NOT NULL", refusal);
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    ledger.commit(0, "b", &[posted(1, 5)]).await;
    let projector = Projector::new(Journal).table(table);
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_says(
        &error,
        &["cannot copy rows of journal", "journal_account_check"],
    );
    assert_eq!(lines(&bank).await.len(), 1, "what comes before is there");
    assert_eq!(bank.positions().await, 2, "behind the claim and the event");
}

#[tokio::test]
async fn a_unique_index_that_rows_break_is_not_tried_for_ever() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 35).await;
    let table = JOURNAL.replace("account text NOT NULL", "account text NOT NULL UNIQUE");
    ledger.commit(0, "a", &[posted(1, 5), posted(1, 6)]).await;
    let projector = Projector::new(Journal).table(table);
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_says(&error, &["copy rows of journal", "journal_account_key"]);
    assert!(lines(&bank).await.is_empty());
}

#[tokio::test]
async fn a_column_that_the_rows_leave_out_needs_a_default() {
    let bank = Bank::new().await;
    Ledger::create(&bank, 1, 36).await;
    let table = JOURNAL.replace(" DEFAULT now()", "");
    let projector = Projector::new(Journal).table(table);
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_says(&error, &["table journal does not fit Line", "noted_at"]);
}
