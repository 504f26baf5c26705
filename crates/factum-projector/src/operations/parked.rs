//! How many events are parked in each partition.

use std::collections::BTreeMap;

use factum_core::Offset;
use tokio_postgres::types::ToSql;

use super::Operations;
use crate::{ProjectorError, dead_letters, positions};

/// How many dead letters there are.
pub(super) enum Parked {
    /// So many, by projection, version, topic and partition.
    Letters(BTreeMap<(String, u32, String, u32), u64>),
    /// The role may not see them.
    Hidden,
}

impl Operations {
    /// Counts the dead letters of all partitions: none where there is no table of them.
    pub(super) async fn parked(&self) -> Result<Parked, ProjectorError> {
        let table = dead_letters::table(&self.schema);
        let failed = || ProjectorError::postgres("count the dead letters");
        match self.may_see(&table).await? {
            None => return Ok(Parked::Letters(BTreeMap::new())),
            Some(false) => return Ok(Parked::Hidden),
            Some(true) => {}
        }
        let count = format!(
            "SELECT projection, version, topic, partition, count(*) FROM {table} GROUP BY 1, 2, 3, 4"
        );
        let (_call, client) = (self.session.call(), &self.session.client);
        let rows = client.query(&count, &[]).await.map_err(failed())?;
        let letters = rows.iter().map(|row| {
            let (version, partition) = (row.get::<_, i32>(1) as u32, row.get::<_, i32>(3) as u32);
            let letters = row.get::<_, i64>(4) as u64;
            ((row.get(0), version, row.get(2), partition), letters)
        });
        Ok(Parked::Letters(letters.collect()))
    }

    /// How many dead letters of a version lie before these offsets of its partitions. A role that may not see them
    /// sees whether there ever were any there; then none is told.
    pub(super) async fn parked_before(
        &self,
        (projection, version): (&str, u32),
        ends: &BTreeMap<(String, u32), Offset>,
    ) -> Result<Option<u64>, ProjectorError> {
        let table = dead_letters::table(&self.schema);
        let failed = || ProjectorError::postgres("count the dead letters");
        match self.may_see(&table).await? {
            None => return Ok(Some(0)),
            Some(false) => {
                let parked = self.ever_parked((projection, version), ends).await?;
                return Ok((!parked).then_some(0));
            }
            Some(true) => {}
        }
        let count = format!(
            "SELECT count(*) FROM {table} JOIN unnest($3::text[], $4::integer[], $5::bigint[]) \
             AS it (topic, partition, \"end\") USING (topic, partition) \
             WHERE projection = $1 AND version = $2 AND \"offset\" < \"end\""
        );
        let topics: Vec<_> = ends.keys().map(|(topic, _)| &**topic).collect();
        let partitions: Vec<_> = ends.keys().map(|(_, it)| *it as i32).collect();
        let ends: Vec<_> = ends.values().map(|end| *end as i64).collect();
        let values: [&(dyn ToSql + Sync); 5] =
            [&projection, &(version as i32), &topics, &partitions, &ends];
        let _call = self.session.call();
        let counted = self.session.client.query_one(&count, &values).await;
        Ok(Some(counted.map_err(failed())?.get::<_, i64>(0) as u64))
    }

    /// Whether events were ever parked in some of a version's partitions, which their positions tell.
    async fn ever_parked(
        &self,
        (projection, version): (&str, u32),
        partitions: &BTreeMap<(String, u32), Offset>,
    ) -> Result<bool, ProjectorError> {
        let look = format!(
            "SELECT coalesce(bool_or(parked), false) FROM {} \
             JOIN unnest($3::text[], $4::integer[]) AS it (topic, partition) USING (topic, partition) \
             WHERE projection = $1 AND version = $2",
            positions::table(&self.schema)
        );
        let topics: Vec<_> = partitions.keys().map(|(topic, _)| &**topic).collect();
        let partitions: Vec<_> = partitions.keys().map(|(_, it)| *it as i32).collect();
        let values: [&(dyn ToSql + Sync); 4] =
            [&projection, &(version as i32), &topics, &partitions];
        let _call = self.session.call();
        let row = self.session.client.query_one(&look, &values).await;
        let failed = ProjectorError::postgres("see whether events were ever parked");
        Ok(row.map_err(failed)?.get(0))
    }

    /// Whether the role may read a table; none where it is not there.
    pub(super) async fn may_see(&self, table: &str) -> Result<Option<bool>, ProjectorError> {
        let find = "SELECT has_table_privilege(to_regclass($1), 'SELECT')";
        let _call = self.session.call();
        let may = self.session.client.query_one(find, &[&table]).await;
        let doing = format!("see whether {table} may be read");
        Ok(may.map_err(ProjectorError::postgres(doing))?.get(0))
    }
}

impl Parked {
    /// How many there are of a version's topic, in one partition or in all; none where that is not known.
    pub(super) fn of(
        &self,
        (projection, version): (&str, u32),
        topic: &str,
        partition: Option<u32>,
    ) -> Option<u64> {
        let Self::Letters(letters) = self else {
            return None;
        };
        let (first, last) = (partition.unwrap_or(0), partition.unwrap_or(u32::MAX));
        let at = |partition| (projection.to_owned(), version, topic.to_owned(), partition);
        let found = letters.range(at(first)..=at(last));
        Some(found.map(|(_, letters)| letters).sum())
    }
}
