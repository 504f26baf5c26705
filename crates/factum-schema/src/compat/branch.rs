//! Which of a reader's union's branches reads a written type.

use crate::compat::rules::{promotes, same_body, same_kind};
use crate::schema::{Named, Schema, Shape, Type};

/// How near a branch is to a written type, from the nearest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The same type, by its full name if it has one.
    Same,
    /// Another name, of which the branch's aliases tell.
    Alias,
    /// The same name in another namespace.
    ShortName,
    /// A type that the written one is promoted to.
    Promotion,
}

/// The branches that may read the written type, the nearest first, and in the union's order.
///
/// The order is Java's, but that a record of another name is never taken for the written one.
pub(super) fn candidates(
    reader: (&Schema, &[Type]),
    writer: (&Schema, &Type),
) -> Vec<(Nearness, usize)> {
    let (schema, branches) = reader;
    let nearness: &dyn Fn(&Type) -> Option<Nearness> = match &writer.1.shape {
        Shape::Named(name) => match writer.0.named(name) {
            Some(w) => &|branch| named(schema, branch, w),
            None => &|_| None,
        },
        shape => &|branch| unnamed(&branch.shape, shape),
    };
    let near = branches.iter().enumerate();
    let mut near: Vec<_> = near
        .filter_map(|(index, branch)| Some((nearness(branch)?, index)))
        .collect();
    near.sort_unstable();
    near
}

fn unnamed(branch: &Shape, written: &Shape) -> Option<Nearness> {
    if same_kind(branch, written) {
        Some(Nearness::Same)
    } else {
        promotes(branch, written).then_some(Nearness::Promotion)
    }
}

fn named(reader: &Schema, branch: &Type, w: &Named) -> Option<Nearness> {
    let Shape::Named(name) = &branch.shape else {
        return None;
    };
    let r = reader.named(name).filter(|r| same_body(r, w))?;
    if r.name == w.name {
        Some(Nearness::Same)
    } else if r.aliases.contains(&w.name) {
        Some(Nearness::Alias)
    } else {
        (r.name.short() == w.name.short()).then_some(Nearness::ShortName)
    }
}
