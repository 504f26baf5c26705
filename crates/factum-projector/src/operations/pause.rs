//! Pausing a projection, and letting it go on.

use tokio_postgres::types::ToSql;

use super::Operations;
use crate::ProjectorError;
use crate::positions::{IN_ORDER, table};
use crate::switch::notify;

impl Operations {
    /// Pauses a version of a projection, or lets it go on. Its workers stay, with their partitions.
    ///
    /// A pause is exact: whatever its workers have under way is committed before this returns, or never. It
    /// is written into the positions themselves, which every transaction moves; so it waits for those that
    /// are being committed, and stops all others, also of workers that hear of it later, or start. Nothing is
    /// lost or counted twice by it. It waits for a switch of its workers that is under way, too; indexes that
    /// are being built are finished after it. Neither begins while the version is paused.
    ///
    /// # Errors
    /// There is no such version, or Postgres fails; then nothing has changed.
    pub async fn pause(
        &self,
        projection: &str,
        version: u32,
        paused: bool,
    ) -> Result<(), ProjectorError> {
        let update = format!(
            "UPDATE {} SET paused = $3 WHERE projection = $1 AND version = $2",
            table(&self.schema)
        );
        let (_call, client) = (self.session.call(), &self.session.client);
        let doing = if paused { "pause" } else { "resume" };
        let doing = format!("{doing} {projection} version {version}");
        let failed = || ProjectorError::postgres(doing.as_str());
        let number = version as i32;
        client.batch_execute("BEGIN").await.map_err(failed())?;
        let changed = async {
            self.hold_positions(projection, version, &doing).await?;
            let values: [&(dyn ToSql + Sync); 3] = [&projection, &number, &paused];
            client.execute(&update, &values).await.map_err(failed())
        };
        let (changed, end) = match changed.await {
            Ok(0) => (Err(super::unknown(projection, version)), "ROLLBACK".into()),
            Ok(_) => (
                Ok(()),
                format!("{}; COMMIT", notify(&self.schema, projection)),
            ),
            Err(error) => (Err(error), "ROLLBACK".into()),
        };
        let ended = client.batch_execute(&end).await.map_err(failed());
        changed.and(ended)
    }

    /// Holds a version's positions in order, as all do who hold several: so they do not wait in a ring.
    pub(super) async fn hold_positions(
        &self,
        projection: &str,
        version: u32,
        doing: &str,
    ) -> Result<(), ProjectorError> {
        let query = format!(
            "SELECT FROM {} WHERE projection = $1 AND version = $2 {IN_ORDER} FOR UPDATE",
            table(&self.schema)
        );
        let number = version as i32;
        let held = self
            .session
            .client
            .query(&query, &[&projection, &number])
            .await;
        held.map(drop).map_err(ProjectorError::postgres(doing))
    }
}
