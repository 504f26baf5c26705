//! How a written value becomes a value that is read.

use crate::resolve::skim::Skim;

/// How one type is rewritten.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// As it is, once it is known to be what the writer's schema says.
    Copy(Skim),
    /// Bytes as a string: they stay, but must be UTF-8, of which the writer's schema says nothing.
    Text,
    /// An int as a float.
    IntFloat,
    /// An int as a double.
    IntDouble,
    /// A long as a float.
    LongFloat,
    /// A long as a double.
    LongDouble,
    /// A float as a double.
    FloatDouble,
    /// For each symbol that was written, the one that is read.
    Enum(Vec<u32>),
    Array {
        /// The bytes that a written item takes at least.
        least: usize,
        item: Box<Plan>,
    },
    Map {
        least: usize,
        value: Box<Plan>,
    },
    /// For each branch that was written, how it is read.
    Union(Vec<Plan>),
    /// As a branch of the reader's union.
    Branch(u32, Box<Plan>),
    /// The record plan of that index.
    Record(usize),
}

/// How a record is rewritten.
#[derive(Clone, Debug)]
pub(super) struct RecordPlan {
    /// What happens in order; reads are in the order in which the fields were written.
    pub steps: Vec<Step>,
    /// If the fields are read in another order: for each of the reader's fields the step that it
    /// comes from.
    pub order: Option<Vec<usize>>,
    /// The writer's record, as the index of its skims.
    pub written: usize,
}

/// One step of a record.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A field that both have.
    Read(Plan),
    /// A field that only the writer has.
    Skip(Skim),
    /// A field that only the reader has: its default's bytes.
    Default(Box<[u8]>),
}
