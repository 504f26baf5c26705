//! Which branch of a union a default belongs to.

use std::collections::BTreeMap;

use factum_schema::FullName;
use serde_json::Value;

use super::bytes;
use crate::model::{Body, Def, Scalar, Ty};

/// Whether `value` is a default of the Avro type beneath `ty`.
pub(super) fn fits(ty: &Ty, value: &Value, defs: &BTreeMap<FullName, Def>) -> bool {
    let fits = |ty: &Ty, value: &Value| fits(ty, value, defs);
    match ty {
        Ty::Null => value.is_null(),
        Ty::Scalar(scalar) => fits_scalar(scalar.plain(), value),
        Ty::Fixed(fixed) => bytes(value).is_some_and(|bytes| bytes.len() == fixed.size),
        Ty::Array(item) => value
            .as_array()
            .is_some_and(|list| list.iter().all(|v| fits(item, v))),
        Ty::Map(inner) => value
            .as_object()
            .is_some_and(|map| map.values().all(|v| fits(inner, v))),
        Ty::Nullable { value: inner, .. } => value.is_null() || fits(inner, value),
        Ty::Union(union) => union.branches.iter().any(|branch| fits(branch, value)),
        Ty::Record { name, .. } | Ty::Enum(name) => match &defs[name].body {
            Body::Enum { symbols, .. } => value
                .as_str()
                .is_some_and(|s| symbols.iter().any(|it| it == s)),
            Body::Record(fields) => {
                let has = |field: &crate::model::Field| match value.get(&field.name) {
                    Some(value) => fits(&field.ty, value),
                    None => field.default.is_some(),
                };
                value.is_object() && fields.iter().all(has)
            }
        },
    }
}

fn fits_scalar(plain: Scalar, value: &Value) -> bool {
    match plain {
        Scalar::Boolean => value.is_boolean(),
        Scalar::Int => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        Scalar::Long => value.is_i64(),
        Scalar::Float => value.as_f64().is_some_and(|n| (n as f32).is_finite()),
        Scalar::Double => value.is_number(),
        Scalar::Bytes => bytes(value).is_some(),
        _ => value.is_string(),
    }
}
