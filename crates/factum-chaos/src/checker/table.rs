//! The read model's rows, from Postgres.

use anyhow::{Context, Result};
use tokio_postgres::NoTls;

use super::Row;

/// Reads the table.
///
/// # Errors
/// Postgres cannot be reached, or there is no such table.
pub async fn read_rows(postgres: &str) -> Result<Vec<Row>> {
    let (client, connection) = tokio_postgres::connect(postgres, NoTls).await?;
    let connection = tokio::spawn(connection);
    let sql = "SELECT account, balance, events, version, trail, last_order FROM account_board ORDER BY account";
    let rows = client
        .query(sql, &[])
        .await
        .context("cannot read account_board")?;
    drop(client);
    let _ = connection.await;
    Ok(rows
        .iter()
        .map(|row| Row {
            account: row.get(0),
            balance: row.get(1),
            events: row.get(2),
            version: row.get(3),
            trail: row.get(4),
            last_order: row.get(5),
        })
        .collect())
}
