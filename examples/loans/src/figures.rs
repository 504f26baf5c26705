//! What a log comes to: the figures that the read models must show, whichever way they are got.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Transition};
use crate::workload::{day, worker};

/// What a log comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Applications.
    pub cases: u64,
    /// Entries of all applications.
    pub events: u64,
    /// How the applications ended.
    pub outcomes: Outcomes,
    /// Different people, the system included, who did anything.
    pub resources: u64,
    /// The work, and on how many days by how many people.
    pub workload: WorkloadTotals,
}

/// How applications ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// The loan was activated.
    pub activated: OutcomeTotals,
    /// The bank declined.
    pub declined: OutcomeTotals,
    /// The application was cancelled.
    pub cancelled: OutcomeTotals,
    /// None of these, yet.
    pub open: OutcomeTotals,
}

impl Outcomes {
    /// Each outcome with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &OutcomeTotals)> {
        [
            ("activated", &self.activated),
            ("declined", &self.declined),
            ("cancelled", &self.cancelled),
            ("open", &self.open),
        ]
        .into_iter()
    }

    /// The outcome with this name.
    pub fn named(&mut self, name: &str) -> Option<&mut OutcomeTotals> {
        match name {
            "activated" => Some(&mut self.activated),
            "declined" => Some(&mut self.declined),
            "cancelled" => Some(&mut self.cancelled),
            "open" => Some(&mut self.open),
            _ => None,
        }
    }
}

/// The applications that ended in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeTotals {
    /// How many.
    pub cases: u64,
    /// The amounts asked for, in whole euros, summed up.
    pub amount: i64,
}

/// What all rows of the workload come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadTotals {
    /// Rows: one for each person and day.
    pub rows: u64,
    /// Pieces of work put on the list.
    pub scheduled: u64,
    /// Starts.
    pub started: u64,
    /// Completions.
    pub completed: u64,
}

/// Counts figures straight from cases, by their entries' names: it shares nothing with the path
/// through the log that it checks, except what a day is.
#[derive(Debug, Default)]
pub struct Census {
    figures: Figures,
    resources: BTreeSet<String>,
    days: HashSet<(String, Date)>,
}

impl Census {
    /// Counts a case.
    pub fn count(&mut self, case: &Case) {
        self.figures.cases += 1;
        self.figures.events += case.entries.len() as u64;
        let outcome = self.outcome(case);
        outcome.cases += 1;
        outcome.amount += case.amount;
        for entry in &case.entries {
            if let Some(name) = &entry.resource
                && !self.resources.contains(name)
            {
                self.resources.insert(name.clone());
            }
            if entry.activity.starts_with("W_") {
                let worker = worker(entry.resource.as_deref()).to_owned();
                self.days.insert((worker, day(entry.time)));
                self.count_work(&entry.transition);
            }
        }
    }

    fn outcome(&mut self, case: &Case) -> &mut OutcomeTotals {
        let has = |activity| case.entries.iter().any(|entry| entry.activity == activity);
        let outcomes = &mut self.figures.outcomes;
        if has("A_ACTIVATED") {
            &mut outcomes.activated
        } else if has("A_DECLINED") {
            &mut outcomes.declined
        } else if has("A_CANCELLED") {
            &mut outcomes.cancelled
        } else {
            &mut outcomes.open
        }
    }

    fn count_work(&mut self, transition: &Transition) {
        let work = &mut self.figures.workload;
        match transition {
            Transition::Schedule => work.scheduled += 1,
            Transition::Start => work.started += 1,
            Transition::Complete => work.completed += 1,
            Transition::Other(_) => {}
        }
    }

    /// The figures of all cases counted so far.
    pub fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        figures.resources = self.resources.len() as u64;
        figures.workload.rows = self.days.len() as u64;
        figures
    }
}
