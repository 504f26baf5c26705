//! A process on a simulated machine: what it takes from there, and how it reaches the log.

use std::io;
use std::path::Path;
use std::time::Duration;

use factum_host::simulation::{File, Host, Machine};

use crate::disk::Disk;
use crate::log::SimLog;
use crate::world::World;

/// A process.
pub struct Process {
    /// What it runs on, until its end.
    pub machine: Machine,
    /// Its way to the log.
    pub log: SimLog,
}

struct Resources {
    world: World,
    disk: Disk,
    life: u64,
    /// What the machine's clock shows at the start of the run, in microseconds since 1970.
    clock: i64,
    /// What bounds are lowered to.
    bound: usize,
    /// How long the disk takes at most, in milliseconds.
    disk_delay: u64,
}

impl Process {
    /// Starts a process, with the disk of its node.
    pub fn start(world: &World, disk: &Disk) -> Self {
        let resources = world.draw(|chance| Resources {
            world: world.clone(),
            disk: disk.clone(),
            life: disk.next_life(chance),
            clock: 1_700_000_000_000_000 + chance.below(120_000_000) as i64,
            bound: chance.one_of(&[1, 1, 4, usize::MAX]),
            disk_delay: chance.one_of(&[2, 20, 200, 1000]),
        });
        let machine = Machine::new(resources);
        let link = world.connect(machine.clone());
        Self {
            machine,
            log: SimLog::new(world.clone(), link),
        }
    }

    /// Freezes or thaws it.
    pub fn freeze(&self, frozen: bool) {
        let (link, what) = (self.log.link, if frozen { "is frozen" } else { "thaws" });
        self.log.world.note(format_args!("process {link} {what}"));
        match frozen {
            true => self.machine.freeze(),
            false => self.machine.thaw(),
        }
    }

    /// Cuts its way to the log and the store for a while.
    pub fn cut(&self, time: Duration) {
        let (link, world) = (self.log.link, &self.log.world);
        world.note(format_args!("process {link} is cut off for {time:?}"));
        let until = world.now() + time;
        world.state().links[link].cut = until;
    }

    /// Ends it at once.
    pub fn kill(&self, disk: &Disk) {
        self.machine.kill();
        self.log.world.draw(|chance| disk.next_life(chance));
    }
}

impl Host for Resources {
    fn now(&self) -> i64 {
        self.clock + self.world.now().as_micros() as i64
    }

    fn random(&self) -> u128 {
        self.world.draw(crate::chance::Chance::any)
    }

    fn bound(&self, usual: usize) -> usize {
        usual.min(self.bound)
    }

    fn disk_delay(&self) -> Duration {
        self.world.draw(|chance| chance.delay(self.disk_delay))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.disk.open(self.life, path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(self.life, path)
    }
}
