//! What a case's log is written with: a clock, a die, and someone at work.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::case::{Entry, Transition};

/// The system, as the log names it.
const SYSTEM: &str = "112";
const STAFF: usize = 67;
/// The office opens and closes at these hours, UTC.
const OPENS: i64 = 7;
const CLOSES: i64 = 20;

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MINUTE: i64 = 60_000;

/// Writes the log of one case.
pub(super) struct Script {
    rng: StdRng,
    now: i64,
    worker: String,
    /// Whether the log tells who does the work. It does not always.
    named: bool,
    entries: Vec<Entry>,
}

impl Script {
    /// Starts with the system at work.
    pub(super) fn new(rng: StdRng, now: i64) -> Self {
        Self {
            rng,
            now,
            worker: SYSTEM.to_owned(),
            named: true,
            entries: Vec::new(),
        }
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Whether something with this many chances in a hundred comes to pass.
    pub(super) fn chance(&mut self, percent: f64) -> bool {
        self.rng.random_bool(percent / 100.0)
    }

    /// Picks one of several things by their weights.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let total = choices.iter().map(|choice| choice.0).sum();
        let mut left = self.rng.random_range(0..total);
        let mut chosen = choices[0].1;
        for &(weight, choice) in choices {
            chosen = choice;
            if left < weight {
                break;
            }
            left -= weight;
        }
        chosen
    }

    /// Lets time pass: short times are as likely as long ones.
    pub(super) fn wait(&mut self, least: i64, most: i64) {
        let (least, most) = ((least as f64).ln(), (most as f64).ln());
        self.now += self.rng.random_range(least..most).exp() as i64;
    }

    /// Lets a moment pass.
    pub(super) fn moment(&mut self) {
        self.wait(20, 2_000);
    }

    /// Lets time pass until someone has time for the case, at the office.
    pub(super) fn someone(&mut self, least: i64, most: i64) {
        self.wait(least, most);
        let hour = self.now.rem_euclid(DAY) / HOUR;
        if !(OPENS..CLOSES).contains(&hour) {
            let morning = self.now - self.now.rem_euclid(DAY) + OPENS * HOUR;
            let next = if hour < OPENS { morning } else { morning + DAY };
            self.now = next + self.rng.random_range(0..HOUR);
        }
        // A few do most of the work.
        let luck: f64 = self.rng.random();
        let number = (luck.powf(1.7) * STAFF as f64) as usize;
        self.worker = (10_101 + 17 * number).to_string();
        self.named = self.rng.random_bool(0.85);
    }

    /// The application, or its offer, takes a step.
    pub(super) fn step(&mut self, activity: &str) {
        let worker = Some(self.worker.clone());
        self.write(activity, Transition::Complete, worker);
    }

    /// Several steps at the same time, in an order that says nothing.
    pub(super) fn together<const N: usize>(&mut self, mut activities: [&str; N]) {
        activities.shuffle(&mut self.rng);
        activities.iter().for_each(|activity| self.step(activity));
    }

    /// The work takes a step.
    pub(super) fn work(&mut self, activity: &str, transition: Transition) {
        let worker = self.named.then(|| self.worker.clone());
        self.write(activity, transition, worker);
    }

    fn write(&mut self, activity: &str, transition: Transition, resource: Option<String>) {
        self.entries.push(Entry {
            activity: activity.to_owned(),
            transition,
            resource,
            time: super::time(self.now),
            line: None,
        });
    }
}
