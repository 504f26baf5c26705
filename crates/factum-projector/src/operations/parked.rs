//! How many events are parked in each partition.

use std::collections::BTreeMap;

use super::Operations;
use crate::{ProjectorError, dead_letters};

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
        let (_call, client) = (self.session.call(), &self.session.client);
        let find = "SELECT has_table_privilege(to_regclass($1), 'SELECT')";
        let may = client.query_one(find, &[&table]).await.map_err(failed())?;
        match may.get(0) {
            None => return Ok(Parked::Letters(BTreeMap::new())),
            Some(false) => return Ok(Parked::Hidden),
            Some(true) => {}
        }
        let count = format!(
            "SELECT projection, version, topic, partition, count(*) FROM {table} GROUP BY 1, 2, 3, 4"
        );
        let rows = client.query(&count, &[]).await.map_err(failed())?;
        let letters = rows.iter().map(|row| {
            let (version, partition) = (row.get::<_, i32>(1) as u32, row.get::<_, i32>(3) as u32);
            let letters = row.get::<_, i64>(4) as u64;
            ((row.get(0), version, row.get(2), partition), letters)
        });
        Ok(Parked::Letters(letters.collect()))
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
