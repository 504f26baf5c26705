//! Whether a table's name still leads to the table that a worker knows.
//!
//! Statements name the table and the search path finds it, first in the version's own schema and then in readers'.
//! So where the table is dropped, the name leads to what readers see, be it another version's table: nothing
//! may be written there. The table is told by its oid, which it keeps wherever it moves.

use tokio_postgres::error::SqlState;

use crate::{Row, sql};

/// What Postgres is asked for where the name leads elsewhere. There is no such setting, so that fails.
const ELSEWHERE: &str = "factum.the_table_is_another";

/// A statement that fails where the name of a row's table does not lead to this table, if there is one. Run with
/// the COMMIT it stands for the whole transaction: a table that was written to cannot be dropped before that ends.
pub(crate) fn of<R: Row>(oid: Option<u32>) -> Option<String> {
    let (oid, name) = (oid?, sql::table::<R>().replace('\'', "''"));
    Some(format!(
        "SELECT CASE WHEN to_regclass('{name}') = {oid}::oid THEN '' ELSE current_setting('{ELSEWHERE}') END; "
    ))
}

/// Whether that statement is what failed.
pub(crate) fn failed(error: &tokio_postgres::Error) -> bool {
    let told = error.as_db_error();
    told.is_some_and(|told| {
        *told.code() == SqlState::UNDEFINED_OBJECT && told.message().contains(ELSEWHERE)
    })
}
