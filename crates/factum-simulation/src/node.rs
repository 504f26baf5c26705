//! A service node: a process with an engine, started again when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_core::LogErrorKind;
use factum_engine::{
    CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineError, EngineOptions,
    ExecuteError, HistoryError, Receipt, Routing, RoutingOptions, Submitted,
};
use tokio::sync::oneshot;

use crate::account::{Account, Moved, Order, Seen};
use crate::disk::Disk;
use crate::process::Process;
use crate::run::Kinds;
use crate::world::World;

/// How a call ends.
pub enum Outcome {
    /// A command was to be carried out.
    Executed(Result<Receipt, ExecuteError<Seen>>),
    /// A command was to be sent.
    Submitted(Result<Submitted, ExecuteError<Seen>>),
}

/// A node. A clone is the same one.
#[derive(Clone)]
pub struct Node(Arc<Shared>);

struct Shared {
    name: usize,
    world: World,
    disk: Disk,
    options: EngineOptions,
    checkpoints: Option<CheckpointOptions>,
    routing: Option<RoutingOptions>,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: Process,
    engine: Engines,
}

/// The engine of a process, once it has started.
type Engines = Arc<Mutex<Option<Arc<Engine<Account>>>>>;

/// How a command is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Once.
    Once,
    /// Until its fate is known.
    UntilKnown,
    /// Sent through the log, without waiting for what becomes of it.
    Submit,
}

impl Node {
    /// A node whose options are drawn. It does not run yet.
    pub fn new(world: &World, name: usize, kinds: &Kinds) -> Self {
        let (options, checkpoints) = world.draw(|chance| {
            let options = EngineOptions {
                queue: chance.one_of(&[2, 16, 4096]),
                in_flight: chance.one_of(&[1, 8, 8192]),
                in_flight_bytes: chance.one_of(&[200, 8 << 20]),
                reclaim_after: chance.millis(100, 3000),
                standby: kinds.standby,
                command_window: kinds.window,
                ..EngineOptions::default()
            };
            let checkpoints = CheckpointOptions {
                every: chance.one_of(&[20, 100, 500, 3000].map(Duration::from_millis)),
                changed_bytes: chance.one_of(&[1, 500, 8 << 20]),
                memory: chance.one_of(&[None, Some(1), Some(2000), Some(10_000)]),
                history: name != 1, // one goes without, as before
                ..CheckpointOptions::in_dir("checkpoints")
            };
            (options, chance.strikes(850).then_some(checkpoints))
        });
        Self(Arc::new(Shared {
            name,
            world: world.clone(),
            disk: Disk::default(),
            options,
            checkpoints,
            routing: kinds.routing,
            running: Mutex::new(None),
        }))
    }

    /// Its number.
    pub fn name(&self) -> usize {
        self.0.name
    }

    /// Starts it, if it does not run.
    pub fn start(&self) {
        let mut running = self.running();
        if running.is_some() {
            return;
        }
        let process = Process::start(&self.0.world, &self.0.disk);
        let (name, link) = (self.0.name, process.log.link);
        self.0
            .world
            .note(format_args!("node {name} starts as process {link}"));
        let engine = Engines::default();
        let serve = serve(self.clone(), process.log.clone(), engine.clone());
        tokio::spawn(process.machine.run(serve));
        *running = Some(Running { process, engine });
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(running) = self.running().take() {
            let name = self.0.name;
            self.0.world.note(format_args!("node {name} is killed"));
            running.process.kill(&self.0.disk);
        }
    }

    /// Stops it gracefully, within some time, or else kills it. Whether it came to its own end.
    pub async fn stop(&self, patience: Duration) -> bool {
        let name = self.0.name;
        let engine = self.engine();
        self.0.world.note(format_args!("node {name} is stopped"));
        let Some((process, Some(engine))) = engine else {
            self.kill(); // it is about to start, or to join, and owns nothing
            return true;
        };
        let stopped = process.run(async move { engine.shutdown().await });
        let stopped = tokio::time::timeout(patience, tokio::spawn(stopped)).await;
        self.kill();
        matches!(stopped, Ok(Ok(Ok(()))))
    }

    /// Looks at its process, if it runs.
    pub fn process(&self, look: impl FnOnce(&Process)) {
        if let Some(running) = &*self.running() {
            look(&running.process);
        }
    }

    /// Calls it; `None` where it ends before it has answered, or does not run.
    pub async fn call(
        &self,
        id: String,
        order: Order,
        options: CommandOptions,
        way: Way,
    ) -> Option<Outcome> {
        let (machine, engine) = self.engine()?;
        let partition = 0;
        let Some(engine) = engine else {
            let unavailable = ExecuteError::Unavailable { partition };
            return Some(Outcome::Executed(Err(unavailable)));
        };
        let (answer, answered) = oneshot::channel();
        tokio::spawn(machine.run(async move {
            let outcome = match way {
                Way::Once => Outcome::Executed(engine.execute_with(id, order, options).await),
                Way::UntilKnown => {
                    Outcome::Executed(engine.execute_with_retry(id, order, options).await)
                }
                Way::Submit => Outcome::Submitted(engine.submit(id, order, options).await),
            };
            let _ = answer.send(outcome);
        }));
        answered.await.ok()
    }

    /// What it tells of an account's past, if it runs.
    pub async fn past(&self, id: String) -> Option<Result<Vec<Moved>, HistoryError>> {
        let (machine, Some(engine)) = self.engine()? else {
            return None;
        };
        let (answer, answered) = oneshot::channel();
        tokio::spawn(machine.run(async move {
            let past = engine.history(&id).await;
            let events = past.map(|past| past.into_iter().map(|recorded| recorded.event).collect());
            let _ = answer.send(events);
        }));
        answered.await.ok()
    }

    /// Whether it keeps the past of accounts.
    pub fn remembers(&self) -> bool {
        let checkpoints = self.0.checkpoints.as_ref();
        checkpoints.is_some_and(|checkpoints| checkpoints.history)
    }

    fn engine(
        &self,
    ) -> Option<(
        factum_host::simulation::Machine,
        Option<Arc<Engine<Account>>>,
    )> {
        let running = self.running();
        let running = running.as_ref()?;
        let engine = locked(&running.engine).clone();
        Some((running.process.machine.clone(), engine))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        locked(&self.0.running)
    }
}

/// Runs engines, one after the other.
async fn serve(node: Node, log: crate::log::SimLog, engines: Engines) {
    let world = &node.0.world;
    loop {
        let error = match start(&node, &log).await {
            Err(error) => error,
            Ok(engine) => {
                let engine = Arc::new(engine);
                *locked(&engines) = Some(engine.clone());
                let error = engine.failed().await;
                *locked(&engines) = None;
                error
            }
        };
        let name = node.0.name;
        match &error {
            EngineError::Log(error) if error.kind() == LogErrorKind::Unreachable => {
                world.note(format_args!("node {name} cannot start: {error}"));
            }
            error => world.broken(format!("the engine of node {name} failed: {error:?}")),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn start(node: &Node, log: &crate::log::SimLog) -> Result<Engine<Account>, EngineError> {
    let (log, options) = (Arc::new(log.clone()), node.0.options.clone());
    let mut builder = Engine::builder(log).options(options);
    if let Some(checkpoints) = &node.0.checkpoints {
        builder = builder.checkpoints(Checkpoints::new(checkpoints.clone()));
    }
    if let Some(routing) = node.0.routing {
        builder = builder.routing(Routing::new(routing));
    }
    builder.start().await
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
