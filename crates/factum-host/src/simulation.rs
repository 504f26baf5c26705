//! Simulated machines: what runs on one can be frozen, thawed and killed, and meets nothing that a
//! seed does not decide.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::Guard;

/// Leaves out a part of the code on this thread, or puts all back.
pub fn do_without(guard: Option<Guard>) {
    crate::guard::WITHOUT.set(guard);
}

/// Where a machine has everything from.
pub trait Host: Send + Sync + 'static {
    /// The time of day, in microseconds since 1970-01-01 UTC.
    fn now(&self) -> i64;
    /// A random number.
    fn random(&self) -> u128;
    /// See [`bound`](crate::bound).
    fn bound(&self, usual: usize) -> usize;
    /// How long the next call takes that waits for the disk.
    fn disk_delay(&self) -> Duration;
    /// Opens a file, made when it is not there, which nobody else may have open.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: somebody has.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Removes a file if it is there.
    ///
    /// # Errors
    /// The disk failed.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// An open file. Dropping it closes it.
#[allow(clippy::len_without_is_empty)]
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// How many bytes it has.
    ///
    /// # Errors
    /// The disk failed, as in all of these.
    fn len(&self) -> io::Result<u64>;
    /// Cuts it, or makes it longer by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reads all of `out` from an offset on.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes to an offset. What is not synced may be lost, or torn, when the machine dies.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// Makes what was written survive.
    fn sync(&self) -> io::Result<()>;
}

/// A machine. A clone is the same one.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    host: Box<dyn Host>,
    state: Mutex<State>,
}

struct State {
    power: Power,
    /// What wakes each task that runs on it.
    tasks: Vec<Weak<Mutex<Waker>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    Frozen,
    Off,
}

impl Machine {
    /// A machine that is on.
    pub fn new(host: impl Host) -> Self {
        let (power, tasks) = (Power::On, Vec::new());
        Self(Arc::new(Inner {
            host: Box::new(host),
            state: Mutex::new(State { power, tasks }),
        }))
    }

    /// A future that runs on this machine, and so do all that it [makes](crate::task).
    pub fn run<F: Future>(&self, future: F) -> Task<F> {
        Task::on(Some(self.clone()), future)
    }

    /// Stops it where it stands: nothing moves on it until it is [thawed](Self::thaw), and timers that
    /// end meanwhile are late.
    pub fn freeze(&self) {
        self.set(Power::Frozen);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.set(Power::On);
    }

    /// Ends everything on it, at once and for ever.
    pub fn kill(&self) {
        self.set(Power::Off);
    }

    /// Whether it is neither frozen nor dead.
    pub fn is_on(&self) -> bool {
        self.state().power == Power::On
    }

    fn set(&self, power: Power) {
        let mut state = self.state();
        if state.power == Power::Off {
            return;
        }
        state.power = power;
        state.tasks.retain(|task| task.strong_count() > 0);
        let tasks = state.tasks.clone();
        drop(state);
        for task in tasks.iter().filter_map(Weak::upgrade) {
            locked(&task).wake_by_ref();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    /// Opens a file on it.
    ///
    /// # Errors
    /// As [`Host::open`] says.
    pub fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.host.open(path)
    }

    /// Removes a file on it.
    ///
    /// # Errors
    /// As [`Host::remove`] says.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.host.remove(path)
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.host.now()
    }

    pub(crate) fn random(&self) -> u128 {
        self.0.host.random()
    }

    pub(crate) fn bound(&self, usual: usize) -> usize {
        self.0.host.bound(usual)
    }

    pub(crate) fn disk_delay(&self) -> Duration {
        self.0.host.disk_delay()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Machine>> = const { RefCell::new(None) };
}

/// The machine that the running code is on.
pub fn current() -> Option<Machine> {
    CURRENT.with_borrow(Clone::clone)
}

/// A future that runs on one machine: while that is frozen it stands still, and it is gone with it.
pub struct Task<F> {
    machine: Option<Machine>,
    waker: Option<Arc<Mutex<Waker>>>,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Task<F> {
    pub(crate) fn here(future: F) -> Self {
        Self::on(current(), future)
    }

    fn on(machine: Option<Machine>, future: F) -> Self {
        Self {
            machine,
            waker: None,
            future: Some(Box::pin(future)),
        }
    }

    /// Lets the machine wake this task.
    fn register(&mut self, machine: &Machine, waker: &Waker) {
        match &self.waker {
            Some(known) => locked(known).clone_from(waker),
            None => {
                let known = Arc::new(Mutex::new(waker.clone()));
                machine.state().tasks.push(Arc::downgrade(&known));
                self.waker = Some(known);
            }
        }
    }

    fn poll_on(&mut self, machine: &Machine, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.register(machine, cx.waker());
        let power = machine.state().power;
        let before = CURRENT.replace(Some(machine.clone()));
        let polled = match (power, &mut self.future) {
            (Power::On, Some(future)) => future.as_mut().poll(cx),
            (Power::Off, _) => {
                self.future = None;
                Poll::Pending
            }
            _ => Poll::Pending,
        };
        CURRENT.set(before);
        polled
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match (self.machine.clone(), &mut self.future) {
            (Some(machine), _) => self.poll_on(&machine, cx),
            (None, Some(future)) => future.as_mut().poll(cx),
            (None, None) => Poll::Pending,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
