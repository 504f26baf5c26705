//! How a value that one version wrote is read as the newest.

use std::rc::Rc;

use factum_schema::FullName;

use crate::model::{Scalar, Ty};

/// How to read one type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Written as the first, read as the second.
    Scalar(Scalar, Scalar),
    Fixed(usize),
    /// A record or an enum that is read by a function of its own.
    Def(Pair),
    Array {
        /// The bytes that a written item takes at least.
        least: usize,
        item: Box<Plan>,
    },
    Map {
        least: usize,
        value: Box<Plan>,
    },
    Nullable {
        /// The writer's branch that is null.
        null: u32,
        /// Whether the newest version's branches stand the other way round.
        flipped: bool,
        value: Box<Plan>,
    },
    /// Never null when it was written, nullable now.
    Some(Box<Plan>),
}

/// A record or an enum, as it was written and as it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub written: FullName,
    pub read: FullName,
}

/// How to read one record or enum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DefPlan {
    pub body: BodyPlan,
    /// Whether it was written exactly as the newest version writes it.
    pub same: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyPlan {
    Record {
        /// The written fields in order.
        steps: Vec<Step>,
        /// The fields of the newest version, by index, that were not written.
        missing: Vec<usize>,
    },
    /// For each written symbol, the newest version's symbol, by index.
    Enum(Vec<usize>),
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
    /// In the order in which functions can be written: what is used comes first.
    pub defs: Vec<(Pair, Rc<DefPlan>)>,
}

impl Plans {
    /// Whether the newest version writes the pair's type in the same way.
    pub fn is_same(&self, pair: &Pair) -> bool {
        let known = self.defs.iter().find(|(other, _)| other == pair);
        known.is_some_and(|(_, plan)| plan.same)
    }
}
