//! Making sure, when a worker starts, that table and positions are there and fit.

use tokio_postgres::Client;

use crate::owner;
use crate::positions::Positions;
use crate::table::{self, TableTypes};
use crate::{Fold, ProjectorError, Row, sql};

/// Held by whoever sets up, so that workers may start together. "factum" in ASCII.
const LOCK: i64 = 0x6661_6374_756d;

/// Creates what is missing and checks what is there, in one transaction: a start that fails leaves
/// nothing behind.
pub(crate) async fn set_up<F: Fold>(
    client: &Client,
    positions: &Positions,
    table_sql: Option<&str>,
    partitions: u32,
) -> Result<TableTypes, ProjectorError> {
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})");
    run(client, &begin, "lock the start").await?;
    positions.create_table(client).await?;
    if let Some(sql) = table_sql {
        run(client, sql, &format!("create table {}", F::Row::TABLE)).await?;
    }
    let types = table::check::<F::Row>(client).await?;
    owner::own::<F::Row>(client, positions).await?;
    match positions.count(client).await? {
        0 => begin_projection::<F>(client, positions, partitions).await?,
        then if then != partitions => {
            return Err(ProjectorError::Partitions {
                topic: positions.topic.clone(),
                projection: F::NAME,
                now: partitions,
                then,
            });
        }
        _ => {}
    }
    run(client, "COMMIT", "finish the start").await?;
    Ok(types)
}

async fn run(client: &Client, sql: &str, doing: &str) -> Result<(), ProjectorError> {
    let done = client.batch_execute(sql).await;
    done.map_err(ProjectorError::postgres(doing))
}

async fn begin_projection<F: Fold>(
    client: &Client,
    positions: &Positions,
    partitions: u32,
) -> Result<(), ProjectorError> {
    let query = format!("SELECT EXISTS (SELECT FROM {})", sql::table::<F::Row>());
    let row = client.query_one(&query, &[]).await;
    let holds_rows: bool = row
        .map_err(ProjectorError::postgres(format!("read {}", F::Row::TABLE)))?
        .get(0);
    if holds_rows {
        return Err(ProjectorError::NotEmpty {
            table: F::Row::TABLE,
            projection: F::NAME,
            version: F::VERSION,
        });
    }
    positions.begin(client, partitions).await
}
