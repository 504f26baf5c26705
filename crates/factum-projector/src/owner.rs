//! Whose table is it? Rows are read, kept and written back on the strength of positions, so a table
//! belongs to one projection of one topic, with one set of positions; another owner's updates would
//! be lost without a sound.
//!
//! The owners are written down beside the table, in its own Postgres schema: workers with different
//! schemas for their positions look at the same place. A table is told by its oid, so that one that
//! was dropped and made anew is another; as a `regclass`, which a dump writes down by its name, so
//! that a restored table keeps its owner.

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
    let select = format!("SELECT owner FROM {owners} WHERE table_oid = $1::oid");
    let found = client.query_opt(&select, &[&oid]).await.map_err(failed())?;
    match found.map(|found| found.get::<_, String>(0)) {
        None => {
            let written = write_down(client, &owners, oid, &owner).await;
            written.map_err(failed()).map(|()| true)
        }
        Some(found) if found == owner => Ok(false),
        Some(found) => Err(ProjectorError::Owned {
            table: R::TABLE,
            owner: found,
            asked: owner,
        }),
    }
}

/// Takes along what is written down of a table that is about to move to another schema.
pub(crate) async fn move_to(client: &Client, oid: u32, schema: &str) -> Result<(), ProjectorError> {
    let failed =
        || ProjectorError::postgres(format!("write down who owns a table of schema {schema}"));
    let find = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = $1";
    let from = client.query_one(find, &[&oid]).await.map_err(failed())?;
    let (from, to) = (from.get::<_, String>(0), quote(schema));
    let owners = format!("{to}.factum_owners");
    create(client, &owners).await.map_err(failed())?;
    let take = format!(
        "WITH gone AS (DELETE FROM {from}.factum_owners WHERE table_oid = $1::oid RETURNING *) \
         INSERT INTO {owners} SELECT * FROM gone"
    );
    client
        .execute(&take, &[&oid])
        .await
        .map(drop)
        .map_err(failed())
}

/// Makes the table of owners if it is not there.
async fn create(client: &Client, owners: &str) -> Result<(), tokio_postgres::Error> {
    let find = "SELECT format_type(atttypid, NULL) FROM pg_attribute \
                WHERE attrelid = to_regclass($1) AND attname = 'table_oid'";
    let form = client.query_opt(find, &[&owners]).await?;
    match form.as_ref().map(|form| form.get(0)) {
        None => {
            let sql = include_str!("owners.sql").replace("{owners}", owners);
            client.batch_execute(&sql).await
        }
        Some("oid") => {
            let alter = format!("ALTER TABLE {owners} ALTER COLUMN table_oid TYPE regclass");
            client.batch_execute(&alter).await
        }
        Some(_) => Ok(()),
    }
}

/// Writes an owner down, and drops what is said of tables that are gone. A start that finds its owner
/// written down only reads: its role may need no more.
async fn write_down(
    client: &Client,
    owners: &str,
    oid: u32,
    owner: &str,
) -> Result<(), tokio_postgres::Error> {
    let gone = format!(
        "DELETE FROM {owners} WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = table_oid)"
    );
    client.batch_execute(&gone).await?;
    let insert = format!("INSERT INTO {owners} VALUES ($1::oid, $2)");
    client.execute(&insert, &[&oid, &owner]).await.map(drop)
}

/// How an owner is written down.
impl std::fmt::Display for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (projection, version, topic) = (self.projection, self.version, self.topics());
        let schema = quote(&self.schema);
        write!(
            f,
            "{projection} version {version} of {topic}, with its positions in schema {schema}"
        )
    }
}
