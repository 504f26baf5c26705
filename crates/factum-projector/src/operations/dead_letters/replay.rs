//! Asking for a replay, and seeing how it ends.

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::LetterFilter;
use super::changes::{Numbers, Place, topics};
use super::chosen::Backwards;
use crate::letter::Head;
use crate::operations::Operations;
use crate::{ProjectorError, dead_letters, positions};

/// Letters that are asked to be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Replay {
    /// The projection.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The topics of the letters, by name.
    pub topics: Vec<String>,
    /// How many letters are meant.
    pub letters: u64,
    /// How many others hold one of these back, and are asked for with them.
    pub before: u64,
    #[serde(skip)]
    marked: Numbers,
}

/// What became of letters that were asked to be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReplayProgress {
    /// Letters that are replayed, or were discarded.
    pub gone: u64,
    /// Letters that no worker has tried yet.
    pub waiting: u64,
    /// Letters that stay: they failed again, or are behind one that did.
    pub stay: u64,
    /// The errors of those that stay, each once; at most ten.
    pub errors: Vec<String>,
}

impl Operations {
    /// Asks the workers of a version to replay the letters for which a filter holds, and those before them that hold
    /// them back. A worker that runs hears of it; otherwise the next one to start replays them.
    ///
    /// # Errors
    /// There is no table of dead letters, the positions are in use, or Postgres fails; nothing has changed then.
    pub async fn replay(
        &self,
        projection: &str,
        version: u32,
        filter: &LetterFilter,
    ) -> Result<Replay, ProjectorError> {
        let asked = self.in_transaction(projection, version, async {
            let replay = self.to_replay((projection, version), filter).await?;
            let set = "UPDATE {table} SET replay_asked_at = now()";
            self.change(set, (projection, version), &replay.marked)
                .await?;
            self.run_letters(&self.notify_letters(projection, version))
                .await?;
            Ok(replay)
        });
        asked.await
    }

    /// What became of a replay by now.
    ///
    /// # Errors
    /// Postgres fails.
    pub async fn replay_progress(&self, of: &Replay) -> Result<ReplayProgress, ProjectorError> {
        let query = format!(
            "SELECT error, count(*) FILTER (WHERE replay_asked_at IS NOT NULL), \
                    count(*) FILTER (WHERE replay_asked_at IS NULL) \
             FROM {} WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4 \
             AND sequence = ANY ($5) GROUP BY error",
            self.letters()
        );
        let _call = self.session.call();
        let version = of.version as i32;
        let mut progress = ReplayProgress {
            gone: of.letters + of.before,
            ..ReplayProgress::default()
        };
        for ((topic, partition), numbers) in &of.marked {
            let values: [&(dyn ToSql + Sync); 5] =
                [&of.projection, &version, topic, partition, numbers];
            let rows = self.session.client.query(&query, &values).await;
            let rows = rows.map_err(|it| self.letters_failed("see what was replayed", it))?;
            rows.iter().for_each(|row| progress.note(row));
        }
        Ok(progress)
    }

    async fn to_replay(
        &self,
        (projection, version): (&str, u32),
        filter: &LetterFilter,
    ) -> Result<Replay, ProjectorError> {
        let (mut at, mut backwards) = (None, Backwards::default());
        let mut replay = Replay {
            projection: projection.to_owned(),
            version,
            topics: Vec::new(),
            letters: 0,
            before: 0,
            marked: Numbers::new(),
        };
        let take = |place: Place, head: Head| {
            if at.as_ref() != Some(&place) {
                (at, backwards) = (Some(place.clone()), Backwards::default());
            }
            if backwards.take(&head) {
                replay.letters += u64::from(head.wanted);
                replay.before += u64::from(!head.wanted);
                let numbers = replay.marked.entry(place).or_default();
                numbers.push(head.sequence as i64);
            }
        };
        self.heads((projection, version), filter, "DESC", take)
            .await?;
        replay.topics = topics(&replay.marked);
        Ok(replay)
    }

    fn notify_letters(&self, projection: &str, version: u32) -> String {
        let channel = dead_letters::channel(&self.schema);
        positions::notify(&channel, &format!("{projection}.v{version}"))
    }
}

impl ReplayProgress {
    fn note(&mut self, row: &Row) {
        let (error, waiting, stay): (Option<String>, i64, i64) =
            (row.get(0), row.get(1), row.get(2));
        self.waiting += waiting as u64;
        self.stay += stay as u64;
        self.gone -= (waiting + stay) as u64;
        let new = error.filter(|it| stay > 0 && !self.errors.contains(it));
        self.errors.extend(new.filter(|_| self.errors.len() < 10));
    }
}
