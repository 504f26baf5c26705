//! The read model, folded once more from the valid events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fact, Kind, Violation};

/// A row of `account_board`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The account's id.
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

/// What the rows should be.
pub fn fold<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::<String, Row>::new();
    for fact in facts {
        let row = rows.entry(fact.account.clone()).or_default();
        row.account.clone_from(&fact.account);
        row.balance += fact.event.change;
        row.events += 1;
        row.version = fact.version as i64;
        row.trail = row.trail.wrapping_mul(31).wrapping_add(fact.event.change);
        row.last_order.clone_from(&fact.event.order);
    }
    rows
}

/// Where the rows are not what they should be.
pub fn compare(expected: &BTreeMap<String, Row>, rows: &[Row]) -> Vec<Violation> {
    let actual: BTreeMap<&str, &Row> = rows.iter().map(|row| (&*row.account, row)).collect();
    let wrong = |text| Violation::new(Kind::ReadModel, text);
    let differs = |row: &Row| match actual.get(&*row.account) {
        Some(found) if *found == row => None,
        found => Some(wrong(format!(
            "the log gives {row:?}, the table has {found:?}"
        ))),
    };
    let unheard = rows
        .iter()
        .filter(|row| !expected.contains_key(&row.account));
    let unheard = unheard.map(|row| wrong(format!("no event is behind {row:?}")));
    expected
        .values()
        .filter_map(differs)
        .chain(unheard)
        .collect()
}
