//! What workers say about themselves in Postgres, for operators who ask from elsewhere. Nothing depends on
//! it: a worker that may not write there works all the same.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::ProjectorError;
use crate::sql::quote;
use crate::status::ProjectionStatus;

/// The table of workers in a schema, quoted.
pub(crate) fn table(schema: &str) -> String {
    format!("{}.workers", quote(schema))
}

/// Makes the table if it is not there. The caller holds the lock of the start.
pub(crate) async fn create_table(client: &Client, schema: &str) -> Result<(), ProjectorError> {
    let table = table(schema);
    let failed = || ProjectorError::postgres(format!("create the table {table}"));
    let found = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
        .await;
    if found.map_err(failed())?.get(0) {
        return Ok(());
    }
    let create = include_str!("workers.sql").replace("{workers}", &table);
    client.batch_execute(&create).await.map_err(failed())
}

/// Writes down how a worker is, and forgets those of its version that were not seen for a minute.
pub(crate) async fn report(
    client: &Client,
    schema: &str,
    id: Uuid,
    status: &ProjectionStatus,
) -> Result<(), tokio_postgres::Error> {
    let write = format!(
        "WITH gone AS (DELETE FROM {0} WHERE projection = $2 AND version = $3 AND id <> $1 \
                       AND seen_at < now() - interval '1 minute') \
         INSERT INTO {0} VALUES ($1, $2, $3, $4, $5, $6, $7, now()) ON CONFLICT (id) DO UPDATE SET \
         phase = $4, interruption = $5, per_second = $6, owned = $7, seen_at = now()",
        table(schema)
    );
    let owned = serde_json::to_value(&status.owned).unwrap_or_default();
    let per_second = status.per_second.map(|it| it as i64);
    let (phase, version) = (status.phase.name(), status.version as i32);
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
        &id,
        &status.projection,
        &version,
        &phase,
        &status.interruption,
        &per_second,
        &owned,
    ];
    client.execute(&write, &values).await.map(drop)
}

/// Removes what a worker said.
pub(crate) async fn forget(client: &Client, schema: &str, id: Uuid) -> Result<(), ProjectorError> {
    let forget = format!("DELETE FROM {} WHERE id = $1", table(schema));
    let forgotten = client.execute(&forget, &[&id]).await;
    forgotten
        .map(drop)
        .map_err(ProjectorError::postgres("forget a worker"))
}
