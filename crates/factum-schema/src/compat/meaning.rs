//! What Avro reads without a word although it says something else.

use crate::compat::incompatibility::Rule;
use crate::logical_type::LogicalType;
use crate::schema::{Digits, Named, Schema, Shape, Type};

/// A rule beyond Avro's that is broken, and what to say of it.
type Finding = (Rule, String);

/// Of two types, the one readable as the other.
pub(super) fn change(r: (&Schema, &Type), w: (&Schema, &Type)) -> Option<Finding> {
    logical(r, w).or_else(|| promotion(&r.1.shape, &w.1.shape))
}

/// Of two fixed.
pub(super) fn fixed(r: (&Schema, &Named), w: (&Schema, &Named)) -> Option<Finding> {
    let used = |named: &Named| Type {
        shape: Shape::Named(named.name.clone()),
        logical: None,
        digits: None,
        pointer: String::new(),
    };
    logical((r.0, &used(r.1)), (w.0, &used(w.1)))
}

/// A logical type may be read as itself or as the plain type beneath it. The other way round the
/// older values' meaning was never stated.
fn logical(r: (&Schema, &Type), w: (&Schema, &Type)) -> Option<Finding> {
    let read = known(r)?;
    let message = match (read, known(w)) {
        (read, Some(written)) if read == written => return None,
        (LogicalType::Decimal(r), Some(LogicalType::Decimal(w))) => decimal(r, w)?,
        (_, Some(_)) => format!(
            "a `{}` that was written is read as a `{}`",
            name(w),
            name(r)
        ),
        (_, None) => format!(
            "what was written without a logical type is read as a `{}`",
            name(r)
        ),
    };
    Some((Rule::LogicalTypeChanged, message))
}

/// One that is not valid where it stands is ignored, as the specification says.
fn known((schema, ty): (&Schema, &Type)) -> Option<LogicalType> {
    schema.logical_type(ty).ok().flatten()
}

fn name<'a>((schema, ty): (&'a Schema, &'a Type)) -> &'a str {
    let logical = match &ty.shape {
        Shape::Named(name) => schema
            .named(name)
            .and_then(|named| named.logical.as_deref()),
        _ => ty.logical.as_deref(),
    };
    logical.unwrap_or_default()
}

/// More digits in front of the point change nothing.
fn decimal(r: Digits, w: Digits) -> Option<String> {
    if r.scale != w.scale {
        let (r, w) = (r.scale, w.scale);
        Some(format!(
            "a `decimal` that was written with the scale {w} is read with the scale {r}"
        ))
    } else if r.precision < w.precision {
        let (r, w) = (r.precision, w.precision);
        Some(format!(
            "a `decimal` that was written with {w} digits is read with only {r}"
        ))
    } else {
        None
    }
}

fn promotion(r: &Shape, w: &Shape) -> Option<Finding> {
    let rule = match (w, r) {
        (Shape::Int | Shape::Long, Shape::Float) | (Shape::Long, Shape::Double) => {
            Rule::LossyPromotion
        }
        (Shape::Bytes, Shape::String) => Rule::BytesAsText,
        _ => return None,
    };
    let (w, r) = (w.label(), r.label());
    let message = match rule {
        Rule::LossyPromotion => format!("not every `{w}` has all of its digits as a `{r}`"),
        _ => "bytes that are not UTF-8 can't be read as a string".to_owned(),
    };
    Some((rule, message))
}
