//! Looks at every program, again and again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::{Lives, Sample, Usage};
use crate::world::{World, lock};

/// How often.
const EVERY: Duration = Duration::from_secs(2);

/// Notes what the programs of a world hold, and this one, which is the load.
pub struct Watch {
    begin: Instant,
    world: Arc<World>,
    lives: Arc<Mutex<Lives>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to look.
    pub fn start(world: &Arc<World>) -> Self {
        let (begin, lives) = (Instant::now(), Arc::default());
        let task = tokio::spawn(look_on(begin, world.clone(), Arc::clone(&lives)));
        let world = world.clone();
        Self {
            begin,
            world,
            lives,
            task,
        }
    }

    /// How long it has looked.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Looks a last time, and says what was seen.
    pub async fn stop(self) -> Lives {
        self.task.abort();
        let _ = self.task.await; // it lets go of the world
        look(self.begin, &self.world, &self.lives);
        std::mem::take(&mut *lock(&self.lives))
    }
}

async fn look_on(begin: Instant, world: Arc<World>, lives: Arc<Mutex<Lives>>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        look(begin, &world, &lives);
    }
}

fn look(begin: Instant, world: &World, lives: &Mutex<Lives>) {
    let programs = world.nodes.iter().chain(&world.workers);
    let pids = programs.filter_map(|it| Some((it.name(), it.pid()?)));
    let mut lives = lock(lives);
    for (program, pid) in pids.chain([("load", std::process::id())]) {
        let at = begin.elapsed();
        if let Some(usage) = Usage::of(pid) {
            lives.note(program, pid, Sample { at, usage });
        }
    }
}
