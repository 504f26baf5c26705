//! A projection worker: a process with a projector, started again when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_projector::{
    FailurePolicy, Options, Projection, Projector, ProjectorError, Retries, Summary,
};
use tokio_util::sync::CancellationToken;

use crate::board::{Board, Line};
use crate::disk::Disk;
use crate::kind::{Feed, Kind, Picky};
use crate::log::SimLog;
use crate::process::Process;
use crate::session::Reached;
use crate::store::Store;
use crate::world::World;

/// A worker. A clone is the same one.
#[derive(Clone)]
pub struct Worker(Arc<Shared>);

struct Shared {
    name: usize,
    world: World,
    store: Store,
    options: Options,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: Process,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Worker {
    /// A worker whose options are drawn. It does not run yet.
    pub fn new(world: &World, store: &Store, name: usize) -> Self {
        let options = world.draw(|chance| Options {
            batch_bytes: chance.one_of(&[1, 500, 4000, 8 << 20]),
            lock_wait: chance.millis(100, 3000),
            stop_timeout: chance.millis(10, 5000),
            progress_interval: Duration::from_secs(60),
            ..Options::default()
        });
        let options = Options {
            failure: policy(world, store.kind()),
            ..options
        };
        Self(Arc::new(Shared {
            name,
            world: world.clone(),
            store: store.clone(),
            options,
            running: Mutex::new(None),
        }))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        let running = self.0.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it, if it does not run.
    pub fn start(&self) {
        let mut running = self.running();
        if running.is_some() {
            return;
        }
        let process = Process::start(&self.0.world, &Disk::default());
        let (name, link) = (self.0.name, process.log.link);
        self.0
            .world
            .note(format_args!("worker {name} starts as process {link}"));
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let project = project(
            self.clone(),
            process.log.clone(),
            stop.clone(),
            ended.clone(),
        );
        tokio::spawn(process.machine.run(project));
        *running = Some(Running {
            process,
            stop,
            ended,
        });
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(running) = self.running().take() {
            let name = self.0.name;
            self.0.world.note(format_args!("worker {name} is killed"));
            running.process.machine.kill();
        }
    }

    /// Stops it gracefully, within some time, or else kills it. Whether it came to its own end.
    pub async fn stop(&self, patience: Duration) -> bool {
        let tokens = self
            .running()
            .as_ref()
            .map(|it| (it.stop.clone(), it.ended.clone()));
        let Some((stop, ended)) = tokens else {
            return true;
        };
        let name = self.0.name;
        self.0.world.note(format_args!("worker {name} is stopped"));
        stop.cancel();
        let ended = tokio::time::timeout(patience, ended.cancelled()).await;
        self.kill();
        ended.is_ok()
    }

    /// Looks at its process, if it runs.
    pub fn process(&self, look: impl FnOnce(&Process)) {
        if let Some(running) = &*self.running() {
            look(&running.process);
        }
    }
}

/// Runs projectors, one after the other, until told to stop.
async fn project(worker: Worker, log: SimLog, stop: CancellationToken, ended: CancellationToken) {
    let Shared {
        world,
        store,
        options,
        name,
        ..
    } = &*worker.0;
    while !stop.is_cancelled() {
        let options = options.clone();
        let ran = match store.kind() {
            Kind::Fold => run(Projector::new(Board), options, store, &log, &stop).await,
            Kind::Append => run(Projector::new(Feed), options, store, &log, &stop).await,
            Kind::Parking => {
                let mended = store.mended().clone();
                let picky = Projector::new(Picky { mended });
                run(picky, options, store, &log, &stop).await
            }
        };
        match ran {
            Ok(_) => {}
            Err(error @ ProjectorError::LogUnreachable { .. }) => {
                world.note(format_args!("worker {name} cannot start: {error}"));
            }
            Err(error) => world.broken(format!("worker {name} failed: {error:?}")),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ended.cancel();
}

async fn run<P: Projection<Row = Line>>(
    projector: Projector<P>,
    options: Options,
    store: &Store,
    log: &SimLog,
    stop: &CancellationToken,
) -> Result<Summary, ProjectorError> {
    let reached = Reached {
        log: log.clone(),
        store: store.clone(),
    };
    let (log, reached) = (Arc::new(log.clone()), Arc::new(reached));
    let projector = projector.options(options);
    let stopped = stop.clone().cancelled_owned();
    projector.run_on(log, reached, stopped).await
}

/// What a worker does with an event that fails.
fn policy(world: &World, kind: Kind) -> FailurePolicy {
    match kind {
        Kind::Fold | Kind::Append => FailurePolicy::STOP,
        Kind::Parking => {
            let retries = world.draw(|chance| chance.one_of(&[0, 0, 2]));
            FailurePolicy::PARK.after(Retries::Times(retries))
        }
    }
}
