//! The components of one program.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::Component;

/// The components of one program. A clone holds the same ones.
///
/// They are held weakly: one that ended and was dropped is not shown any more.
#[derive(Clone, Default)]
pub struct Components(Arc<Held>);

#[derive(Default)]
struct Held {
    components: Mutex<Vec<Weak<dyn Component>>>,
    stopping: AtomicBool,
}

impl Components {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a component from now on, until it is dropped. It takes the place of one of the same kind
    /// and name: that one was started before, and is about to end.
    pub fn add<C: Component>(&self, component: &Arc<C>) {
        let (kind, name) = (component.kind(), component.name());
        let mut components = self.lock();
        components.retain(|held| {
            let held = held.upgrade();
            held.is_some_and(|held| (held.kind(), held.name()) != (kind, name.clone()))
        });
        let component: Arc<dyn Component> = component.clone();
        components.push(Arc::downgrade(&component));
    }

    /// Those that there are, in the order in which they were added.
    pub fn all(&self) -> Vec<Arc<dyn Component>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Notes that the program was told to stop: it is not ready any more, whatever its components say.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the program was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<dyn Component>>> {
        let components = &self.0.components;
        components.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clones are equal: they hold the same components.
impl PartialEq for Components {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Components {}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .all()
            .into_iter()
            .map(|it| format!("{} {}", it.kind(), it.name()));
        f.debug_list().entries(names).finish()
    }
}
