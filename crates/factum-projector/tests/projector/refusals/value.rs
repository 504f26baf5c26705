//! Events, keys and values that can't be projected.

use factum_core::{DecodeError, Event, Recorded, Records};
use factum_projector::{Fold, Projector, Row};

use super::{assert_says, refused};
use crate::bank::{BALANCE, Balance, Balances, Bank, Ledger, Posted, expected, posted};

#[tokio::test]
async fn an_event_that_cannot_be_decoded_stops_after_all_before_it() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    ledger.commit(0, "a", &[posted(1, 5), posted(1, 6)]).await;
    let mut broken = Records::new();
    let whole = ledger.encode(0, "a", &[posted(1, 7), posted(1, 8)], 2);
    broken.push(whole.get(0).unwrap());
    let mut cut = whole.get(1).unwrap();
    cut.value = &cut.value[..4];
    broken.push(cut);
    ledger.append(0, broken).await;
    let error = refused(&bank, bank.balances().options(bank.until_end())).await;
    let place = format!("{} partition 0 offset 4", bank.topic);
    assert_says(
        &error,
        &[
            &place,
            "cannot read the value",
            "`a`",
            "4 bytes instead of 13",
        ],
    );
    let rows = bank.rows::<Balance>().await;
    assert_eq!(
        rows,
        expected(&Balances, &ledger.valid),
        "no part of the broken commit"
    );
    assert_eq!(bank.positions().await, 3);
}

/// Answers with a row of another key than the event's.
struct Misplaced;

impl Fold for Misplaced {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = "misplaced";

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        let row = Balances.fold(row, event)?;
        Some(Balance {
            account: "elsewhere".into(),
            ..row
        })
    }
}

#[tokio::test]
async fn a_row_with_another_key_than_its_event() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let projector = Projector::new(Misplaced)
        .table(BALANCE)
        .options(bank.until_end());
    let error = refused(&bank, projector).await;
    assert_says(&error, &["misplaced", "offset 1", "\"a\"", "\"elsewhere\""]);
}

/// Its key column keeps less than it is given.
#[derive(Clone, Debug, PartialEq, Row)]
#[row(table = "padded")]
struct Padded {
    #[row(key)]
    account: String,
    amount: i64,
}

struct Paddings;

impl Fold for Paddings {
    type Event = Posted;
    type Row = Padded;
    const NAME: &'static str = "paddings";

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Padded>, event: &Recorded<Posted>) -> Option<Padded> {
        let (account, amount) = (event.id.clone(), event.event.amount);
        let before = row.map_or(0, |row| row.amount);
        Some(Padded {
            account,
            amount: before + amount,
        })
    }
}

#[tokio::test]
async fn a_key_column_that_changes_its_values() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    let table =
        "CREATE TABLE IF NOT EXISTS padded (account char(5) PRIMARY KEY, amount bigint NOT NULL)";
    let projector = || {
        Projector::new(Paddings)
            .table(table)
            .options(bank.until_end())
    };
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(projector()).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 6)]).await;
    let error = refused(&bank, projector()).await;
    assert_says(
        &error,
        &[
            "table padded returned a row with key \"a    \"",
            "no event asked for",
        ],
    );
}

#[tokio::test]
async fn a_key_of_fixed_length_is_found_by_all_of_it() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    let table =
        "CREATE TABLE IF NOT EXISTS padded (account char(5) PRIMARY KEY, amount bigint NOT NULL)";
    for amount in [5, 6] {
        ledger.commit(0, "abcde", &[posted(1, amount)]).await;
        ledger.commit(0, "axxxx", &[posted(1, amount)]).await;
        let projector = Projector::new(Paddings).table(table);
        bank.run(projector.options(bank.until_end())).await.unwrap();
    }
    assert_eq!(
        bank.rows::<Padded>().await,
        expected(&Paddings, &ledger.valid)
    );
}

#[tokio::test]
async fn a_value_that_its_column_does_not_take_stops_the_worker() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    let table = BALANCE.replace(
        "balance bigint NOT NULL",
        "balance bigint NOT NULL CHECK (balance < 9)",
    );
    let projector = || {
        Projector::new(Balances)
            .table(table.as_str())
            .options(bank.until_end())
    };
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.run(projector()).await.unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let error = refused(&bank, projector()).await;
    assert_says(&error, &["cannot update balance", "balance_balance_check"]);
    assert_eq!(bank.rows::<Balance>().await[0].balance, 5);
}

#[tokio::test]
async fn another_unique_index_that_rows_break_is_not_tried_for_ever() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    let table = BALANCE.replace("digest bigint NOT NULL", "digest bigint NOT NULL UNIQUE");
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    ledger.commit(0, "b", &[posted(1, 5)]).await;
    let projector = Projector::new(Balances)
        .table(table)
        .options(bank.until_end());
    let error = refused(&bank, projector).await;
    assert_says(&error, &["copy rows of balance", "balance_digest_key"]);
    assert_eq!(bank.rows::<Balance>().await.len(), 1, "that of the first");
}

/// An event whose decoding panics.
#[derive(Clone, Debug)]
struct Explosive;

impl Event for Explosive {
    const AGGREGATE: &'static str = Posted::AGGREGATE;

    fn name(&self) -> &'static str {
        "Explosive"
    }

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        panic!("this decoder is broken")
    }
}

struct Explosions;

impl Fold for Explosions {
    type Event = Explosive;
    type Row = Balance;
    const NAME: &'static str = "explosions";

    fn key(&self, _: &Recorded<Explosive>) -> Option<String> {
        None
    }

    fn fold(&self, row: Option<Balance>, _: &Recorded<Explosive>) -> Option<Balance> {
        row
    }
}

#[tokio::test]
async fn a_decoder_that_panics_ends_the_worker() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 1).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let projector = Projector::new(Explosions).table(BALANCE);
    let error = refused(&bank, projector.options(bank.options())).await;
    assert_says(
        &error,
        &["the projection panicked", "this decoder is broken"],
    );
}
