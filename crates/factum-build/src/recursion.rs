//! Records that contain themselves: which they are, and where Rust needs a box.

use std::collections::{BTreeMap, BTreeSet};

use factum_schema::FullName;

use crate::model::{Body, Def, Field, Ty};

type Defs = BTreeMap<FullName, Def>;

/// How one record lies in another, from the closest on.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Through {
    /// As a field: there is always one.
    Field,
    /// In a union: Rust still has it in place.
    Union,
    /// In an array or a map: Rust has it elsewhere.
    Collection,
}

/// For each record, the records that lie in it at any depth, each no further away than `Through`.
type Reach = BTreeMap<FullName, BTreeSet<FullName>>;

/// Marks what is recursive, and returns the records that contain themselves in every value, so that
/// they have none.
pub(crate) fn settle(defs: &mut Defs) -> Vec<FullName> {
    let endless = reach(defs, Through::Field);
    let endless: Vec<_> = within_itself(&endless).cloned().collect();
    let in_place = reach(defs, Through::Union);
    let anywhere = reach(defs, Through::Collection);
    let recursive: BTreeSet<_> = within_itself(&anywhere).cloned().collect();
    for (name, def) in defs {
        def.recursive = recursive.contains(name);
        for field in fields_mut(&mut def.body) {
            mark(&mut field.ty, &|inner| in_place[inner].contains(name));
        }
    }
    endless
}

fn within_itself(reach: &Reach) -> impl Iterator<Item = &FullName> {
    let within = |(name, inner): &(&FullName, &BTreeSet<FullName>)| inner.contains(*name);
    reach.iter().filter(within).map(|(name, _)| name)
}

fn fields_mut(body: &mut Body) -> &mut [Field] {
    match body {
        Body::Record(fields) => fields,
        Body::Enum { .. } => &mut [],
    }
}

/// What lies in an array or a map needs no box.
fn mark(ty: &mut Ty, is_within: &dyn Fn(&FullName) -> bool) {
    match ty {
        Ty::Record { name, boxed } => *boxed = is_within(name),
        Ty::Nullable { value, .. } => mark(value, is_within),
        Ty::Union(union) => union
            .branches
            .iter_mut()
            .for_each(|branch| mark(branch, is_within)),
        _ => {}
    }
}

fn reach(defs: &Defs, most: Through) -> Reach {
    let direct: BTreeMap<_, _> = defs
        .iter()
        .map(|(name, def)| (name, direct(def, most)))
        .collect();
    let mut reach = Reach::new();
    for name in defs.keys() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&FullName> = direct[name].iter().copied().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next.clone()) {
                open.extend(&direct[next]);
            }
        }
        reach.insert(name.clone(), seen);
    }
    reach
}

fn direct(def: &Def, most: Through) -> BTreeSet<&FullName> {
    let mut found = BTreeSet::new();
    if let Body::Record(fields) = &def.body {
        for field in fields {
            records(&field.ty, most, &mut found);
        }
    }
    found
}

fn records<'a>(ty: &'a Ty, most: Through, found: &mut BTreeSet<&'a FullName>) {
    let through = match ty {
        Ty::Array(_) | Ty::Map(_) => Through::Collection,
        Ty::Nullable { .. } | Ty::Union(_) => Through::Union,
        _ => Through::Field,
    };
    if let Ty::Record { name, .. } = ty {
        found.insert(name);
    }
    if through <= most {
        ty.inner()
            .iter()
            .for_each(|inner| records(inner, most, found));
    }
}
