//! Taking a version away, with everything that belongs to it.

use super::Operations;
use crate::dead_letters;
use crate::positions;
use crate::switch::SwitchError;
use crate::versions::{Version, VersionState, Versions};
use crate::view::{dependents, qualified, standing, tables};
use crate::{ProjectorError, sql};

/// What is to be left of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// Its number.
    Cancel,
    /// Nothing.
    Drop,
}

impl Removal {
    /// The error where a version stays.
    fn refused(self, version: &Version, why: impl Into<String>) -> ProjectorError {
        let kept = SwitchError::Kept {
            version: version.to_string(),
            done: match self {
                Self::Cancel => "cancelled",
                Self::Drop => "dropped",
            },
            why: why.into(),
        };
        kept.into()
    }
}

/// Whether a version may be taken away. Pure.
pub(super) fn judge<'a>(
    projection: &str,
    version: u32,
    known: &'a [Version],
    how: Removal,
) -> Result<&'a Version, ProjectorError> {
    let Some(found) = known.iter().find(|it| it.version == version) else {
        return Err(super::unknown(projection, version));
    };
    let why = match (found.state, how) {
        (VersionState::Live, Removal::Drop) if known.len() == 1 => return Ok(found),
        (VersionState::Live, _) => {
            "it is live: readers would find nothing. Switch to another version first, or drop the others first"
        }
        (VersionState::Retired, Removal::Cancel) => "it was live before: drop it instead",
        _ => return Ok(found),
    };
    Err(how.refused(found, why))
}

impl Operations {
    /// Takes a version away, inside a transaction.
    pub(super) async fn take_away(
        &self,
        version: &Version,
        how: Removal,
    ) -> Result<(), ProjectorError> {
        let client = &self.session.client;
        let versions = Versions::new(&self.schema);
        let whose = (&*version.projection, version.version);
        // Its workers move positions before they touch a table: in the same order, nobody waits in a ring.
        let positions = format!(
            "DELETE FROM {} WHERE projection = $1 AND version = $2",
            positions::table(&self.schema)
        );
        self.hold_positions(whose.0, whose.1, "hold its positions")
            .await?;
        let number = version.version as i32;
        let deleted = client
            .execute(&positions, &[&version.projection, &number])
            .await;
        deleted.map_err(ProjectorError::postgres("delete its positions"))?;
        dead_letters::forget(client, &self.schema, version).await?;
        if version.state != VersionState::Cancelled {
            self.drop_tables(version, how).await?;
        }
        match how {
            Removal::Drop => versions.forget(client, whose).await,
            Removal::Cancel => versions.set(client, whose, "state = 'cancelled'").await,
        }
    }

    async fn drop_tables(&self, version: &Version, how: Removal) -> Result<(), ProjectorError> {
        let own = version.is_behind_a_view();
        let names = match own {
            true => tables(&self.session.client, &version.place).await?,
            false => version.tables.clone(),
        };
        for name in names {
            if own && version.state == VersionState::Live {
                let view = qualified(&version.home, &name);
                self.run(&format!("DROP VIEW IF EXISTS {view}"), &view)
                    .await?;
            }
            self.drop_table(version, &name, how).await?;
        }
        if own {
            let schema = sql::quote(&version.place);
            self.run(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), &schema)
                .await?;
        }
        Ok(())
    }

    async fn drop_table(
        &self,
        version: &Version,
        name: &str,
        how: Removal,
    ) -> Result<(), ProjectorError> {
        let table = qualified(&version.place, name);
        let find = "SELECT to_regclass($1)::oid";
        let found = self.session.client.query_one(find, &[&table]).await;
        let found = found.map_err(ProjectorError::postgres(format!("look at {table}")))?;
        let Some(oid) = found.get::<_, Option<u32>>(0) else {
            return Ok(());
        };
        let others = dependents(&self.session.client, oid).await?;
        if !others.is_empty() {
            let why = format!(
                "{} on its table {table}: drop what does first",
                standing(&others)
            );
            return Err(how.refused(version, why));
        }
        let owner = format!(
            "DELETE FROM {}.factum_owners WHERE table_oid = {oid}",
            sql::quote(&version.place)
        );
        self.run(&owner, &table).await?;
        self.run(&format!("DROP TABLE {table}"), &table).await
    }

    async fn run(&self, sql: &str, what: &str) -> Result<(), ProjectorError> {
        let done = self.session.client.batch_execute(sql).await;
        done.map_err(ProjectorError::postgres(format!("drop {what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::tests::version;
    use VersionState::{Building, Cancelled, Live, Retired};

    #[test]
    fn in_no_case_is_what_readers_see_taken_away_under_them() {
        for state in [Building, Live, Retired, Cancelled] {
            for how in [Removal::Cancel, Removal::Drop] {
                let known = [version(1, Live), version(2, Building), version(3, state)];
                let may = |number| judge("board", number, &known, how).is_ok();
                assert!(!may(1), "live, and not alone");
                assert!(!may(4), "unknown");
                assert!(may(2));
                let expected = match state {
                    Live => false,
                    Retired => how == Removal::Drop,
                    Building | Cancelled => true,
                };
                assert_eq!(may(3), expected, "{state} {how:?}");
            }
        }
        let alone = [version(1, Live)];
        assert!(judge("board", 1, &alone, Removal::Drop).is_ok());
        assert!(judge("board", 1, &alone, Removal::Cancel).is_err());
    }
}
