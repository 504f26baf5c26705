//! Waiting until a read model shows all that the log holds now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use factum_core::{EventLog, LogError, Offset, Position, Topic};
use futures::future::try_join_all;
use tokio::sync::Notify;

use super::Operations;
use crate::identity;
use crate::positions::{COLUMNS, channel, position, table};
use crate::session::{Heard, Session};
use crate::sources::Sources;
use crate::until_end::holds_commit;
use crate::{ProjectorError, versions};

/// How often it is looked while nothing is heard.
const LOOK: Duration = Duration::from_secs(1);

/// A read model that shows all that the log held when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaughtUp {
    /// The version.
    pub version: u32,
    /// Partitions of its topics.
    pub partitions: usize,
    /// Events that it does not show, for they are parked. None where some were parked once, and the role may not see
    /// whether they still are.
    pub parked: Option<u64>,
}

/// Why it is not known that a read model shows all that the log holds. It prints its own message only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatchUpError {
    /// There is no such version, or none is live.
    #[error(
        "{projection} has no position: are its name and version right, is a version live, and has a worker of it \
         run on this database? `factum projection list` shows what there is"
    )]
    NotBegun {
        /// The projection, with its version if that was named.
        projection: String,
    },
    /// It has not come so far in time.
    #[error(
        "{projection} does not show all events within {timeout:?}: {left} records are left, in partitions {partitions}. \
         {why}"
    )]
    Behind {
        /// The projection, with its version.
        projection: String,
        /// How long it was waited.
        timeout: Duration,
        /// Records between the positions and the ends.
        left: u64,
        /// The partitions that have them, with their topics where there are several.
        partitions: String,
        /// What is known of the reason.
        why: String,
    },
    /// The log or Postgres fails.
    #[error(transparent)]
    Failed(#[from] ProjectorError),
}

/// A partition of a topic.
type At = (String, u32);

/// How far a version is.
struct Standing {
    version: u32,
    positions: BTreeMap<At, Position>,
}

impl Operations {
    /// Waits until a version of a projection, the live one unless one is named, has projected all that its
    /// topics hold at the moment of the call. What is torn off at the end of a partition does not count. Where another
    /// version comes to be live meanwhile, its topics count: what those of them that are new hold at that moment.
    ///
    /// # Errors
    /// See [`CatchUpError`]. Who waits changes nothing.
    pub async fn wait_for_end(
        &self,
        log: &dyn EventLog,
        projection: &str,
        version: Option<u32>,
        timeout: Duration,
    ) -> Result<CaughtUp, CatchUpError> {
        let of = (projection, version, None);
        self.wait_for(log, of, timeout).await
    }

    /// Waits until a version has projected all that these of its topics hold at the moment of the call.
    pub(super) async fn wait_for_topics(
        &self,
        log: &dyn EventLog,
        (projection, version): (&str, u32),
        topics: &BTreeSet<String>,
        timeout: Duration,
    ) -> Result<CaughtUp, CatchUpError> {
        let of = (projection, Some(version), Some(topics));
        self.wait_for(log, of, timeout).await
    }

    async fn wait_for(
        &self,
        log: &dyn EventLog,
        (projection, version, only): (&str, Option<u32>, Option<&BTreeSet<String>>),
        timeout: Duration,
    ) -> Result<CaughtUp, CatchUpError> {
        let (news, heard) = (Arc::new(Notify::new()), projection.to_owned());
        let session = self.listen_to_moves(news.clone(), heard).await?;
        let mut wait = Wait {
            operations: self,
            session,
            which: (projection, version),
            only,
            topics: BTreeMap::new(),
            ends: BTreeMap::new(),
            left: BTreeMap::new(),
            last: None,
        };
        let waited = tokio::time::timeout(timeout, wait.run(log, &news)).await;
        match waited {
            Ok(caught_up) => caught_up,
            Err(_) => Err(wait.too_late(timeout).await?),
        }
    }

    async fn listen_to_moves(
        &self,
        news: Arc<Notify>,
        name: String,
    ) -> Result<Session, ProjectorError> {
        let heard = move |heard: Heard<'_>| match heard {
            Heard::Notification(projection) if projection != name => {}
            Heard::Notification(_) | Heard::End => news.notify_one(),
        };
        let session = self.server.listen(heard).await?;
        let listen = format!("LISTEN {}", channel(&self.schema));
        let call = session.call();
        let done = session.client.batch_execute(&listen).await;
        done.map_err(ProjectorError::postgres("listen to moves of positions"))?;
        drop(call);
        Ok(session)
    }
}

/// One who waits.
struct Wait<'a> {
    operations: &'a Operations,
    session: Session,
    which: (&'a str, Option<u32>),
    /// Of which topics; none: of all that the version reads.
    only: Option<&'a BTreeSet<String>>,
    topics: BTreeMap<String, Arc<dyn Topic>>,
    /// Where their partitions ended when they were asked.
    ends: BTreeMap<At, Offset>,
    /// What is yet to be reached.
    left: BTreeMap<At, Offset>,
    last: Option<Standing>,
}

impl Wait<'_> {
    async fn run(&mut self, log: &dyn EventLog, news: &Notify) -> Result<CaughtUp, CatchUpError> {
        loop {
            let standing = self.stand().await?;
            let asked = self.ask(log, &standing).await;
            asked.map_err(ProjectorError::from)?;
            let reached = |at: &At, end: &Offset| {
                let position = standing.positions.get(at);
                position.is_some_and(|position| position.offset >= *end)
            };
            self.left.retain(|at, end| !reached(at, end));
            let before = self.last.replace(standing);
            if self.left.is_empty() {
                return self.caught_up().await;
            }
            if self.is_stalled(before.as_ref()) {
                self.forget_torn().await;
                if self.left.is_empty() {
                    return self.caught_up().await;
                }
            }
            let _ = tokio::time::timeout(LOOK, news.notified()).await;
        }
    }

    /// Where the version stands now. Which one is live is read together with its positions.
    async fn stand(&self) -> Result<Standing, CatchUpError> {
        let (projection, version) = (self.which.0, self.which.1.map(|it| it as i32));
        let schema = &self.operations.schema;
        let query = format!(
            "SELECT {COLUMNS}, topic, version FROM {} \
             WHERE projection = $1 AND version = coalesce($2, \
             (SELECT version FROM {} WHERE projection = $1 AND state = 'live'))",
            table(schema),
            versions::table(schema)
        );
        let _call = self.session.call();
        let rows = match self
            .session
            .client
            .query(&query, &[&projection, &version])
            .await
        {
            Err(error) if super::list::is_missing(&error) => Vec::new(),
            rows => rows.map_err(ProjectorError::postgres("read the positions"))?,
        };
        let Some(first) = rows.first() else {
            let projection = self.name(self.which.1);
            return Err(CatchUpError::NotBegun { projection });
        };
        let at = rows.iter().map(|row| {
            let (partition, position) = position(0, row);
            ((row.get(6), partition), position)
        });
        Ok(Standing {
            version: first.get::<_, i32>(7) as u32,
            positions: at.collect(),
        })
    }

    /// Asks the log where the partitions of topics end now that were not asked yet, and forgets those that the version
    /// does not read.
    async fn ask(&mut self, log: &dyn EventLog, standing: &Standing) -> Result<(), LogError> {
        let read: BTreeSet<&String> = standing.positions.keys().map(|(topic, _)| topic).collect();
        self.topics.retain(|topic, _| read.contains(topic));
        self.ends.retain(|(topic, _), _| read.contains(topic));
        self.left.retain(|(topic, _), _| read.contains(topic));
        for topic in read {
            let other = self.only.is_some_and(|only| !only.contains(topic));
            if other || self.topics.contains_key(topic) {
                continue;
            }
            let opened = log.open(topic, None).await?;
            let ends = (0..opened.partitions()).map(|partition| opened.end(partition));
            let ends = try_join_all(ends).await?;
            let ends = (0..).zip(ends).map(|(it, end)| ((topic.clone(), it), end));
            let ends: BTreeMap<At, Offset> = ends.collect();
            self.left.extend(ends.clone());
            self.ends.extend(ends);
            self.topics.insert(topic.clone(), opened);
        }
        Ok(())
    }

    fn is_stalled(&self, before: Option<&Standing>) -> bool {
        let of = |standing: Option<&Standing>| standing.map(|it| it.positions.clone());
        of(before) == of(self.last.as_ref())
    }

    /// Takes the partitions as reached where no whole commit is left: their last one was torn off, and a
    /// position never stands within a commit.
    async fn forget_torn(&mut self) {
        for ((name, partition), end) in self.left.clone() {
            let at = (name.clone(), partition);
            let position = self.last.as_ref().and_then(|it| it.positions.get(&at));
            let (Some(position), Some(topic)) = (position, self.topics.get(&name)) else {
                continue;
            };
            let sources = Sources::new(vec![topic.clone()]);
            // What can't be read is for the partition's worker to report.
            if let Ok(false) = holds_commit(&sources, partition, *position, end).await {
                self.left.remove(&at);
            }
        }
    }

    async fn caught_up(&self) -> Result<CaughtUp, CatchUpError> {
        self.verify().await?;
        let version = self.last.as_ref().map_or(0, |it| it.version);
        let parked = self
            .operations
            .parked_before((self.which.0, version), &self.ends);
        Ok(CaughtUp {
            version,
            partitions: self.ends.len(),
            parked: parked.await?,
        })
    }

    /// Is it this log that the positions speak of? Offsets of another one say nothing of it.
    async fn verify(&self) -> Result<(), ProjectorError> {
        let positions = self.last.iter().flat_map(|it| &it.positions);
        for (name, topic) in &self.topics {
            let of_topic = positions.clone().filter(|((of, _), _)| of == name);
            let of_topic = of_topic.map(|((_, partition), at)| (*partition, *at));
            let sources = Sources::new(vec![topic.clone()]);
            identity::verify(&sources, self.which.0, &of_topic.collect()).await?;
        }
        Ok(())
    }

    async fn too_late(&self, timeout: Duration) -> Result<CatchUpError, ProjectorError> {
        let version = self.last.as_ref().map(|it| it.version).or(self.which.1);
        let lag = |(at, end): (&At, &Offset)| {
            let at = self.last.as_ref().and_then(|it| it.positions.get(at));
            end.saturating_sub(at.map_or(0, |at| at.offset))
        };
        let names = self
            .left
            .keys()
            .map(|(topic, partition)| match self.topics.len() > 1 {
                true => format!("{topic} {partition}"),
                false => partition.to_string(),
            });
        let names: Vec<_> = names.collect();
        Ok(CatchUpError::Behind {
            projection: self.name(version),
            timeout,
            left: self.left.iter().map(lag).sum(),
            partitions: names.join(", "),
            why: self.why(version).await?,
        })
    }

    /// What is known of why a version does not come on.
    async fn why(&self, version: Option<u32>) -> Result<String, ProjectorError> {
        let status = self.operations.status().await?;
        let mine = status.iter().filter(|it| {
            let at = (it.topic.clone(), it.partition);
            it.projection == self.which.0
                && Some(it.version) == version
                && self.left.contains_key(&at)
        });
        let mine: Vec<_> = mine.collect();
        if mine.iter().any(|it| it.paused) {
            return Ok("It is paused: `factum projection resume` lets it go on".into());
        }
        if let Some(error) = mine.iter().find_map(|it| it.error.as_ref()) {
            return Ok(format!("Its last error: {error}"));
        }
        Ok(match mine.iter().all(|it| it.worker.is_some()) {
            true => "Its workers run: wait longer".into(),
            false => "No worker has been seen there for half a minute: does one run?".into(),
        })
    }

    fn name(&self, version: Option<u32>) -> String {
        match version {
            Some(version) => format!("{} version {version}", self.which.0),
            None => self.which.0.to_owned(),
        }
    }
}
