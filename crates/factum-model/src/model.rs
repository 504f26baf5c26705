//! The model as the checker sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use stateright::{Model, Property};

use crate::Setup;
use crate::log::{Facts, Record};
use crate::properties::{ALWAYS, SOMETIMES};
use crate::world::{Action, World};

/// The claims protocol within the bounds of a setup.
pub struct Protocol {
    /// The bounds.
    pub setup: Setup,
    /// What is true of each log that was met: many states share one.
    facts: Mutex<HashMap<Vec<Record>, Arc<Facts>>>,
}

impl Protocol {
    /// A model that has met nothing yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            facts: Mutex::default(),
        }
    }

    /// What is true of a log.
    pub fn facts(&self, log: &[Record]) -> Arc<Facts> {
        let mut facts = self
            .facts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = facts.get(log) {
            return known.clone();
        }
        (self.setup.before_step)();
        let found = Arc::new(Facts::of(log));
        facts.insert(log.to_vec(), found.clone());
        found
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::start(&self.setup, |log| self.facts(log))]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        state.actions(&self.setup, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        (self.setup.before_step)();
        let mut world = last.clone();
        world.act(&self.setup, action, |log| self.facts(log));
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let reached = |(name, _): &&(&str, _)| self.setup.reaches.contains(name);
        let always = ALWAYS
            .iter()
            .map(|(name, holds)| Property::always(name, *holds));
        let sometimes = SOMETIMES.iter().filter(reached);
        always
            .chain(sometimes.map(|(name, holds)| Property::sometimes(name, *holds)))
            .collect()
    }
}
