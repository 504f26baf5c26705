//! The statements that read and write a row's table. Pure text.

use crate::{Column, Row};

/// The session's own table that updated rows are copied into. Its name hides no other table.
const STAGE: &str = "pg_temp.factum_stage";

/// Quotes an identifier.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The quoted name of a row's table.
pub(crate) fn table<R: Row>() -> String {
    R::TABLE.split('.').map(quote).collect::<Vec<_>>().join(".")
}

/// Whether there is a table: that of a projection without rows has no name and no columns.
pub(crate) fn has_table<R: Row>() -> bool {
    !R::COLUMNS.is_empty()
}

pub(crate) fn keys<R: Row>() -> impl Iterator<Item = &'static Column> {
    R::COLUMNS.iter().filter(|column| column.is_key())
}

fn list<'a>(columns: impl Iterator<Item = &'a Column>, prefix: &str) -> String {
    let names: Vec<_> = columns
        .map(|column| format!("{prefix}{}", quote(column.name())))
        .collect();
    names.join(", ")
}

/// The columns of a row, in order.
pub(crate) fn columns<R: Row>() -> String {
    list(R::COLUMNS.iter(), "")
}

/// A query that returns no rows, to learn the types of the columns.
pub(crate) fn describe<R: Row>() -> String {
    format!("SELECT {} FROM {} LIMIT 0", columns::<R>(), table::<R>())
}

/// `unnest(arrays of keys) AS k (columns)`. `types` are the types of the key columns, in order.
fn given_keys<R: Row>(types: &[String]) -> String {
    let array = |(n, ty): (usize, &String)| format!("${n}::{ty}[]");
    let arrays: Vec<_> = (1..).zip(types).map(array).collect();
    format!(
        "unnest({}) AS k ({})",
        arrays.join(", "),
        list(keys::<R>(), "")
    )
}

/// The key of the table's row `t` is that of `other`.
fn same_key<R: Row>(other: &str) -> String {
    let same = |column: &Column| format!("t.{0} = {other}.{0}", quote(column.name()));
    keys::<R>().map(same).collect::<Vec<_>>().join(" AND ")
}

/// Reads the rows with the given keys. A join in the order of the keys reads an index at twice
/// the speed of `IN`.
pub(crate) fn load<R: Row>(types: &[String]) -> String {
    format!(
        "SELECT {} FROM {} JOIN {} AS t ON {}",
        list(R::COLUMNS.iter(), "t."),
        given_keys::<R>(types),
        table::<R>(),
        same_key::<R>("k")
    )
}

/// Reads the rows with the given keys and locks them, in the order of the keys: whoever locks rows
/// in one order can't wait for each other in a ring.
pub(crate) fn load_locked<R: Row>(types: &[String]) -> String {
    format!(
        "{} ORDER BY {} FOR UPDATE OF t",
        load::<R>(types),
        list(keys::<R>(), "t.")
    )
}

/// Deletes the rows with the given keys.
pub(crate) fn delete<R: Row>(types: &[String]) -> String {
    format!(
        "DELETE FROM {} AS t USING {} WHERE {}",
        table::<R>(),
        given_keys::<R>(types),
        same_key::<R>("k")
    )
}

/// Takes in new rows.
pub(crate) fn insert<R: Row>() -> String {
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        table::<R>(),
        columns::<R>()
    )
}

/// Makes the session's stage, empty again after every transaction.
pub(crate) fn create_stage<R: Row>() -> String {
    format!(
        "CREATE TEMPORARY TABLE factum_stage ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA",
        columns::<R>(),
        table::<R>()
    )
}

/// Takes changed rows into the stage.
pub(crate) fn stage<R: Row>() -> String {
    format!(
        "COPY {STAGE} ({}) FROM STDIN (FORMAT binary)",
        columns::<R>()
    )
}

/// Writes the staged rows over those of the same key; `None` where a row is nothing but its key.
pub(crate) fn update<R: Row>() -> Option<String> {
    let assign = |column: &Column| format!("{0} = s.{0}", quote(column.name()));
    let set: Vec<_> = R::COLUMNS
        .iter()
        .filter(|column| !column.is_key())
        .map(assign)
        .collect();
    (!set.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM {STAGE} AS s WHERE {}",
            table::<R>(),
            set.join(", "),
            same_key::<R>("s")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    #[derive(Row)]
    #[row(table = "bank.loan_board")]
    struct Loan {
        #[row(key)]
        case_id: String,
        #[row(key)]
        r#type: i32,
        #[row(column = "the amount")]
        amount: Option<i64>,
    }

    #[derive(Row)]
    #[row(table = "seen")]
    struct Seen {
        #[row(key)]
        id: String,
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(table::<Loan>(), "\"bank\".\"loan_board\"");
        assert_eq!(columns::<Loan>(), r#""case_id", "type", "the amount""#);
    }

    #[test]
    fn rows_are_found_by_all_of_their_key() {
        assert_eq!(
            delete::<Loan>(&["text".into(), "integer".into()]),
            r#"DELETE FROM "bank"."loan_board" AS t USING unnest($1::text[], $2::integer[]) AS k ("case_id", "type") WHERE t."case_id" = k."case_id" AND t."type" = k."type""#
        );
    }

    #[test]
    fn an_update_leaves_the_key_alone() {
        assert_eq!(
            update::<Loan>().unwrap(),
            r#"UPDATE "bank"."loan_board" AS t SET "the amount" = s."the amount" FROM pg_temp.factum_stage AS s WHERE t."case_id" = s."case_id" AND t."type" = s."type""#
        );
        assert_eq!(update::<Seen>(), None);
    }
}
