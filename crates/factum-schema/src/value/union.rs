//! Which branches of a union look alike in JSON.

use std::mem::discriminant;

use crate::schema::{Body, Schema, Shape, Type};

/// What a value is in JSON.
enum Kind {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

/// Whether another branch may be the same kind of JSON.
pub(super) fn is_ambiguous(schema: &Schema, branches: &[Type], index: usize) -> bool {
    if let [_, _] = branches
        && branches.iter().any(|b| matches!(b.shape, Shape::Null))
    {
        return false; // By far the most unions are a type or null.
    }
    let own = discriminant(&kind(schema, &branches[index]));
    let mut others = branches
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index);
    others.any(|(_, branch)| discriminant(&kind(schema, branch)) == own)
}

fn kind(schema: &Schema, ty: &Type) -> Kind {
    match &ty.shape {
        Shape::Null => Kind::Null,
        Shape::Boolean => Kind::Boolean,
        Shape::Int | Shape::Long => match schema.logical_type(ty) {
            Ok(Some(_)) => Kind::Text,
            _ => Kind::Number,
        },
        Shape::Float | Shape::Double => Kind::Number,
        Shape::Bytes | Shape::String => Kind::Text,
        Shape::Array(_) => Kind::Array,
        Shape::Map(_) => Kind::Object,
        Shape::Union(_) => Kind::Null, // No union holds a union.
        Shape::Named(name) => match schema.named(name).map(|named| &named.body) {
            Some(Body::Record(_)) => Kind::Object,
            _ => Kind::Text,
        },
    }
}
