//! What both schemas write alike needs no rewriting.

use crate::resolve::Resolution;
use crate::resolve::plan::{Plan, RecordPlan, Step};
use crate::resolve::skim::{Skim, Skims};

/// The resolution in which every part that keeps its bytes is a copy.
pub(super) fn resolution(root: Plan, records: Vec<RecordPlan>, skims: Skims<'_>) -> Resolution {
    let kept = Kept::settle(&records);
    let records = records.iter().map(|record| kept.record(record)).collect();
    let root = kept.plan(&root);
    Resolution {
        root,
        records,
        skims: skims.finish(),
    }
}

/// Which records keep their bytes, and what they hold.
struct Kept(Vec<Option<usize>>);

impl Kept {
    /// Every record keeps its bytes until one of its parts does not.
    fn settle(records: &[RecordPlan]) -> Self {
        let mut kept = Self(records.iter().map(|record| Some(record.written)).collect());
        loop {
            let mut settled = true;
            for (index, record) in records.iter().enumerate().rev() {
                if kept.0[index].is_some() && !kept.keeps(record) {
                    kept.0[index] = None;
                    settled = false;
                }
            }
            if settled {
                return kept;
            }
        }
    }

    fn keeps(&self, record: &RecordPlan) -> bool {
        let keeps = |step: &Step| match step {
            Step::Read(plan) => self.skim(plan).is_some(),
            Step::Skip(Skim::Null) => true,
            Step::Skip(_) => false,
            Step::Default(bytes) => bytes.is_empty(),
        };
        record.order.is_none() && record.steps.iter().all(keeps)
    }

    /// How the written value is looked through, if it keeps its bytes.
    fn skim(&self, plan: &Plan) -> Option<Skim> {
        Some(match plan {
            Plan::Copy(skim) => skim.clone(),
            Plan::Enum(targets) => {
                let same = (0..).zip(targets).all(|(index, target)| index == *target);
                same.then_some(Skim::Enum(targets.len() as u32))?
            }
            Plan::Array { least, item } => Skim::Array {
                least: *least,
                item: Box::new(self.skim(item)?),
            },
            Plan::Map { least, value } => Skim::Map {
                least: *least,
                value: Box::new(self.skim(value)?),
            },
            Plan::Union(branches) => {
                let branch = |(index, branch): (u32, &Plan)| match branch {
                    Plan::Branch(target, plan) if *target == index => self.skim(plan),
                    _ => None,
                };
                Skim::Union((0..).zip(branches).map(branch).collect::<Option<_>>()?)
            }
            Plan::Record(index) => Skim::Record(self.0[*index]?),
            _ => return None,
        })
    }

    fn record(&self, record: &RecordPlan) -> RecordPlan {
        let step = |step: &Step| match step {
            Step::Read(plan) => Step::Read(self.plan(plan)),
            other => other.clone(),
        };
        RecordPlan {
            steps: record.steps.iter().map(step).collect(),
            ..record.clone()
        }
    }

    fn plan(&self, plan: &Plan) -> Plan {
        if let Some(skim) = self.skim(plan) {
            return Plan::Copy(skim);
        }
        match plan {
            Plan::Array { least, item } => Plan::Array {
                least: *least,
                item: Box::new(self.plan(item)),
            },
            Plan::Map { least, value } => Plan::Map {
                least: *least,
                value: Box::new(self.plan(value)),
            },
            Plan::Union(branches) => Plan::Union(branches.iter().map(|b| self.plan(b)).collect()),
            Plan::Branch(index, inner) => Plan::Branch(*index, Box::new(self.plan(inner))),
            other => other.clone(),
        }
    }
}
