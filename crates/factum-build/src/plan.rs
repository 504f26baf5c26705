//! How a value that one version wrote is read as the newest.

use std::collections::BTreeMap;

use factum_schema::FullName;

use crate::model::{Fixed, Scalar, Ty, Union};

/// How to read one type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Null, where it is the only value.
    Null,
    /// Written as the first, read as the second.
    Scalar(Scalar, Scalar),
    /// As it is read.
    Fixed {
        fixed: Fixed,
        /// Whether it was written with the same logical type.
        same: bool,
    },
    /// A record or an enum that is read by a function of its own.
    Def(Pair),
    /// A record that Rust keeps in a box.
    Boxed(Box<Plan>),
    Array {
        /// The bytes that a written item takes at least.
        least: usize,
        item: Box<Plan>,
    },
    Map {
        least: usize,
        value: Box<Plan>,
    },
    /// Null or a value, on both sides.
    Nullable {
        /// The writer's branch that is null.
        null: u32,
        /// Whether the newest version's branches stand the other way round.
        flipped: bool,
        value: Box<Plan>,
    },
    /// Of the writer's union, each branch as what is read.
    Branches {
        plans: Vec<Plan>,
        /// How many branches the newest version has there; 0 if it is no union.
        read: usize,
    },
    /// Null, as the newest version's branch of that index.
    None(usize),
    /// A value other than null, where it may be null now.
    Some(Box<Plan>),
    /// A branch of the newest version's union, by index.
    Branch {
        union: Union,
        index: usize,
        value: Box<Plan>,
    },
}

/// A record or an enum, as it was written and as it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub written: FullName,
    pub read: FullName,
}

/// How to read one record or enum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DefPlan {
    Record {
        /// The written fields in order.
        steps: Vec<Step>,
        /// The fields of the newest version, by index, that were not written.
        missing: Vec<usize>,
    },
    Enum {
        /// For each written symbol, the newest version's symbol, by index.
        targets: Vec<usize>,
        /// Whether the symbols are the same.
        same: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Read into the newest version's field of that index.
    Read(usize, Plan),
    /// Pass over.
    Skip(Ty),
}

/// The plans for every record and enum that a version's value holds.
pub(crate) struct Plans {
    pub root: Pair,
    pub defs: BTreeMap<Pair, DefPlan>,
    /// Those that were written exactly as the newest version writes them.
    same: BTreeMap<Pair, bool>,
}

impl Plans {
    pub fn new(root: Pair, defs: BTreeMap<Pair, DefPlan>) -> Self {
        let mut same: BTreeMap<Pair, bool> = defs.keys().map(|pair| (pair.clone(), true)).collect();
        // Records may contain each other: they are the same until one of them is not.
        loop {
            let differs = |(pair, plan): &(&Pair, &DefPlan)| same[*pair] && !plan.is_same(&same);
            let other: Vec<Pair> = defs
                .iter()
                .filter(differs)
                .map(|(pair, _)| pair.clone())
                .collect();
            if other.is_empty() {
                return Self { root, defs, same };
            }
            same.extend(other.into_iter().map(|pair| (pair, false)));
        }
    }

    /// Whether the newest version writes the pair's type in the same way.
    pub fn is_same(&self, pair: &Pair) -> bool {
        self.same.get(pair).is_some_and(|same| *same)
    }
}

impl DefPlan {
    fn is_same(&self, known: &BTreeMap<Pair, bool>) -> bool {
        match self {
            Self::Enum { same, .. } => *same,
            Self::Record { steps, missing } => {
                let in_place = |(index, step): (usize, &Step)| match step {
                    Step::Read(target, plan) => *target == index && plan.is_same(known),
                    Step::Skip(_) => false,
                };
                missing.is_empty() && steps.iter().enumerate().all(in_place)
            }
        }
    }
}

impl Plan {
    fn is_same(&self, known: &BTreeMap<Pair, bool>) -> bool {
        match self {
            Self::Null => true,
            Self::Scalar(written, read) => written == read,
            Self::Fixed { same, .. } => *same,
            Self::Def(pair) => known.get(pair).is_some_and(|same| *same),
            Self::Array { item: inner, .. }
            | Self::Map { value: inner, .. }
            | Self::Boxed(inner) => inner.is_same(known),
            Self::Nullable { flipped, value, .. } => !flipped && value.is_same(known),
            Self::Branches { plans, read } => {
                let stays =
                    |(index, plan): (usize, &Plan)| plan.is_branch(index) && plan.is_same(known);
                plans.len() == *read && plans.iter().enumerate().all(stays)
            }
            Self::None(_) => true,
            Self::Some(value) | Self::Branch { value, .. } => value.is_same(known),
        }
    }

    /// Whether it reads as the newest version's branch of that index.
    fn is_branch(&self, index: usize) -> bool {
        match self {
            Self::None(branch) | Self::Branch { index: branch, .. } => *branch == index,
            Self::Some(value) => value.is_branch(index),
            _ => false,
        }
    }
}
