//! What no rule of Avro can read.

use factum::Upcast;

use crate::{Submitted, submitted};

/// Whole euros are cents now.
impl Upcast<submitted::v1::Submitted> for Submitted {
    fn upcast(old: submitted::v1::Submitted) -> Self {
        Self {
            currency: "EUR".to_owned(),
            amount_cents: old.amount.saturating_mul(100),
            resource: old.resource,
            submitted_at: old.time,
            entry: old.entry,
        }
    }
}
