//! Holding a table against its row, when a worker starts.
//!
//! What does not fit is found here, once, with words, and not in mid-replay.

use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Row as SqlRow};

use crate::guard::Guarded;
use crate::{Column, ProjectorError, Row, sql};

/// A table that does not fit its row: every finding, one a line.
#[derive(Debug, thiserror::Error)]
#[error("table {table} does not fit {row}:{}", lines(findings))]
pub struct TableError {
    table: &'static str,
    row: &'static str,
    findings: Vec<String>,
}

fn lines(findings: &[String]) -> String {
    findings
        .iter()
        .map(|line| format!("\n  - {line}"))
        .collect()
}

/// What Postgres says of a table.
#[derive(Default)]
struct Facts {
    columns: Vec<Actual>,
    /// The column names of each unique index that speaks for whole rows at once.
    unique: Vec<Vec<String>>,
}

/// A column of the table.
struct Actual {
    name: String,
    written: String,
    not_null: bool,
    /// Whether a row may leave it out, or must: it has a default, or is generated.
    filled: bool,
    generated: bool,
    ty: Option<Type>,
}

/// The types of a table that fits, in the order of the row's columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableTypes {
    /// The table itself, whatever its name and schema come to be; of a handler, those that are known.
    pub guarded: Vec<Guarded>,
    pub all: Vec<Type>,
    /// Those of the key, as SQL writes them.
    pub keys: Vec<String>,
}

/// Checks that the table of `R` is there and takes its rows.
pub(crate) async fn check<R: Row>(client: &Client) -> Result<TableTypes, ProjectorError> {
    let mut facts = facts::<R>(client).await?;
    let mut findings = missing::<R>(&facts);
    if findings.is_empty() {
        types::<R>(client, &mut facts).await?;
        findings = misfits::<R>(&facts);
    }
    if findings.is_empty() {
        return Ok(table_types::<R>(&facts));
    }
    Err(refuse::<R>(findings).into())
}

fn refuse<R: Row>(findings: Vec<String>) -> TableError {
    TableError {
        table: R::TABLE,
        row: R::NAME,
        findings,
    }
}

async fn facts<R: Row>(client: &Client) -> Result<Facts, ProjectorError> {
    let failed = || ProjectorError::postgres(format!("look at table {}", R::TABLE));
    let find = "SELECT c.oid, c.relkind::text FROM pg_class c WHERE c.oid = to_regclass($1)";
    let found = client.query_opt(find, &[&sql::table::<R>()]).await;
    let Some(found) = found.map_err(failed())? else {
        let finding = "there is no such table on the search path: create it, or pass its \
                       CREATE TABLE to the projector";
        return Err(refuse::<R>(vec![finding.into()]).into());
    };
    let (oid, kind): (u32, &str) = (found.get(0), found.get(1));
    if !["r", "p"].contains(&kind) {
        let finding = "it is no table, so rows can't be copied into it";
        return Err(refuse::<R>(vec![finding.into()]).into());
    }
    let columns = client.query(include_str!("columns.sql"), &[&oid]).await;
    let unique = client.query(include_str!("unique.sql"), &[&oid]).await;
    Ok(Facts {
        columns: columns.map_err(failed())?.iter().map(actual).collect(),
        unique: unique
            .map_err(failed())?
            .iter()
            .map(|row| row.get(0))
            .collect(),
    })
}

fn actual(row: &SqlRow) -> Actual {
    Actual {
        name: row.get(0),
        written: row.get(1),
        not_null: row.get(2),
        filled: row.get(3),
        generated: row.get(4),
        ty: None,
    }
}

/// Learns the columns' types, in the driver's terms.
async fn types<R: Row>(client: &Client, facts: &mut Facts) -> Result<(), ProjectorError> {
    let described = client
        .prepare(&sql::describe::<R>())
        .await
        .map_err(ProjectorError::postgres(format!("read table {}", R::TABLE)))?;
    for column in described.columns() {
        let mut columns = facts.columns.iter_mut();
        if let Some(actual) = columns.find(|actual| actual.name == column.name()) {
            actual.ty = Some(column.type_().clone());
        }
    }
    Ok(())
}

fn missing<R: Row>(facts: &Facts) -> Vec<String> {
    let absent = |column: &&Column| !facts.columns.iter().any(|c| c.name == column.name());
    let finding = |column: &Column| {
        format!(
            "column {} is missing ({} in {}): add it to the table's SQL and raise VERSION, which builds the rows \
             anew, or take the field away",
            column.name(),
            column.rust_type(),
            R::NAME
        )
    };
    R::COLUMNS.iter().filter(absent).map(finding).collect()
}

fn misfits<R: Row>(facts: &Facts) -> Vec<String> {
    let mut findings = Vec::new();
    for actual in &facts.columns {
        match R::COLUMNS
            .iter()
            .find(|column| column.name() == actual.name)
        {
            Some(column) => findings.extend(misfit(column, actual)),
            None if actual.not_null && !actual.filled => findings.push(format!(
                "column {} ({}) is NOT NULL without a default, and {} has no field for it: \
                 add the field, or give the column a default",
                actual.name,
                actual.written,
                R::NAME
            )),
            None => {}
        }
    }
    findings.extend(missing_key::<R>(facts));
    findings
}

fn misfit(column: &Column, actual: &Actual) -> Option<String> {
    let (name, written, rust) = (column.name(), &actual.written, column.rust_type());
    let ty = actual.ty.as_ref()?;
    if actual.generated {
        return Some(format!(
            "column {name} is generated by Postgres, so no row can carry it: \
             take the field {rust} away"
        ));
    }
    if !column.accepts(ty) {
        return Some(format!(
            "column {name} is {written}{}, but the field is {rust}{}",
            labels(ty),
            advice(column)
        ));
    }
    if column.is_key() && matches!(ty.kind(), Kind::Array(_)) {
        return Some(format!(
            "column {name} is {written}: an array can't be part of a key"
        ));
    }
    match (column.is_nullable(), actual.not_null) {
        (false, false) => Some(format!(
            "column {name} ({written}) may be null, but the field is {rust}: \
             make the column NOT NULL, or the field Option<{rust}>"
        )),
        (true, true) => Some(format!(
            "column {name} ({written}) is NOT NULL, but the field is {rust}: \
             allow nulls, or take the Option away"
        )),
        _ => None,
    }
}

/// The labels of an enum: a field that has others does not fit.
fn labels(ty: &Type) -> String {
    match ty.kind() {
        Kind::Enum(labels) => format!(" (an enum of {})", labels.join(", ")),
        _ => String::new(),
    }
}

/// Which common types a field fits.
fn advice(column: &Column) -> String {
    const COMMON: [Type; 15] = [
        Type::TEXT,
        Type::INT8,
        Type::INT4,
        Type::INT2,
        Type::FLOAT8,
        Type::FLOAT4,
        Type::BOOL,
        Type::NUMERIC,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMP,
        Type::DATE,
        Type::UUID,
        Type::JSONB,
        Type::BYTEA,
        Type::TEXT_ARRAY,
    ];
    match COMMON.iter().find(|ty| column.accepts(ty)) {
        Some(ty) => format!(": make the column {}, or change the field", ty.name()),
        None => String::new(),
    }
}

fn missing_key<R: Row>(facts: &Facts) -> Option<String> {
    let keys = R::COLUMNS.iter().filter(|column| column.is_key());
    let mut keys: Vec<_> = keys.map(|column| column.name().to_owned()).collect();
    keys.sort_unstable();
    (!keys.is_empty() && !facts.unique.contains(&keys)).then(|| {
        let keys = keys.join(", ");
        format!(
            "it has no primary key or unique index on just ({keys}), the key of {}: \
             add PRIMARY KEY ({keys})",
            R::NAME
        )
    })
}

fn table_types<R: Row>(facts: &Facts) -> TableTypes {
    let of = |column: &Column| {
        let mut columns = facts.columns.iter();
        columns.find(|actual| actual.name == column.name())
    };
    let keys = R::COLUMNS.iter().filter(|column| column.is_key());
    TableTypes {
        guarded: Vec::new(),
        all: R::COLUMNS
            .iter()
            .filter_map(|c| of(c)?.ty.clone())
            .collect(),
        keys: keys.filter_map(|c| Some(of(c)?.written.clone())).collect(),
    }
}
