//! Which named types of two schemas fit, recursive ones included.

use std::collections::{HashMap, HashSet};

use crate::compat::walk::Walk;
use crate::schema::{FullName, Schema, Type};

/// A reader's and a writer's named type.
pub(crate) type Pair<'a> = (&'a FullName, &'a FullName);

/// Two schemas, and the pairs of their named types of which the reader's can't read the writer's.
///
/// A pair fits until the opposite is shown, so that types which hold themselves are settled: first
/// every pair that is met counts as fitting, then whatever a refuted pair was counted on for is looked
/// at again. The depth of calls is that of the schemas' JSON, however long the chain of names.
pub(crate) struct Pairs<'a> {
    pub(crate) reader: &'a Schema,
    pub(crate) writer: &'a Schema,
    pub(super) refuted: HashSet<Pair<'a>>,
}

impl<'a> Pairs<'a> {
    /// Finds the pairs that don't fit.
    pub(crate) fn settle(reader: &'a Schema, writer: &'a Schema) -> Self {
        let mut pairs = Self {
            reader,
            writer,
            refuted: HashSet::new(),
        };
        let mut walk = Walk::quiet(&pairs);
        walk.ty(reader.root(), writer.root());
        let mut queue = walk.met;
        let mut seen: HashSet<_> = queue.iter().copied().collect();
        let mut dependents: HashMap<Pair<'a>, HashSet<Pair<'a>>> = HashMap::new();
        while let Some(pair) = queue.pop() {
            if pairs.refuted.contains(&pair) {
                continue;
            }
            let mut walk = Walk::quiet(&pairs);
            let fits = walk.body(pair);
            for met in walk.met {
                dependents.entry(met).or_default().insert(pair);
                if seen.insert(met) {
                    queue.push(met);
                }
            }
            if !fits {
                pairs.refuted.insert(pair);
                queue.extend(dependents.remove(&pair).unwrap_or_default());
            }
        }
        pairs
    }

    /// Whether every value of the written type can be read.
    pub(crate) fn fits(&self, reader: &Type, writer: &Type) -> bool {
        Walk::quiet(self).ty(reader, writer)
    }
}
