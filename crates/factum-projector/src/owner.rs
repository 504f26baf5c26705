//! Whose table is it? Rows are read, kept and written back on the strength of positions, so a table
//! belongs to one projection of one topic, with one set of positions; another owner's updates would
//! be lost without a sound.
//!
//! The owners are written down beside the table, in its own Postgres schema: workers with different
//! schemas for their positions look at the same place.

use tokio_postgres::Client;

use crate::positions::Positions;
use crate::sql::quote;
use crate::{ProjectorError, Row, sql};

/// Makes the projection the owner of its table, and returns whether nobody was before. The caller
/// holds the lock of the start. A table that was dropped and made anew has another oid, and so no
/// owner.
///
/// # Errors
/// Another projection owns the table.
pub(crate) async fn own<R: Row>(
    client: &Client,
    positions: &Positions,
) -> Result<bool, ProjectorError> {
    let failed = || ProjectorError::postgres(format!("write down who owns table {}", R::TABLE));
    let find =
        "SELECT oid, relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass($1)";
    let found = client.query_one(find, &[&sql::table::<R>()]).await;
    let found = found.map_err(failed())?;
    let (oid, schema): (u32, &str) = (found.get(0), found.get(1));
    let owners = format!("{schema}.factum_owners");
    create(client, &owners).await.map_err(failed())?;
    let owner = positions.to_string();
    let insert = format!("INSERT INTO {owners} VALUES ($1, $2) ON CONFLICT DO NOTHING");
    let inserted = client.execute(&insert, &[&oid, &owner]).await;
    let inserted = inserted.map_err(failed())?;
    let select = format!("SELECT owner FROM {owners} WHERE table_oid = $1");
    let found = client.query_one(&select, &[&oid]).await.map_err(failed())?;
    match found.get::<_, String>(0) {
        found if found == owner => Ok(inserted > 0),
        found => Err(ProjectorError::Owned {
            table: R::TABLE,
            owner: found,
            asked: owner,
        }),
    }
}

/// Makes the table of owners if it is not there, and drops what it says of tables that are gone.
async fn create(client: &Client, owners: &str) -> Result<(), tokio_postgres::Error> {
    let find = "SELECT to_regclass($1) IS NULL";
    let absent: bool = client.query_one(find, &[&owners]).await?.get(0);
    let sql = include_str!("owners.sql");
    if absent {
        client
            .batch_execute(&sql.replace("{owners}", owners))
            .await?;
    }
    let gone = format!(
        "DELETE FROM {owners} WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = table_oid)"
    );
    client.batch_execute(&gone).await
}

/// How an owner is written down.
impl std::fmt::Display for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (projection, version, topic) = (self.projection, self.version, &self.topic);
        let schema = quote(&self.schema);
        write!(
            f,
            "{projection} version {version} of {topic}, with its positions in schema {schema}"
        )
    }
}
