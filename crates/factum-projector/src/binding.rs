//! What is bound to a table itself, and does not come along where a view shows another one: row-level security, and
//! publications. Readers led over would see rows that they must not, and subscribers would hear no more.

use tokio_postgres::Client;

use crate::ProjectorError;
use crate::versions::Version;
use crate::view::{qualified, tables, unfit};

/// Refuses a switch between two versions where something is bound to a table of either.
pub(crate) async fn refuse(
    client: &Client,
    old: &Version,
    new: &Version,
) -> Result<(), ProjectorError> {
    for version in [old, new] {
        for table in tables_of(client, version).await? {
            let table = qualified(&version.place, &table);
            if let Some(why) = find(client, &table).await? {
                return Err(unfit(new, why).into());
            }
        }
    }
    Ok(())
}

/// A version's tables: all in a schema of its own, also those that a handler has made there, as views come to show
/// them all. Elsewhere those that it is known by.
async fn tables_of(client: &Client, version: &Version) -> Result<Vec<String>, ProjectorError> {
    match version.is_behind_a_view() {
        true => tables(client, &version.place).await,
        false => Ok(version.tables.clone()),
    }
}

/// What is bound to a table, and what to do about it. A publication of all tables is none of its own.
async fn find(client: &Client, table: &str) -> Result<Option<String>, ProjectorError> {
    let query = "SELECT relrowsecurity, \
                 (SELECT string_agg(quote_ident(pubname), ', ' ORDER BY pubname) FROM pg_publication_tables t \
                  JOIN pg_publication p USING (pubname) WHERE NOT puballtables \
                  AND t.schemaname = nspname AND t.tablename = relname) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass($1)";
    let row = client.query_opt(query, &[&table]).await;
    let row = row.map_err(ProjectorError::postgres(format!(
        "look what is bound to {table}"
    )))?;
    let told = row.map(|row| (row.get::<_, bool>(0), row.get::<_, Option<String>>(1)));
    Ok(match told {
        Some((true, _)) => Some(format!(
            "{table} has row-level security, which a view does not apply to those who read it. Let readers use a view \
             of your own that shows each of them their rows, and ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )),
        Some((_, Some(publications))) => Some(format!(
            "{table} is published by {publications}, whose subscribers would hear of no change that readers see then. Take it \
             out (ALTER PUBLICATION … DROP), and publish the tables of the new version once it is live"
        )),
        _ => None,
    })
}
