//! A program that owns no partition: it sends commands through the log by a `Client`, and is started
//! again when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use factum_core::{LogError, LogErrorKind};
use factum_engine::{Client, CommandOptions, EngineError, Routing, RoutingOptions};
use factum_host::simulation::Machine;
use tokio::sync::oneshot;

use crate::account::{Account, Order};
use crate::disk::Disk;
use crate::node::{Outcome, Way};
use crate::process::Process;
use crate::world::World;

/// A program that sends. A clone is the same one.
#[derive(Clone)]
pub struct Sender(Arc<Shared>);

struct Shared {
    name: usize,
    world: World,
    disk: Disk,
    options: RoutingOptions,
    running: Mutex<Option<Running>>,
}

struct Running {
    process: Process,
    client: Clients,
}

/// The client of a process, once it is connected.
type Clients = Arc<Mutex<Option<Arc<Client<Account>>>>>;

impl Sender {
    /// A program that does not run yet.
    pub fn new(world: &World, name: usize, options: RoutingOptions) -> Self {
        Self(Arc::new(Shared {
            name,
            world: world.clone(),
            disk: Disk::default(),
            options,
            running: Mutex::new(None),
        }))
    }

    /// Starts it, if it does not run.
    pub fn start(&self) {
        let mut running = locked(&self.0.running);
        if running.is_some() {
            return;
        }
        let process = Process::start(&self.0.world, &self.0.disk);
        let (name, link) = (self.0.name, process.log.link);
        self.0
            .world
            .note(format_args!("sender {name} starts as process {link}"));
        let client = Clients::default();
        let connect = connect(self.clone(), process.log.clone(), client.clone());
        tokio::spawn(process.machine.run(connect));
        *running = Some(Running { process, client });
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(running) = locked(&self.0.running).take() {
            let name = self.0.name;
            self.0.world.note(format_args!("sender {name} is killed"));
            running.process.kill(&self.0.disk);
        }
    }

    /// Looks at its process, if it runs.
    pub fn process(&self, look: impl FnOnce(&Process)) {
        if let Some(running) = &*locked(&self.0.running) {
            look(&running.process);
        }
    }

    /// Lets it send a command; `None` where it ends before there is an answer, or does not run.
    pub async fn call(
        &self,
        id: String,
        order: Order,
        options: CommandOptions,
        way: Way,
    ) -> Option<Outcome> {
        let (machine, client) = self.client()?;
        let (answer, answered) = oneshot::channel();
        tokio::spawn(machine.run(async move {
            let outcome = match way {
                Way::Submit => Outcome::Submitted(client.submit_with(id, order, options).await),
                Way::Once | Way::UntilKnown => {
                    Outcome::Executed(client.execute_with(id, order, options).await)
                }
            };
            let _ = answer.send(outcome);
        }));
        answered.await.ok()
    }

    fn client(&self) -> Option<(Machine, Arc<Client<Account>>)> {
        let running = locked(&self.0.running);
        let running = running.as_ref()?;
        let client = locked(&running.client).clone()?;
        Some((running.process.machine.clone(), client))
    }
}

/// Connects, again and again until it is.
async fn connect(sender: Sender, log: crate::log::SimLog, client: Clients) {
    let (world, name) = (&sender.0.world, sender.0.name);
    let log = Arc::new(log);
    loop {
        match Client::connect(log.clone(), Routing::new(sender.0.options)).await {
            Ok(connected) => {
                *locked(&client) = Some(Arc::new(connected));
                return;
            }
            Err(EngineError::Log(error)) if may_pass(&error) => {
                world.note(format_args!("sender {name} cannot connect: {error}"));
            }
            Err(error) => world.broken(format!("sender {name} cannot connect: {error:?}")),
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// Whether it may connect later: no node made the topics yet, or the log is out of reach.
fn may_pass(error: &LogError) -> bool {
    use LogErrorKind::{NotFound, Unreachable};
    matches!(error.kind(), NotFound | Unreachable)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
