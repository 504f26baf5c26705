//! Events that change several rows: each row is exact, and the rows of an event agree.

use factum_core::Recorded;
use factum_projector::{MultiFold, Projector, Row};

use crate::bank::{Bank, Ledger, Posted, expected};
use crate::exact::through_crashes;

/// What was posted to an account, or at a branch.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "sum")]
pub struct Sum {
    #[row(key)]
    kind: String,
    #[row(key)]
    name: String,
    amount: i64,
    postings: i64,
}

pub const SUM: &str = "CREATE TABLE IF NOT EXISTS sum (
    kind text, name text, amount bigint NOT NULL, postings bigint NOT NULL,
    PRIMARY KEY (kind, name)
)";

/// A posting changes the rows of its account, of its branch, and, twice named, of the whole bank.
#[derive(Clone, Copy, Debug)]
pub struct Sums;

impl MultiFold for Sums {
    type Event = Posted;
    type Row = Sum;
    const NAME: &'static str = "sums";

    fn keys(&self, event: &Recorded<Posted>) -> impl IntoIterator<Item = (String, String)> {
        let bank = ("bank".to_owned(), String::new());
        let branch = ("branch".to_owned(), event.event.branch.to_string());
        let account = ("account".to_owned(), event.id.clone());
        [bank.clone(), account, bank, branch]
    }

    fn fold(
        &self,
        (kind, name): &(String, String),
        row: Option<Sum>,
        event: &Recorded<Posted>,
    ) -> Option<Sum> {
        if event.event.close && kind == "account" {
            return None;
        }
        let mut row = row.unwrap_or_else(|| Sum {
            kind: kind.clone(),
            name: name.clone(),
            amount: 0,
            postings: 0,
        });
        row.amount += event.event.amount;
        row.postings += 1;
        Some(row)
    }
}

#[tokio::test]
async fn one_event_changes_several_rows() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 21).await;
    ledger.fill(1000).await;
    let projector = || Projector::new(Sums).table(SUM).options(bank.until_end());
    bank.run(projector()).await.unwrap();
    assert_eq!(bank.rows::<Sum>().await, expected(&Sums, &ledger.valid));
    ledger.fill(100).await;
    bank.run(projector()).await.unwrap();
    assert_eq!(bank.rows::<Sum>().await, expected(&Sums, &ledger.valid));
}

/// Every event of every worker changes the row of the bank, after two others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_share_several_rows_of_each_event_survive_crashes() {
    for (seed, workers) in [(20, 1), (21, 3), (22, 3)] {
        through_crashes(seed, workers, Sums, SUM).await;
    }
}
