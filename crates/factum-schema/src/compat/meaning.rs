//! What Avro reads without a word although it says something else.

use crate::compat::incompatibility::Rule;
use crate::schema::{Body, Named, Shape, Type};

/// A rule beyond Avro's that is broken, and what to say of it.
type Finding = (Rule, String);

/// Of two types that are no named ones, the one readable as the other.
pub(super) fn plain(r: &Type, w: &Type) -> Option<Finding> {
    logical(known(r), known(w)).or_else(|| promotion(&r.shape, &w.shape))
}

/// Of two fixed.
pub(super) fn fixed(r: &Named, w: &Named) -> Option<Finding> {
    logical(known_fixed(r), known_fixed(w))
}

/// A logical type may be read as itself or as the plain type beneath it. The other way round the
/// older values' meaning was never stated.
fn logical(r: Option<&str>, w: Option<&str>) -> Option<Finding> {
    let message = match (r, w) {
        (Some(r), Some(w)) if r != w => format!("a `{w}` that was written is read as a `{r}`"),
        (Some(r), None) => {
            format!("what was written without a logical type is read as a `{r}`")
        }
        _ => return None,
    };
    Some((Rule::LogicalTypeChanged, message))
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

/// The type's logical type, if it is one of Avro's and stands on a type that can bear it; others are
/// ignored, as the specification says.
fn known(ty: &Type) -> Option<&str> {
    let logical = ty.logical.as_deref()?;
    let bears = match logical {
        "date" | "time-millis" => matches!(ty.shape, Shape::Int),
        "uuid" => matches!(ty.shape, Shape::String),
        "decimal" | "big-decimal" => matches!(ty.shape, Shape::Bytes),
        name => matches!(ty.shape, Shape::Long) && LONGS.contains(&name),
    };
    bears.then_some(logical)
}

const LONGS: [&str; 7] = [
    "time-micros",
    "timestamp-millis",
    "timestamp-micros",
    "timestamp-nanos",
    "local-timestamp-millis",
    "local-timestamp-micros",
    "local-timestamp-nanos",
];

fn known_fixed(named: &Named) -> Option<&str> {
    let logical = named.logical.as_deref()?;
    let bears = match (logical, &named.body) {
        ("decimal", Body::Fixed(_)) => true,
        ("duration", Body::Fixed(size)) => *size == 12,
        ("uuid", Body::Fixed(size)) => *size == 16,
        _ => false,
    };
    bears.then_some(logical)
}
