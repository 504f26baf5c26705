//! Pausing a projection, and letting it go on.

use super::Operations;
use crate::ProjectorError;
use crate::positions::table;
use crate::switch::notify;

impl Operations {
    /// Pauses a version of a projection, or lets it go on. Its workers stay, with their partitions.
    ///
    /// A pause is exact: whatever its workers have under way is committed before this returns, or never. It
    /// is written into the positions themselves, which every transaction moves; so it waits for those that
    /// are being committed, and stops all others, also of workers that hear of it later, or start. Nothing is
    /// lost or counted twice by it.
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
        let failed = || ProjectorError::postgres(format!("{doing} {projection} version {version}"));
        let values = [
            &projection as &(dyn tokio_postgres::types::ToSql + Sync),
            &(version as i32),
            &paused,
        ];
        let changed = client.execute(&update, &values).await.map_err(failed())?;
        if changed == 0 {
            return Err(super::unknown(projection, version));
        }
        let tell = notify(&self.schema, projection);
        client.batch_execute(&tell).await.map_err(failed())
    }
}
