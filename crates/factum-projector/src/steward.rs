//! A worker's steward: hears what operators ask for, and takes a new version from step to step until
//! readers are led to it. What to do is decided in `rebuild`; here it is read and done.
//!
//! Every worker has one. Steps are taken in transactions that hold the version's row, so that only one of
//! them takes each; the others find it taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Offset, Position, chain};
use futures::future::try_join_all;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::added::Added;
use crate::backoff::Backoff;
use crate::positions::{Positions, places};
use crate::postgres::Postgres;
use crate::progress::Progress;
use crate::rebuild::{Ahead, Facts, RebuildStage, Step, added, ahead, hindrance, live, next};
use crate::session::{Heard, Server, Session};
use crate::sources::Sources;
use crate::switch::{Asks, switch};
use crate::versions::{Version, VersionState, Versions, channel};
use crate::{Options, ProjectorError, dead_letters, workers};

/// How often a steward looks while there is something to be done. What operators do, it hears at once.
const BUSY: Duration = Duration::from_millis(500);
/// How often it looks else, for notifications that somebody held up.
const IDLE: Duration = Duration::from_secs(10);

/// A worker's steward.
pub(crate) struct Steward {
    server: Server,
    positions: Positions,
    versions: Versions,
    indexes: Option<String>,
    sources: Sources,
    progress: Arc<Progress>,
    /// Whether a step that cannot succeed ends the worker.
    strict: bool,
    /// What the worker is called where it says how it is, and whether it could not say it last time.
    id: uuid::Uuid,
    mute: bool,
    news: Arc<Notify>,
    looks: watch::Sender<Looks>,
    said: Option<(Instant, u64)>,
    interval: Duration,
    /// How far the version is in topics that the live one does not read, and which these are.
    added: Added,
    added_topics: BTreeSet<String>,
    /// Between attempts at a step. A switch holds the live version for a moment, so that one which fails
    /// again and again would hold it most of the time.
    steps: Backoff,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// There is nothing to do for now.
    Settled,
    /// The version is not ready for the next step.
    Unready,
    /// A step was taken.
    Taken,
    /// A step was tried, and could not be taken.
    Refused,
}

/// Where partitions end, and where the version stands in them, which was read later.
struct Standing {
    ends: BTreeMap<u32, Offset>,
    at: BTreeMap<u32, Position>,
}

/// How many looks have begun, and whether the last one found nothing to do.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    begun: u64,
    settled: bool,
}

impl Looks {
    /// What the last look has found says nothing about the next one.
    fn begin(&mut self) {
        self.begun += 1;
        self.settled = false;
    }
}

/// Tells when a steward has nothing left to do.
pub(crate) struct Settled {
    news: Arc<Notify>,
    looks: watch::Receiver<Looks>,
}

impl Settled {
    /// Waits for a look that begins after this and finds nothing to do.
    pub(crate) async fn wait(mut self) {
        let from = self.looks.borrow().begun + 1;
        self.news.notify_one();
        let settled = |looks: &Looks| looks.begun >= from && looks.settled;
        let _ = self.looks.wait_for(settled).await;
    }
}

/// Runs a steward for ever, if there is one.
///
/// # Errors
/// The version was given up, so its worker must end.
pub(crate) async fn run(steward: Option<Steward>) -> Result<(), ProjectorError> {
    match steward {
        Some(steward) => steward.run().await,
        None => std::future::pending().await,
    }
}

impl Steward {
    pub(crate) fn new(
        place: &Postgres,
        indexes: Option<String>,
        sources: &Sources,
        progress: &Arc<Progress>,
        options: &Options,
    ) -> Self {
        Self {
            server: place.server.steward(),
            positions: place.positions.clone(),
            versions: Versions::new(&place.positions.schema),
            indexes,
            sources: sources.clone(),
            progress: progress.clone(),
            strict: options.until_end,
            id: progress.id(),
            mute: false,
            news: Arc::default(),
            looks: watch::Sender::default(),
            said: None,
            interval: options.progress_interval,
            added: Added::default(),
            added_topics: BTreeSet::new(),
            steps: Backoff::default(),
        }
    }

    pub(crate) fn settled(&self) -> Settled {
        Settled {
            news: self.news.clone(),
            looks: self.looks.subscribe(),
        }
    }

    async fn run(mut self) -> Result<(), ProjectorError> {
        let mut backoff = Backoff::default();
        loop {
            let error = match self.session(&mut backoff).await {
                Err(error) if self.ends(&error) => return Err(error),
                Err(error) => error,
                Ok(()) => continue,
            };
            let cause = chain(&error);
            tracing::warn!(
                cause,
                "cannot see what is asked of this version: trying again"
            );
            backoff.wait().await;
        }
    }

    fn ends(&self, error: &ProjectorError) -> bool {
        matches!(
            error,
            ProjectorError::Dropped { .. } | ProjectorError::Cancelled { .. }
        ) || (self.strict && !error.is_retryable() && !error.is_lock_conflict())
    }

    /// Looks whenever it is time, as long as one session lasts.
    async fn session(&mut self, backoff: &mut Backoff) -> Result<(), ProjectorError> {
        let session = self.listen().await?;
        loop {
            self.looks.send_modify(Looks::begin);
            let step = self.look(&session).await?;
            let after = self.take(&session, step).await?;
            self.looks
                .send_modify(|looks| looks.settled = after == After::Settled);
            backoff.reset();
            let pause = self.pause(after);
            let _ = tokio::time::timeout(pause, self.news.notified()).await;
        }
    }

    /// How long to wait for the next look, if there is no news.
    fn pause(&mut self, after: After) -> Duration {
        if after != After::Refused {
            self.steps.reset();
        }
        match after {
            After::Settled => IDLE,
            After::Unready => BUSY,
            After::Taken => Duration::ZERO,
            After::Refused => self.steps.next(),
        }
    }

    /// A session that listens before anything is read in it.
    async fn listen(&self) -> Result<Session, ProjectorError> {
        let (news, name) = (self.news.clone(), self.positions.projection);
        let heard = move |heard: Heard<'_>| match heard {
            Heard::Notification(projection) if projection != name => {}
            Heard::Notification(_) | Heard::End => news.notify_one(),
        };
        let session = self.server.listen(heard).await?;
        let listen = format!("LISTEN {}", channel(&self.positions.schema));
        let call = session.call();
        let done = session.client.batch_execute(&listen).await;
        done.map_err(ProjectorError::postgres(
            "listen to what is asked of versions",
        ))?;
        drop(call);
        Ok(session)
    }

    /// Reads the facts, and decides.
    async fn look(&mut self, session: &Session) -> Result<Step, ProjectorError> {
        let call = session.call();
        let known = self.versions.of(&session.client, self.positions.projection);
        let known = known.await?;
        drop(call);
        let Some(mine) = known.iter().find(|it| it.version == self.positions.version) else {
            return Err(self.dropped());
        };
        let facts = self.facts(session, mine, live(&known)).await?;
        let step = next(&facts);
        self.progress.seen_paused(facts.paused);
        self.progress.may_resume();
        self.report(session).await;
        if let Step::Rest(stage) = step {
            self.progress.stage(mine.state, stage);
            self.note(session, mine, hindrance(&facts)).await?;
        }
        Ok(step)
    }

    /// Notes why the version rests, for whoever asks for the status, if that is news.
    async fn note(
        &self,
        session: &Session,
        mine: &Version,
        why: Option<String>,
    ) -> Result<(), ProjectorError> {
        if mine.state != VersionState::Building || mine.failure == why {
            return Ok(());
        }
        if let Some(why) = &why {
            tracing::warn!(why, "this version waits");
        }
        let _call = session.call();
        self.write_down(session, why.as_deref()).await
    }

    /// Says in Postgres how the worker is. A role that may not write there has said so once.
    async fn report(&mut self, session: &Session) {
        let (_call, status) = (session.call(), self.progress.status());
        let schema = &self.positions.schema;
        let told = workers::report(&session.client, schema, self.id, &status).await;
        if let (Err(error), false) = (&told, self.mute) {
            let cause = chain(error);
            tracing::debug!(cause, "cannot say in Postgres how this worker is");
        }
        self.mute = told.is_err();
    }

    async fn facts(
        &mut self,
        session: &Session,
        mine: &Version,
        live: Option<&Version>,
    ) -> Result<Facts, ProjectorError> {
        let mut facts = Facts {
            state: mine.state,
            indexed: mine.indexed,
            automatic: mine.automatic,
            paused: self.paused(session).await?,
            left: None,
            ahead: Ahead::Nobody,
            added: false,
            parked: 0,
        };
        let mut added_topics = BTreeSet::new();
        let building = mine.state == VersionState::Building;
        let mut standing = None;
        if building || !mine.indexed {
            standing = self.stand(session).await?;
        }
        facts.left = standing.as_ref().map(|it| self.left(it));
        if let (Some(live), true) = (live, building) {
            let _call = session.call();
            let (client, schema) = (&session.client, &self.positions.schema);
            let there = places(client, schema, live, "").await?;
            let here = places(client, schema, mine, "").await?;
            facts.ahead = ahead(&there, &here);
            facts.parked = dead_letters::lacking(client, schema, mine, live).await?;
            added_topics = added(&there, &here);
        }
        if self.added_topics != added_topics {
            self.added.forget(); // another version is live, and a goal of other topics says nothing
            self.added_topics = added_topics;
        }
        facts.added = self.has_caught_up(&facts, standing).await;
        Ok(facts)
    }

    /// Whether all is projected that the topics held a moment ago which the live version does not read.
    async fn has_caught_up(&mut self, facts: &Facts, standing: Option<Standing>) -> bool {
        let Some(mut standing) = standing.filter(|_| facts.is_filled()) else {
            self.added.forget();
            return false;
        };
        if facts.paused {
            self.added.forget(); // it may be long before it goes on
        }
        let is_added = |slot: &u32| self.added_topics.contains(self.positions.topic(*slot));
        standing.ends.retain(|slot, _| is_added(slot));
        standing.at.retain(|slot, _| is_added(slot));
        let (ends, at) = (&standing.ends, &standing.at);
        self.added.look(&self.sources, ends, at).await
    }

    async fn paused(&self, session: &Session) -> Result<bool, ProjectorError> {
        let _call = session.call();
        self.positions.are_paused(&session.client).await
    }

    /// Where the partitions end, and where the version stands in them; none while the log is out of reach.
    async fn stand(&self, session: &Session) -> Result<Option<Standing>, ProjectorError> {
        let sources = &self.sources;
        let ends = sources.slots().map(|slot| sources.end(slot));
        let Ok(ends) = try_join_all(ends).await else {
            return Ok(None); // its readers say so
        };
        let _call = session.call();
        let at = self.positions.all(&session.client).await?;
        let ends = sources.slots().zip(ends).collect();
        Ok(Some(Standing { ends, at }))
    }

    /// Records of all partitions that are left to project, and that are projected.
    fn left(&mut self, standing: &Standing) -> (u64, u64) {
        let Standing { ends, at } = standing;
        let left = ends.iter().map(|(slot, end)| {
            let offset = at.get(slot).map_or(0, |at| at.offset);
            end.saturating_sub(offset)
        });
        let (left, done) = (left.sum(), at.values().map(|at| at.offset).sum());
        self.say(left, done);
        (left, done)
    }

    /// Logs how the load gets on.
    fn say(&mut self, left: u64, done: u64) {
        let now = Instant::now();
        let Some((at, before)) = self.said else {
            self.said = Some((now, done));
            return;
        };
        let took = now - at;
        if took < self.interval || left == 0 {
            return;
        }
        let per_second = (done.saturating_sub(before)) as f64 / took.as_secs_f64();
        let eta = (per_second >= 1.0).then(|| (left as f64 / per_second) as u64);
        let percent = done * 100 / (done + left).max(1);
        tracing::info!(
            percent,
            left,
            per_second = per_second as u64,
            eta_seconds = eta,
            "rebuilding"
        );
        self.said = Some((now, done));
    }

    /// Takes a step.
    async fn take(&self, session: &Session, step: Step) -> Result<After, ProjectorError> {
        let _call = session.call();
        let taken = match step {
            Step::Rest(RebuildStage::Done | RebuildStage::Ready) => return Ok(After::Settled),
            Step::Rest(_) => return Ok(After::Unready),
            Step::End => return Err(self.cancelled()),
            Step::Index => self.index(session).await,
            Step::Switch => self.switch(session).await,
        };
        match taken {
            Ok(()) => return Ok(After::Taken),
            Err(error) if error.is_passing_switch() && step == Step::Switch => {
                tracing::info!(cause = chain(&error), "not switched yet");
                self.failed(session, &error).await?;
            }
            Err(error) if self.ends(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(
                    cause = chain(&error),
                    "a step of the rebuild failed: trying again"
                );
                self.failed(session, &error).await?;
            }
        }
        Ok(After::Refused)
    }

    /// A step that failed is tried again; whoever asks for the status sees why.
    async fn failed(
        &self,
        session: &Session,
        error: &ProjectorError,
    ) -> Result<(), ProjectorError> {
        let _ = session.client.batch_execute("ROLLBACK").await;
        self.write_down(session, Some(&chain(error))).await
    }

    async fn write_down(
        &self,
        session: &Session,
        failure: Option<&str>,
    ) -> Result<(), ProjectorError> {
        let (client, whose) = (&session.client, self.whose());
        match self.versions.failed(client, whose, failure).await {
            Err(error) if error.is_retryable() => Err(error),
            _ => Ok(()), // a role that may not write it down has told its log
        }
    }

    /// Builds what has waited for the load, unless another steward has.
    async fn index(&self, session: &Session) -> Result<(), ProjectorError> {
        let client = &session.client;
        let run = async |sql: &str, doing: &str| {
            let done = client.batch_execute(sql).await;
            done.map_err(ProjectorError::postgres(doing))
        };
        run("BEGIN", "begin to build indexes").await?;
        let known = self
            .versions
            .held(client, self.positions.projection)
            .await?;
        let mine = known.iter().find(|it| it.version == self.positions.version);
        // Looked at again: nothing begins after a pause.
        let paused = self.positions.are_paused(client).await?;
        if mine.is_some_and(|mine| !mine.indexed) && !paused {
            let began = Instant::now();
            self.progress
                .stage(VersionState::Building, RebuildStage::Indexing);
            run(
                self.indexes.as_deref().unwrap_or_default(),
                "build the indexes",
            )
            .await?;
            let set = "indexed = true, failure = NULL";
            self.versions.set(client, self.whose(), set).await?;
            tracing::info!(took = ?began.elapsed(), "the indexes are built");
        }
        run("COMMIT", "finish the indexes").await
    }

    async fn switch(&self, session: &Session) -> Result<(), ProjectorError> {
        let schema = &self.positions.schema;
        let asks = Asks::Worker(&self.added_topics);
        switch(&session.client, schema, self.whose(), asks).await?;
        let version = self.positions.version;
        tracing::info!(version, "readers are led to this version now");
        Ok(())
    }

    fn whose(&self) -> (&str, u32) {
        (self.positions.projection, self.positions.version)
    }

    fn cancelled(&self) -> ProjectorError {
        ProjectorError::Cancelled {
            projection: self.positions.projection.to_owned(),
            version: self.positions.version,
        }
    }

    fn dropped(&self) -> ProjectorError {
        ProjectorError::Dropped {
            projection: self.positions.projection.to_owned(),
            version: self.positions.version,
        }
    }
}
