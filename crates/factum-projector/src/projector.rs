//! Starting a projection worker.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;

use factum_core::{EventLog, LogError, LogErrorKind, Topic, events_topic};

use crate::backoff::patiently;
use crate::failures::Witness;
use crate::positions::Positions;
use crate::postgres::Postgres;
use crate::progress::{Progress, Summary};
use crate::pump::Context;
use crate::session::Server;
use crate::setup::{Author, set_up};
use crate::sources::{Sources, check_slots};
use crate::steward::{self, Settled, Steward};
use crate::store::Store;
use crate::table::TableTypes;
use crate::{
    Events, IntoProjection, OpenLog, Options, Projection, ProjectorError, Switch, until_end, worker,
};

/// A projection, ready to be run as a worker. Any number of workers of one projection share the
/// topic's partitions, and take over from each other.
#[derive(Clone, Debug)]
pub struct Projector<P, O = ()> {
    pub(crate) projection: P,
    pub(crate) table: Option<String>,
    pub(crate) indexes: Option<String>,
    pub(crate) options: Options,
    pub(crate) open: O,
}

impl<P: Projection> Projector<P> {
    /// A projection whose table is there already.
    pub fn new<Kind>(projection: impl IntoProjection<Kind, Projection = P>) -> Self {
        Self {
            projection: projection.into_projection(),
            table: None,
            indexes: None,
            options: Options::default(),
            open: (),
        }
    }
}

impl<P: Projection, O> Projector<P, O> {
    /// Says how [`Projector::main`] opens the log whose address it is given.
    pub fn log<L: OpenLog>(self, open: L) -> Projector<P, L> {
        Projector {
            projection: self.projection,
            table: self.table,
            indexes: self.indexes,
            options: self.options,
            open,
        }
    }

    /// Runs this SQL in a transaction whenever a worker starts, to create the table:
    /// `CREATE TABLE IF NOT EXISTS …`, and its indexes.
    #[must_use]
    pub fn table(mut self, sql: impl Into<String>) -> Self {
        self.table = Some(sql.into());
        self
    }

    /// Runs this SQL once, in a transaction, when a version that began with an empty table has as good
    /// as caught up: `CREATE INDEX …`, `ALTER TABLE … ADD CONSTRAINT …`. A table is filled faster
    /// without them. The index of the key is needed from the start, so it stays with the table.
    #[must_use]
    pub fn indexes(mut self, sql: impl Into<String>) -> Self {
        self.indexes = Some(sql.into());
        self
    }

    /// Sets the options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Projects until `shutdown` resolves, or up to the end where [`Options::until_end`] says so.
    /// `postgres` is an address like `postgres://user:password@host:port/database`.
    ///
    /// A batch under way is finished, and the group left, before this returns. Dropping the future
    /// instead undoes the batch; nothing is lost or counted twice either way.
    ///
    /// # Errors
    /// A server is out of reach at the start; the table does not fit the row; the topic is not the
    /// one that was projected before; or it holds something that can't be projected.
    pub async fn run(
        self,
        log: Arc<dyn EventLog>,
        postgres: &str,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Summary, ProjectorError> {
        self.work(log, Home::Postgres(postgres, PhantomData), shutdown)
            .await
    }

    /// Projects as [`Projector::run`] does, but into what stands for Postgres under simulation. It
    /// has a position for each partition already.
    ///
    /// # Errors
    /// As [`Projector::run`].
    #[cfg(feature = "simulation")]
    #[doc(hidden)]
    pub async fn run_on(
        self,
        log: Arc<dyn EventLog>,
        store: Arc<dyn Store<P::Row>>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Summary, ProjectorError> {
        self.work(log, Home::Simulated(store), shutdown).await
    }

    async fn work(
        self,
        log: Arc<dyn EventLog>,
        home: Home<'_, P::Row>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Summary, ProjectorError> {
        let progress = Arc::new(Progress::new::<P>());
        let witness = home.witness::<P>(&self.options);
        let worked = Box::pin(self.project(log, home, progress.clone(), shutdown)).await;
        if let Some(witness) = witness {
            match &worked {
                Err(error) => witness.testify::<P>(progress.id(), error).await,
                Ok(_) if progress.has_started() => witness.take_leave(progress.id()).await,
                Ok(_) => {}
            }
        }
        worked
    }

    async fn project(
        self,
        log: Arc<dyn EventLog>,
        home: Home<'_, P::Row>,
        progress: Arc<Progress>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<Summary, ProjectorError> {
        let mut shutdown = pin!(shutdown);
        self.options.components.add(&progress);
        let (context, steward) = tokio::select! {
            biased;
            started = Box::pin(self.start(log, home, progress.clone())) => started?,
            () = &mut shutdown => return Ok(progress.summary()),
        };
        let context = Arc::new(context);
        let settled = steward.as_ref().map(Steward::settled);
        progress.started(&context.sources);
        let (store, topic) = (context.store.place(), context.sources.name());
        tracing::info!(store, topic, "projecting");
        let over = over(&context, settled, shutdown);
        let report = context
            .progress
            .report(&context.sources, context.options.progress_interval);
        tokio::select! {
            biased;
            worked = worker::work(&context, over) => worked?,
            ended = Box::pin(steward::run(steward)) => ended?,
            () = report => {}
        }
        let summary = context.progress.summary();
        let Summary {
            events,
            rows,
            batches,
        } = summary;
        tracing::info!(events, rows, batches, "stopped");
        Ok(summary)
    }

    async fn start(
        self,
        log: Arc<dyn EventLog>,
        home: Home<'_, P::Row>,
        progress: Arc<Progress>,
    ) -> Result<(Context<P>, Option<Steward>), ProjectorError> {
        let options = self.options;
        let (sources, store, steward) = match home {
            Home::Postgres(address, _) => {
                let server = server::<P>(address)?.leading_to(P::NAME, P::VERSION);
                let sources = open::<P>(log.as_ref(), &options).await?;
                let author = Author {
                    table: self.table.as_deref(),
                    indexes: self.indexes.as_deref(),
                    automatic: options.switch == Switch::Auto,
                };
                let postgres = in_postgres::<P>(server, &sources, author, &options).await?;
                let steward = Steward::new(&postgres, self.indexes, &sources, &progress, &options);
                let store = Arc::new(postgres) as Arc<dyn Store<P::Row>>;
                (sources, store, Some(steward))
            }
            #[cfg(feature = "simulation")]
            Home::Simulated(store) => (open::<P>(log.as_ref(), &options).await?, store, None),
        };
        let context = Context {
            projection: self.projection,
            options,
            sources,
            store,
            progress,
        };
        Ok((context, steward))
    }
}

/// Where the rows and the positions are to be.
enum Home<'a, R> {
    /// At this address.
    Postgres(&'a str, PhantomData<R>),
    /// There.
    #[cfg(feature = "simulation")]
    Simulated(Arc<dyn Store<R>>),
}

impl<R> Home<'_, R> {
    /// Who writes down there how a worker ends.
    fn witness<P: Projection>(&self, options: &Options) -> Option<Witness> {
        match self {
            Self::Postgres(address, _) => Some(Witness {
                server: server::<P>(address).ok()?.steward(),
                schema: options.schema.clone(),
            }),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => None,
        }
    }
}

/// Postgres, as workers of a projection appear there.
fn server<P: Projection>(address: &str) -> Result<Server, ProjectorError> {
    Server::parse(address, &format!("{}.v{}", P::NAME, P::VERSION))
}

/// A projection's place in Postgres, with everything that it needs there.
async fn in_postgres<P: Projection>(
    server: Server,
    sources: &Sources,
    author: Author<'_>,
    options: &Options,
) -> Result<Postgres, ProjectorError> {
    let positions = Positions {
        schema: options.schema.clone(),
        projection: P::NAME,
        version: P::VERSION,
        sources: sources.described(),
    };
    let types = prepare::<P>(&server, &positions, author, options).await?;
    Ok(Postgres {
        server,
        positions,
        types,
        parks: options.failure.parks(),
    })
}

/// Resolves when a worker is to end: told so, or at the end.
async fn over<P: Projection>(
    context: &Context<P>,
    settled: Option<Settled>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ProjectorError> {
    let reached = async {
        if !context.options.until_end {
            return std::future::pending().await;
        }
        until_end::reached(context).await?;
        if let Some(settled) = settled {
            settled.wait().await;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        () = shutdown => Ok(()),
        reached = reached => reached,
    }
}

/// Opens the topics.
async fn open<P: Projection>(
    log: &dyn EventLog,
    options: &Options,
) -> Result<Sources, ProjectorError> {
    let mut topics = Vec::new();
    for name in topics_of::<P>(options)? {
        topics.push(open_one(log, name, options).await?);
    }
    let sources = Sources::new(topics);
    check_slots(P::NAME, &sources.described())?;
    Ok(sources)
}

/// The topics of the events' aggregates; or another one, in the place of the only one.
fn topics_of<P: Projection>(options: &Options) -> Result<Vec<String>, ProjectorError> {
    let aggregates = P::Event::AGGREGATES;
    match (&options.topic, aggregates) {
        (None, aggregates) => Ok(aggregates.iter().map(|it| events_topic(it)).collect()),
        (Some(topic), [_]) => Ok(vec![topic.clone()]),
        (Some(topic), aggregates) => Err(ProjectorError::OneTopic {
            topic: topic.clone(),
            projection: P::NAME,
            aggregates: aggregates.join(", "),
        }),
    }
}

/// Opens a topic. It may yet have to be created, by the first writer.
async fn open_one(
    log: &dyn EventLog,
    topic: String,
    options: &Options,
) -> Result<Arc<dyn Topic>, ProjectorError> {
    let passing = |error: &LogError| error.is_retryable() || error.kind() == LogErrorKind::NotFound;
    let opened = patiently(options.start_timeout, passing, || log.open(&topic, None)).await;
    opened.map_err(|source| match passing(&source) {
        true => ProjectorError::LogUnreachable {
            topic,
            patience: options.start_timeout,
            source,
        },
        false => source.into(),
    })
}

/// Creates what is missing in Postgres, and checks the rest.
async fn prepare<P: Projection>(
    server: &Server,
    positions: &Positions,
    author: Author<'_>,
    options: &Options,
) -> Result<TableTypes, ProjectorError> {
    let (patience, parks) = (options.start_timeout, options.failure.parks());
    // Workers that start together take turns; a server may limit how long one waits for a lock.
    let passing = |error: &ProjectorError| error.is_retryable() || error.is_lock_conflict();
    let prepared = patiently(patience, passing, || async {
        let session = server.connect().await?;
        let _call = session.call();
        set_up::<P>(&session.client, positions, author, parks).await
    });
    prepared
        .await
        .map_err(|error| error.of_start(server, patience))
}
