//! The read model: rows of single accounts, which only one partition feeds, and rows that all feed.

use std::hash::{DefaultHasher, Hasher};

use factum_core::Recorded;
use factum_projector::{Fold, Row};

use crate::account::Moved;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "board")]
pub struct Line {
    /// The account, or what several have in common.
    #[row(key)]
    pub key: String,
    /// How many events made it.
    pub events: i64,
    /// The sum of the amounts.
    pub sum: i64,
    /// Stands for the events; in the row of an account also for their order.
    pub digest: i64,
}

/// Odd amounts go into rows that accounts share; all others into the account's own, which is gone
/// with each fifth of them.
pub struct Board;

impl Fold for Board {
    type Event = Moved;
    type Row = Line;
    const NAME: &'static str = "board";

    fn key(&self, event: &Recorded<Moved>) -> Option<String> {
        let moved = &event.event;
        match moved.amount {
            7 => None,
            amount if amount % 2 != 0 => Some(format!("all-{}", amount.rem_euclid(4))),
            _ => Some(event.id.clone()),
        }
    }

    fn fold(&self, row: Option<Line>, event: &Recorded<Moved>) -> Option<Line> {
        let moved = &event.event;
        let shared = moved.amount % 2 != 0;
        let mut row = row.unwrap_or_else(|| Line {
            key: self.key(event).unwrap_or_default(),
            events: 0,
            sum: 0,
            digest: 0,
        });
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(moved.order);
        hasher.write_u64(moved.after.digest);
        if shared {
            row.digest ^= hasher.finish() as i64;
        } else {
            hasher.write_i64(row.digest);
            row.digest = hasher.finish() as i64;
        }
        row.events += 1;
        row.sum += moved.amount;
        (shared || row.events < 5).then_some(row)
    }
}
