//! Avro's rules of resolution, one by one.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::schema::{Body, Field, Named, Shape};

/// Whether every value of the written type can be read as the other, which is not the same.
pub(crate) fn promotes(reader: &Shape, writer: &Shape) -> bool {
    use Shape::{Bytes, Double, Float, Int, Long, String};
    matches!(
        (writer, reader),
        (Int, Long | Float | Double)
            | (Long, Float | Double)
            | (Float, Double)
            | (String, Bytes)
            | (Bytes, String)
    )
}

/// Whether both are null, a primitive of one type, both arrays, or both maps.
pub(super) fn same_kind(reader: &Shape, writer: &Shape) -> bool {
    match (reader, writer) {
        (Shape::Named(_), _) | (Shape::Union(_), _) => false,
        (reader, writer) => std::mem::discriminant(reader) == std::mem::discriminant(writer),
    }
}

/// Whether both are records, both enums, or both fixed.
pub(super) fn same_body(reader: &Named, writer: &Named) -> bool {
    std::mem::discriminant(&reader.body) == std::mem::discriminant(&writer.body)
}

/// Names are compared without their namespace, and older names are known by aliases.
pub(super) fn same_name(reader: &Named, writer: &Named) -> bool {
    reader.name.short() == writer.name.short() || reader.aliases.contains(&writer.name)
}

/// The writer's symbols that the reader can't read.
pub(super) fn missing_symbols<'a>(reader: &Body, writer: &'a Body) -> Vec<&'a str> {
    let (
        Body::Enum {
            symbols: known,
            default,
        },
        Body::Enum { symbols, .. },
    ) = (reader, writer)
    else {
        return Vec::new();
    };
    let known: HashSet<_> = known.iter().collect();
    let missing = symbols
        .iter()
        .filter(|symbol| default.is_none() && !known.contains(symbol));
    missing.map(String::as_str).collect()
}

/// Where a reader's field gets its value from.
pub(crate) enum Source {
    /// The writer's field of that index.
    Field(usize),
    /// Its default, if it has one.
    Default,
    /// Several of the writer's fields, of which nobody can say which is meant.
    Ambiguous(usize, usize),
}

/// A written record's fields, by name.
pub(crate) struct Sources<'a>(HashMap<&'a str, usize>);

impl<'a> Sources<'a> {
    pub(crate) fn new(written: &'a [Field]) -> Self {
        let by_name = |(index, field): (usize, &'a Field)| (field.name.as_str(), index);
        Self(written.iter().enumerate().map(by_name).collect())
    }

    /// The writer's field that has the field's name or one of its aliases.
    pub(crate) fn of(&self, field: &Field) -> Source {
        let names = std::iter::once(&field.name).chain(&field.aliases);
        let found: BTreeSet<_> = names.filter_map(|name| self.0.get(name.as_str())).collect();
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Source::Default,
            (Some(&index), None) => Source::Field(index),
            (Some(&a), Some(&b)) => Source::Ambiguous(a, b),
        }
    }
}
