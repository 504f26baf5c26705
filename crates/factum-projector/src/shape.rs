//! What a projection's code shows of itself: the rows that it makes, and of what.
//!
//! A change of it makes other rows, so the old ones cannot go on. What it cannot see is everything inside
//! of functions: how a fold counts, and which key it takes. It leaves out, on purpose, how the schemas of
//! events evolve by Avro's rules: an event that gains a field changes no row by itself, and would ask for a
//! rebuild of every projection of its topic. An upcaster, or that an event became another one, it holds: rows
//! of before were folded from events that meant something else.

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
    let aggregates = P::Event::AGGREGATES.iter().zip(P::Event::READINGS);
    let mut events: Vec<_> = aggregates.map(|(name, read)| read_as(name, read)).collect();
    events.sort_unstable();
    let (table, events) = (P::Row::TABLE, events.join(" + "));
    format!("{table} ({}) of {events}", columns.join(", "))
}

/// An aggregate, and how some of its events are read.
fn read_as(aggregate: &str, readings: &[&str]) -> String {
    if readings.is_empty() {
        return aggregate.to_owned();
    }
    let mut readings = readings.to_vec();
    readings.sort_unstable();
    format!("{aggregate} [{}]", readings.join(", "))
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

    #[test]
    fn it_tells_how_older_events_are_read() {
        assert_eq!(read_as("shop.stock", &[]), "shop.stock");
        assert_eq!(
            read_as("shop.stock", &["Taken 1 by an upcaster", "Lent as Taken"]),
            "shop.stock [Lent as Taken, Taken 1 by an upcaster]"
        );
    }
}
