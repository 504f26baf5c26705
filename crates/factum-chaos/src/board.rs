//! The read model that is put through it: a row for each account.

use factum::{Fold, Recorded, Row};

use crate::account::AccountEvent;

/// What the log says of one account.
#[derive(Row)]
#[row(table = "account_board")]
pub struct AccountRow {
    /// The account's id.
    #[row(key)]
    pub account: String,
    /// What it holds.
    pub balance: i64,
    /// How many events it has.
    pub events: i64,
    /// Its version.
    pub version: i64,
    /// A checksum of all its events in their order.
    pub trail: i64,
    /// The client's name for its last command.
    pub last_order: String,
}

/// Folds an account's events into its row.
pub struct Board;

/// Creates the table.
pub const TABLE_SQL: &str = "CREATE TABLE IF NOT EXISTS account_board (
    account    text PRIMARY KEY,
    balance    bigint NOT NULL,
    events     bigint NOT NULL,
    version    bigint NOT NULL,
    trail      bigint NOT NULL,
    last_order text NOT NULL
)";

impl Fold for Board {
    type Event = AccountEvent;
    type Row = AccountRow;
    const NAME: &'static str = "account_board";

    fn key(&self, event: &Recorded<AccountEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<AccountRow>, event: &Recorded<AccountEvent>) -> Option<AccountRow> {
        let (order, change) = match &event.event {
            AccountEvent::Deposited(it) => (&it.order, it.amount),
            AccountEvent::Withdrawn(it) => (&it.order, -it.amount),
        };
        let (balance, events, trail) =
            row.map_or((0, 0, 0), |row| (row.balance, row.events, row.trail));
        Some(AccountRow {
            account: event.id.clone(),
            balance: balance + change,
            events: events + 1,
            version: event.version as i64,
            trail: trail.wrapping_mul(31).wrapping_add(change),
            last_order: order.clone(),
        })
    }
}
