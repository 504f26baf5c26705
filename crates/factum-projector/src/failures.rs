//! With which error a worker ended, written down in Postgres for operators who ask later. Nothing depends on
//! it: a worker that may not write there, or cannot any more, ends all the same.
//!
//! It is written beside the positions, as they stand then. So whoever reads it sees by itself whether it is
//! over: a partition that has moved since has got past it.

use std::time::Duration;

use factum_core::chain;
use tokio_postgres::Client;

use crate::positions::IN_ORDER;
use crate::session::Server;
use crate::sql::quote;
use crate::{Projection, ProjectorError, positions, workers};

/// An error and its causes are cut off at so many bytes.
const LONGEST: usize = 4000;
/// How long the end of a worker may take for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The table of failures in a schema, quoted.
pub(crate) fn table(schema: &str) -> String {
    format!("{}.failures", quote(schema))
}

/// Makes the table if it is not there, and the role can. The caller holds the lock of the start.
pub(crate) async fn create_table(client: &Client, schema: &str) -> Result<(), ProjectorError> {
    let (table, positions) = (table(schema), positions::table(schema));
    let failed = || ProjectorError::postgres(format!("create the table {table}"));
    let find = "SELECT to_regclass($1) IS NULL AND has_schema_privilege($2, 'CREATE') \
                AND pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($3)";
    let can = client.query_one(find, &[&table, &schema, &positions]).await;
    if !can.map_err(failed())?.get::<_, bool>(0) {
        return Ok(());
    }
    let create = include_str!("failures.sql").replace("{failures}", &table);
    let create = create.replace("{positions}", &positions);
    client.batch_execute(&create).await.map_err(failed())
}

/// What is needed to write down how a worker ended.
pub(crate) struct Witness {
    pub server: Server,
    /// The Postgres schema of Factum's own tables.
    pub schema: String,
}

impl Witness {
    /// Writes down with which error the worker `id` of a projection ended, if Postgres is in reach.
    pub(crate) async fn testify<P: Projection>(&self, id: uuid::Uuid, error: &ProjectorError) {
        if is_of_reach(error) {
            return;
        }
        let written = self.write(P::NAME, P::VERSION, id, bounded(chain(error)));
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause = chain(&error);
                tracing::debug!(
                    cause,
                    "cannot write down in Postgres how this worker has ended"
                );
            }
            Err(_) => tracing::debug!("Postgres does not take down how this worker has ended"),
        }
    }

    /// Takes back what the worker `id` said of itself while it ran, if Postgres is in reach: it has ended well.
    pub(crate) async fn take_leave(&self, id: uuid::Uuid) {
        let forgotten = async {
            let session = self.server.connect().await?;
            let _call = session.call();
            workers::forget(&session.client, &self.schema, id).await
        };
        match tokio::time::timeout(PATIENCE, forgotten).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause = chain(&error);
                tracing::debug!(
                    cause,
                    "cannot take back in Postgres what this worker has said"
                );
            }
            Err(_) => tracing::debug!("Postgres does not hear that this worker has ended"),
        }
    }

    async fn write(
        &self,
        projection: &str,
        version: u32,
        id: uuid::Uuid,
        error: String,
    ) -> Result<(), ProjectorError> {
        let session = self.server.connect().await?;
        let write = format!(
            "INSERT INTO {} AS f SELECT projection, version, topic, partition, \"offset\", $3, left($4, 8), \
             host(inet_client_addr()), now() FROM {} WHERE projection = $1 AND version = $2 {IN_ORDER} \
             ON CONFLICT (projection, version, topic, partition) DO UPDATE SET \"offset\" = excluded.\"offset\", \
             error = excluded.error, worker = excluded.worker, address = excluded.address, \
             failed_at = excluded.failed_at",
            table(&self.schema),
            positions::table(&self.schema)
        );
        let (_call, id) = (session.call(), id.to_string());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&projection, &(version as i32), &error, &id];
        let written = session.client.execute(&write, &values).await;
        written
            .map(drop)
            .map_err(ProjectorError::postgres("write down an error"))
    }
}

/// Whether Postgres itself could not be reached.
fn is_of_reach(error: &ProjectorError) -> bool {
    matches!(
        error,
        ProjectorError::PostgresUnreachable { .. } | ProjectorError::Connect(_)
    )
}

/// The beginning of a text, where it is long. Postgres keeps no zeros.
fn bounded(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text.replace('\0', "�")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_bounded_and_storable() {
        assert_eq!(bounded("a\0b".into()), "a�b");
        let long = bounded("ü".repeat(LONGEST));
        assert!(long.len() < LONGEST + 4 && long.ends_with("ü…"));
    }
}
