//! Decimals of more digits than the type holds that they are to become.

use factum_schema::{Digits, LogicalType::Decimal};

use crate::aggregate::{Item, Kind};
use crate::finding::Finding;
use crate::model::{Body, Scalar, Ty};
use crate::types::Decimals;

/// Refuses them in the fields of a record that becomes a struct. What no struct is made of may have any digits, so that
/// older versions may.
pub(crate) fn check(item: Item<'_>, decimals: Decimals, findings: &mut Vec<Finding>) {
    let (Kind::Def, Body::Record(fields)) = (item.kind, &item.def.body) else {
        return;
    };
    let most = decimals.most_digits();
    for field in fields {
        let mut found = Vec::new();
        find(&field.ty, format!("{}/type", field.pointer), &mut found);
        found.retain(|(_, digits)| digits.precision > most);
        findings.extend(found.into_iter().map(|(pointer, digits)| {
            let message = format!(
                "a decimal of {} digits is too long for a `rust_decimal::Decimal`, {most} is the most; use no more, the \
                 logical type big-decimal, or Factum's own decimals (`Decimals::Factum`, `--decimals factum`)",
                digits.precision
            );
            Finding::new(&item.version.file, &pointer, message)
        }));
    }
}

/// The decimals in a type, with their places.
fn find(ty: &Ty, at: String, found: &mut Vec<(String, Digits)>) {
    match ty {
        Ty::Scalar(Scalar::Logical(Decimal(digits))) => found.push((at, *digits)),
        Ty::Fixed(fixed) => {
            if let Some(Decimal(digits)) = fixed.logical {
                found.push((at, digits));
            }
        }
        Ty::Array(item) => find(item, at + "/items", found),
        Ty::Map(value) => find(value, at + "/values", found),
        Ty::Nullable { null, value } => find(value, format!("{at}/{}", 1 - null), found),
        Ty::Union(union) => {
            for (index, branch) in union.branches.iter().enumerate() {
                find(branch, format!("{at}/{index}"), found);
            }
        }
        Ty::Null | Ty::Scalar(_) | Ty::Record { .. } | Ty::Enum(_) => {}
    }
}
