//! How few bytes a value of a type may take.

use std::collections::HashMap;

use crate::schema::{Body, FullName, Schema, Shape, Type};

/// How far chains of names are followed; beyond, a record may take no bytes as far as is known.
const FAR: u32 = 64;

/// The least sizes of a schema's types.
pub(crate) struct Least<'a> {
    schema: &'a Schema,
    /// What is known of each record; 0 while it is being worked out.
    records: HashMap<&'a FullName, usize>,
}

impl<'a> Least<'a> {
    pub(crate) fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            records: HashMap::new(),
        }
    }

    /// The bytes that a value of the type takes at least.
    pub(crate) fn of(&mut self, ty: &'a Type) -> usize {
        self.ty(ty, 0)
    }

    fn ty(&mut self, ty: &'a Type, depth: u32) -> usize {
        match &ty.shape {
            Shape::Null => 0,
            Shape::Float => 4,
            Shape::Double => 8,
            Shape::Named(name) => self.named(name, depth),
            _ => 1,
        }
    }

    fn named(&mut self, name: &'a FullName, depth: u32) -> usize {
        if let Some(&known) = self.records.get(name) {
            return known;
        }
        match self.schema.named(name).map(|named| &named.body) {
            Some(Body::Fixed(size)) => *size,
            Some(Body::Enum { .. }) => 1,
            Some(Body::Record(fields)) if depth < FAR => {
                self.records.insert(name, 0);
                let sizes = fields.iter().map(|field| self.ty(&field.ty, depth + 1));
                let least = sizes.fold(0, usize::saturating_add);
                self.records.insert(name, least);
                least
            }
            _ => 0,
        }
    }
}
