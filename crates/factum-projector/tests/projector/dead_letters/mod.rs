//! Events that fail: stopped at, tried again, or parked and replayed.

mod failures;
mod kill;
mod operators;
mod replay;
mod rivals;
mod stops;

use factum_core::{DecodeError, Event, Recorded};
use factum_projector::{FailurePolicy, Fold, Options, Projector, Summary};

use crate::bank::{BALANCE, Balance, Balances, Bank, Ledger, Posted, carrying, expected};

/// What the first build does not know what to do with.
const POISON: i64 = 66_666;
/// What no build but the last one knows.
const WORSE: i64 = 99_999;

/// Balances, by a build that panics at some amounts.
#[derive(Clone, Copy, Debug)]
struct Build {
    panics_at: &'static [i64],
    /// Whether that is in `key`, and not in `fold`.
    in_key: bool,
}

impl Build {
    const FIRST: Self = Self {
        panics_at: &[POISON, WORSE],
        in_key: false,
    };
    const SECOND: Self = Self {
        panics_at: &[WORSE],
        in_key: false,
    };
    const LAST: Self = Self {
        panics_at: &[],
        in_key: false,
    };

    fn look_at(self, amount: i64, in_key: bool) {
        if self.in_key == in_key && self.panics_at.contains(&amount) {
            panic!("what is {amount}?");
        }
    }
}

impl Fold for Build {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = Balances::NAME_OF;

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        self.look_at(event.event.amount, true);
        Balances.key(event)
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        self.look_at(event.event.amount, false);
        Fold::fold(&Balances, row, event)
    }
}

trait Named {
    const NAME_OF: &'static str;
}

impl Named for Balances {
    const NAME_OF: &'static str = <Balances as Fold>::NAME;
}

/// A posting as a later build reads it.
#[derive(Clone, Debug)]
struct Newer(Posted);

impl Event for Newer {
    const AGGREGATE: &'static str = Posted::AGGREGATE;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        Posted::decode(&value[..value.len().min(13)]).map(Newer)
    }
}

/// The build that reads it.
struct NewerBuild;

impl NewerBuild {
    fn posted(event: &Recorded<Newer>) -> Recorded<Posted> {
        carrying(event, event.event.0.clone())
    }
}

impl Fold for NewerBuild {
    type Event = Newer;
    type Row = Balance;
    const NAME: &'static str = Balances::NAME_OF;

    fn key(&self, event: &Recorded<Newer>) -> Option<String> {
        Balances.key(&Self::posted(event))
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Newer>) -> Option<Balance> {
        Fold::fold(&Balances, row, &Self::posted(event))
    }
}

fn parking(bank: &Bank) -> Options {
    Options {
        failure: FailurePolicy::PARK,
        ..bank.until_end()
    }
}

/// Projects up to the end, and parks what fails.
async fn project<F: Fold<Row = Balance>>(bank: &Bank, build: F) -> Summary {
    let projector = Projector::new(build).table(BALANCE);
    bank.run(projector.options(parking(bank))).await.unwrap()
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    partition: u32,
    sequence: u64,
    id: String,
    keys: Vec<String>,
    error: Option<String>,
    attempts: i32,
}

async fn letters(bank: &Bank) -> Vec<Found> {
    let query = "SELECT partition, sequence, aggregate, keys, error, attempts \
                 FROM dead_letters ORDER BY partition, sequence";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let found = |row: &tokio_postgres::Row| Found {
        partition: row.get::<_, i32>(0) as u32,
        sequence: row.get::<_, i64>(1) as u64,
        id: row.get(2),
        keys: row.get(3),
        error: row.get(4),
        attempts: row.get(5),
    };
    rows.iter().map(found).collect()
}

/// Asks for a replay of the letters for which `which` holds.
async fn ask(bank: &Bank, which: &str) {
    let schema = &bank.schema;
    bank.sql(&format!(
        "UPDATE dead_letters SET replay_asked_at = now() WHERE {which}; \
         NOTIFY \"{schema}.dead_letters\", 'balances.v1'"
    ))
    .await;
}

/// Asserts that nothing is parked, and that the rows are those of all events.
async fn assert_whole(bank: &Bank, ledger: &Ledger) {
    assert_eq!(letters(bank).await, []);
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid));
}

/// Asserts that the rows are those of all events but the parked ones.
async fn assert_rest(bank: &Bank, ledger: &Ledger) {
    let parked = letters(bank).await;
    let is_parked = |event: &Recorded<Posted>| {
        let place = (event.partition, event.sequence);
        parked.iter().any(|it| (it.partition, it.sequence) == place)
    };
    let rest = ledger.valid.iter().filter(|event| !is_parked(event));
    let rest: Vec<_> = rest.cloned().collect();
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &rest));
}

/// Asserts that of these accounts everything is parked from their first letter on, in order, and of no other
/// anything.
async fn assert_parked(bank: &Bank, ledger: &Ledger, accounts: &[&str]) {
    let parked = letters(bank).await;
    for account in accounts {
        let mut of = parked.iter().filter(|letter| letter.id == *account);
        let first = of
            .next()
            .unwrap_or_else(|| panic!("{account} is not parked"));
        assert!(first.error.is_some(), "{first:?}");
        let behind = ledger.valid.iter().filter(|event| {
            let later = event.partition == first.partition && event.sequence > first.sequence;
            later && event.id == *account && (first.keys.is_empty() || event.event.amount != 0)
        });
        let behind: Vec<_> = behind.map(|event| event.sequence).collect();
        assert_eq!(of.map(|it| it.sequence).collect::<Vec<_>>(), behind);
    }
    let others = |letter: &&Found| !accounts.contains(&letter.id.as_str());
    assert_eq!(parked.iter().find(others), None);
    assert_rest(bank, ledger).await;
}
