//! What a projection's code shows of itself: the rows that it makes, and of what.
//!
//! A change of it makes other rows, so the old ones cannot go on. What it cannot see is everything inside
//! of functions: how a fold counts, and which key it takes. It leaves out, on purpose, how the schemas of
//! events evolve: an event that gains a field changes no row by itself, and would ask for a rebuild of every
//! projection of its topic.

use crate::table::TableTypes;
use crate::{Events, Projection, Row};

/// The rows of a projection, as text that can be compared, and read in an error message.
pub(crate) fn shape<P: Projection>(types: &TableTypes) -> String {
    let columns = P::Row::COLUMNS.iter().zip(&types.all);
    let columns = columns.map(|(column, ty)| {
        let key = if column.is_key() { " key" } else { "" };
        let null = if column.is_nullable() { " null" } else { "" };
        format!("{} {ty}{null}{key}", column.name())
    });
    let mut columns: Vec<_> = columns.collect();
    columns.sort_unstable();
    let mut events = P::Event::AGGREGATES.to_vec();
    events.sort_unstable();
    let (table, events) = (P::Row::TABLE, events.join(" + "));
    format!("{table} ({}) of {events}", columns.join(", "))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::types::Type;

    use super::*;
    use crate::changes::tests::Shelves;

    #[test]
    fn a_shape_can_be_read() {
        let types = TableTypes {
            guarded: Vec::new(),
            all: vec![Type::TEXT, Type::INT8],
            keys: vec!["text".into()],
        };
        assert_eq!(
            shape::<Shelves>(&types),
            "shelf (item text key, pieces int8) of shop.stock"
        );
    }
}
