//! Whether the names of tables still lead to the tables that a worker knows.
//!
//! Statements name a table and the search path finds it, first in the version's own schema and then in readers'.
//! So where the table is dropped, the name leads to what readers see, be it another version's table: nothing
//! may be written there. A table is told by its oid, which it keeps wherever it moves.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::sql::quote;
use crate::view::TABLES;
use crate::{ProjectorError, Row, sql};

/// What Postgres is asked for where a name leads elsewhere. There is no such setting, so that fails.
const ELSEWHERE: &str = "factum.the_table_is_another_";

/// A table that a worker writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guarded {
    /// As it is called.
    table: String,
    /// As statements name it.
    name: String,
    oid: u32,
}

impl Guarded {
    /// The table of a row.
    pub(crate) fn of<R: Row>(oid: u32) -> Self {
        Self {
            table: R::TABLE.to_owned(),
            name: sql::table::<R>(),
            oid,
        }
    }
}

/// The tables in a schema of a version's own, for one that names its tables itself.
pub(crate) async fn all_in(client: &Client, schema: &str) -> Result<Vec<Guarded>, ProjectorError> {
    let query = format!("SELECT relname::text, oid {TABLES}");
    let found = client.query(&query, &[&quote(schema)]).await;
    let found = found.map_err(ProjectorError::postgres(format!(
        "look into schema {schema}"
    )))?;
    let guarded = |row: &tokio_postgres::Row| {
        let table: String = row.get(0);
        let (name, oid) = (quote(&table), row.get(1));
        Guarded { table, name, oid }
    };
    Ok(found.iter().map(guarded).collect())
}

/// A statement that fails where the name of one of the tables does not lead to it; empty where there are none. Run
/// with the COMMIT it stands for the whole transaction: a table that was written to cannot be dropped before that ends.
pub(crate) fn of(tables: &[Guarded]) -> String {
    let check = |(index, it): (usize, &Guarded)| {
        let (name, oid) = (it.name.replace('\'', "''"), it.oid);
        format!(
            "CASE WHEN to_regclass('{name}') = {oid}::oid THEN '' ELSE current_setting('{ELSEWHERE}{index}') END"
        )
    };
    let checks: Vec<_> = tables.iter().enumerate().map(check).collect();
    match checks.is_empty() {
        true => String::new(),
        false => format!("SELECT {}; ", checks.join(", ")),
    }
}

/// Which of the tables is why that statement failed, if it did.
pub(crate) fn failed<'t>(tables: &'t [Guarded], error: &tokio_postgres::Error) -> Option<&'t str> {
    let told = error.as_db_error()?;
    let (_, from) = told.message().split_once(ELSEWHERE)?;
    let digits = from.split(|it: char| !it.is_ascii_digit()).next()?;
    let table = tables.get(digits.parse::<usize>().ok()?)?;
    (*told.code() == SqlState::UNDEFINED_OBJECT).then_some(&*table.table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_asked_for_and_where_there_is_none_nothing_is() {
        let guarded = |name: &str, oid| Guarded {
            table: name.to_owned(),
            name: quote(name),
            oid,
        };
        assert_eq!(of(&[]), "");
        assert_eq!(
            of(&[guarded("a", 7), guarded("it's", 8)]),
            "SELECT CASE WHEN to_regclass('\"a\"') = 7::oid THEN '' \
             ELSE current_setting('factum.the_table_is_another_0') END, \
             CASE WHEN to_regclass('\"it''s\"') = 8::oid THEN '' \
             ELSE current_setting('factum.the_table_is_another_1') END; "
        );
    }
}
