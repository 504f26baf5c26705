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

fn keys<R: Row>() -> impl Iterator<Item = &'static Column> {
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

/// `(key columns) IN (keys given as arrays)`. `types` are the types of the key columns, in order.
fn by_keys<R: Row>(types: &[String]) -> String {
    let arrays: Vec<_> = (1..)
        .zip(types)
        .map(|(n, ty)| format!("${n}::{ty}[]"))
        .collect();
    format!(
        "({}) IN (SELECT * FROM unnest({}))",
        list(keys::<R>(), ""),
        arrays.join(", ")
    )
}

/// Reads and locks the rows with the given keys, in the order of the keys: whoever locks rows in
/// one order can't wait for each other in a ring.
pub(crate) fn load<R: Row>(types: &[String]) -> String {
    format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} FOR UPDATE",
        columns::<R>(),
        table::<R>(),
        by_keys::<R>(types),
        list(keys::<R>(), "")
    )
}

/// Deletes the rows with the given keys.
pub(crate) fn delete<R: Row>(types: &[String]) -> String {
    format!("DELETE FROM {} WHERE {}", table::<R>(), by_keys::<R>(types))
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
    let same = |column: &Column| format!("t.{0} = s.{0}", quote(column.name()));
    let on: Vec<_> = keys::<R>().map(same).collect();
    (!set.is_empty()).then(|| {
        format!(
            "UPDATE {} AS t SET {} FROM {STAGE} AS s WHERE {}",
            table::<R>(),
            set.join(", "),
            on.join(" AND ")
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
            r#"DELETE FROM "bank"."loan_board" WHERE ("case_id", "type") IN (SELECT * FROM unnest($1::text[], $2::integer[]))"#
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
