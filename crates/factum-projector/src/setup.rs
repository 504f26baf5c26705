//! Making sure, when a worker starts, that table and positions are there and fit.

use std::collections::BTreeMap;

use factum_core::Position;
use tokio_postgres::Client;

use crate::owner;
use crate::positions::Positions;
use crate::table::{self, TableTypes};
use crate::{Projection, ProjectorError, Row, sql};

/// Held by whoever sets up, so that workers may start together. "factum" in ASCII.
const LOCK: i64 = 0x6661_6374_756d;

/// Creates what is missing and checks what is there, in one transaction: a start that fails leaves
/// nothing behind.
pub(crate) async fn set_up<P: Projection>(
    client: &Client,
    positions: &Positions,
    table_sql: Option<&str>,
    partitions: u32,
) -> Result<TableTypes, ProjectorError> {
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})");
    run(client, &begin, "lock the start").await?;
    positions.create_table(client).await?;
    if let Some(sql) = table_sql
        && !is_anothers::<P>(client).await?
    {
        run(client, sql, &format!("create table {}", P::Row::TABLE)).await?;
    }
    let types = table::check::<P::Row>(client).await?;
    let unowned = owner::own::<P::Row>(client, positions).await?;
    let begun = positions.all(client).await?;
    if begun.is_empty() {
        begin_projection::<P>(client, positions, partitions).await?;
    } else {
        check_partitions::<P>(positions, &begun, partitions)?;
        check_rows::<P>(client, positions, &begun, unowned).await?;
    }
    run(client, "COMMIT", "finish the start").await?;
    Ok(types)
}

/// Whether the table is there, and belongs to a role that this session's is no member of: then it was
/// made by migrations, and `CREATE TABLE IF NOT EXISTS` would be denied although nothing is to do.
async fn is_anothers<P: Projection>(client: &Client) -> Result<bool, ProjectorError> {
    let query = "SELECT EXISTS (SELECT FROM pg_class \
                 WHERE oid = to_regclass($1) AND NOT pg_has_role(relowner, 'USAGE'))";
    let found = client.query_one(query, &[&sql::table::<P::Row>()]).await;
    let found = found.map_err(ProjectorError::postgres(format!(
        "look at {}",
        P::Row::TABLE
    )))?;
    Ok(found.get(0))
}

/// Checks that every partition of the topic has a position, and no other has.
fn check_partitions<P: Projection>(
    positions: &Positions,
    begun: &BTreeMap<u32, Position>,
    partitions: u32,
) -> Result<(), ProjectorError> {
    let then = begun.len() as u32;
    if let Some(missing) = (0..then).find(|partition| !begun.contains_key(partition)) {
        return Err(positions.missing(missing));
    }
    if then == partitions {
        return Ok(());
    }
    Err(ProjectorError::Partitions {
        topic: positions.topic.clone(),
        projection: P::NAME,
        now: partitions,
        then,
    })
}

/// Checks that the rows which the positions speak of are there: a table that was dropped and made
/// again is empty, and going on would fill it with wrong rows. One without an owner that holds rows
/// was restored from a backup. An empty one that was always this projection's may be right, as rows
/// can end; it may also have been emptied by hand.
async fn check_rows<P: Projection>(
    client: &Client,
    positions: &Positions,
    begun: &BTreeMap<u32, Position>,
    unowned: bool,
) -> Result<(), ProjectorError> {
    let events = begun.values().map(|at| at.next - 1).sum();
    if events == 0 || holds_rows::<P>(client).await? {
        return Ok(());
    }
    let again = positions.how_to_begin_again();
    if unowned {
        return Err(ProjectorError::Emptied {
            table: P::Row::TABLE,
            projection: P::NAME,
            events,
            again,
        });
    }
    let table = P::Row::TABLE;
    tracing::warn!(
        table,
        events,
        "the table is empty although events were projected: if it was emptied by hand, {again}"
    );
    Ok(())
}

async fn run(client: &Client, sql: &str, doing: &str) -> Result<(), ProjectorError> {
    let done = client.batch_execute(sql).await;
    done.map_err(ProjectorError::postgres(doing))
}

async fn begin_projection<P: Projection>(
    client: &Client,
    positions: &Positions,
    partitions: u32,
) -> Result<(), ProjectorError> {
    if holds_rows::<P>(client).await? {
        return Err(ProjectorError::NotEmpty {
            table: P::Row::TABLE,
            projection: P::NAME,
            version: P::VERSION,
        });
    }
    positions.begin(client, partitions).await
}

async fn holds_rows<P: Projection>(client: &Client) -> Result<bool, ProjectorError> {
    let query = format!("SELECT EXISTS (SELECT FROM {})", sql::table::<P::Row>());
    let row = client.query_one(&query, &[]).await;
    let row = row.map_err(ProjectorError::postgres(format!("read {}", P::Row::TABLE)))?;
    Ok(row.get(0))
}
