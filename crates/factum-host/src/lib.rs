//! What Factum takes from the machine it runs on, besides the log and Postgres: tasks, disk threads,
//! the time of day, and chance.
//!
//! Each function does what it says, and nothing else, but for the feature `simulation`: there code
//! that runs on a [simulated machine](simulation::Machine) gets all of it from that machine. Whatever
//! else is not the same in every run (a map with random keys, `select!` without `biased`, the system's
//! clock) must not decide about anything in the crates that use this one.

mod guard;
#[cfg(feature = "simulation")]
pub mod simulation;

use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;
use uuid::Uuid;

pub use guard::{Guard, holds};

/// The machine that the running code is on, if it is a simulated one.
macro_rules! simulated {
    ($machine:ident => $answer:expr) => {
        #[cfg(feature = "simulation")]
        if let Some($machine) = simulation::current() {
            return $answer;
        }
    };
}

/// The time of day, in microseconds since 1970-01-01 UTC.
pub fn now() -> i64 {
    simulated!(machine => machine.now());
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// An id that nobody else has.
pub fn random_id() -> Uuid {
    simulated!(machine => uuid::Builder::from_random_bytes(machine.random().to_be_bytes()).into_uuid());
    Uuid::new_v4()
}

/// A random number from 0 to 1, 1 excluded.
pub fn random() -> f64 {
    f64::from(random_id().as_u128() as u32) / 2_f64.powi(32)
}

/// How many processors there are.
pub fn processors() -> usize {
    simulated!(_machine => 2);
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A bound that is there for speed, and decides about nothing else: this number, or a lower one under
/// simulation, so that few commands do what else takes thousands.
pub fn bound(usual: usize) -> usize {
    simulated!(machine => machine.bound(usual));
    usual
}

/// A future that is to be spawned on the machine on which it is made: for a `JoinSet`.
pub fn task<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
where
    F: Future<Output: Send> + Send + 'static,
{
    #[cfg(feature = "simulation")]
    return simulation::Task::here(future);
    #[cfg(not(feature = "simulation"))]
    future
}

/// Spawns a task on this machine.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(task(future))
}

/// Runs a call that waits for the disk, on a thread for such calls.
pub fn on_disk<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    simulated!(machine => tokio::spawn(task(async move {
        tokio::time::sleep(machine.disk_delay()).await;
        call()
    })));
    tokio::task::spawn_blocking(call)
}
