//! What operators decide about the versions of a projection.

use std::collections::BTreeSet;
use std::time::Duration;

use factum_core::EventLog;

use super::removal::{Removal, judge};
use super::{CatchUpError, Operations};
use crate::ProjectorError;
use crate::positions::places;
use crate::rebuild::{added, live};
use crate::switch::{Asks, SwitchError, notify, switch};
use crate::versions::{Version, VersionState, Versions};

impl Operations {
    /// Leads readers to a version, if it is as far as the one that they see. So one goes back to a
    /// version that was live before, too, while its workers keep it up.
    ///
    /// # Errors
    /// It is unknown, unfit, or behind; it reads topics that the live one does not ([`SwitchError::Added`]); or what
    /// readers use is in use for longer than a moment. Nothing has changed then.
    pub async fn switch(&self, projection: &str, version: u32) -> Result<(), ProjectorError> {
        self.switch_knowing(projection, version, &BTreeSet::new())
            .await
    }

    /// The same for a version that reads topics which the live one does not: waits, `timeout` at most, until it shows
    /// all events that those held at the moment of the call.
    ///
    /// # Errors
    /// It does not come so far in time, the log is out of reach, or as for [`Operations::switch`]. Nothing has
    /// changed then.
    pub async fn switch_when_caught_up(
        &self,
        log: &dyn EventLog,
        projection: &str,
        version: u32,
        timeout: Duration,
    ) -> Result<(), CatchUpError> {
        let topics = self.added_topics(projection, version).await?;
        if !topics.is_empty() {
            self.wait_for_topics(log, (projection, version), &topics, timeout)
                .await?;
        }
        self.switch_knowing(projection, version, &topics).await?;
        Ok(())
    }

    async fn switch_knowing(
        &self,
        projection: &str,
        version: u32,
        caught_up: &BTreeSet<String>,
    ) -> Result<(), ProjectorError> {
        let _call = self.session.call();
        let (client, asks) = (&self.session.client, Asks::Operator(caught_up));
        switch(client, &self.schema, (projection, version), asks).await
    }

    /// The topics that a version reads and the live one does not.
    async fn added_topics(
        &self,
        projection: &str,
        version: u32,
    ) -> Result<BTreeSet<String>, ProjectorError> {
        let (_call, client) = (self.session.call(), &self.session.client);
        let known = Versions::new(&self.schema).of(client, projection).await?;
        let new = known.iter().find(|it| it.version == version);
        let (Some(new), Some(old)) = (new, live(&known)) else {
            return Ok(BTreeSet::new());
        };
        let there = places(client, &self.schema, old, "").await?;
        Ok(added(&there, &places(client, &self.schema, new, "").await?))
    }

    /// Asks the workers of a version to lead readers to it as soon as it is ready; one that was cancelled may
    /// begin again.
    ///
    /// # Errors
    /// There is no such version, or it was live before; or Postgres fails.
    pub async fn rebuild(&self, projection: &str, version: u32) -> Result<(), ProjectorError> {
        let (_call, client) = (self.session.call(), &self.session.client);
        let versions = Versions::new(&self.schema);
        let known = versions.of(client, projection).await?;
        let Some(asked) = known.iter().find(|it| it.version == version) else {
            return Err(super::unknown(projection, version));
        };
        match asked.state {
            VersionState::Cancelled => versions.forget(client, (projection, version)).await?,
            VersionState::Retired => return Err(was_live(asked).into()),
            _ => {
                versions
                    .set(client, (projection, version), "automatic = true")
                    .await?
            }
        }
        self.tell(projection).await
    }

    /// Gives a version up that was not live yet: its tables and positions go. What is left is its number, by
    /// which workers that are still about to run it know that they must not begin again.
    ///
    /// # Errors
    /// It is live or was, or there is none; or Postgres fails. Nothing has changed then.
    pub async fn cancel(&self, projection: &str, version: u32) -> Result<(), ProjectorError> {
        self.remove(projection, version, Removal::Cancel).await
    }

    /// Drops a version with its tables, positions, and all that is known of it. The live version can be
    /// dropped if it is the only one.
    ///
    /// # Errors
    /// Readers or other objects stand on it, or there is none; or Postgres fails. Nothing has changed then.
    pub async fn drop_version(&self, projection: &str, version: u32) -> Result<(), ProjectorError> {
        self.remove(projection, version, Removal::Drop).await
    }

    async fn remove(
        &self,
        projection: &str,
        version: u32,
        how: Removal,
    ) -> Result<(), ProjectorError> {
        let (_call, client) = (self.session.call(), &self.session.client);
        let run = async |sql: &str| {
            let done = client.batch_execute(sql).await;
            done.map_err(ProjectorError::postgres(format!(
                "remove {projection} version {version}"
            )))
        };
        run("BEGIN; SET LOCAL lock_timeout = '5s'").await?;
        let removed = async {
            let known = Versions::new(&self.schema).held(client, projection).await?;
            let version = judge(projection, version, &known, how)?;
            self.take_away(version, how).await
        };
        match removed.await {
            Ok(()) => run(&format!("{}; COMMIT", notify(&self.schema, projection))).await,
            Err(error) => {
                run("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    async fn tell(&self, projection: &str) -> Result<(), ProjectorError> {
        let notify = notify(&self.schema, projection);
        let told = self.session.client.batch_execute(&notify).await;
        told.map_err(ProjectorError::postgres("tell the workers"))
    }
}

fn was_live(version: &Version) -> SwitchError {
    let Version {
        projection,
        version: number,
        ..
    } = version;
    SwitchError::Unfit {
        version: version.to_string(),
        why: format!(
            "it was live before, and is not built again: lead readers back to it with \
             `factum projection switch {projection} --to {number}`, or raise the version"
        ),
    }
}
