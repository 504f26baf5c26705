//! Whether values of one schema can be read as another.
//!
//! The rules are those of Java's `SchemaCompatibility`, which a Confluent registry applies too, with
//! every finding listed and a way to mend each. Beyond them, [`meaning_changes`] lists what Avro lets
//! pass although it changes what a value says. [`check`] applies both over a history of versions.

mod branch;
mod incompatibility;
mod meaning;
mod mend;
mod mode;
mod pairs;
mod rules;
mod walk;

pub use incompatibility::{Direction, Incompatibility, Rule};
pub use mode::{Mode, UnknownMode, Violation, check};

use crate::Schema;
use pairs::Pairs;
use walk::Report;

/// Everything for which `reader` can't read values that `writer` wrote; empty if it can read all.
///
/// Each finding stands once, although a shared type may be met in several places. The advice assumes
/// that the reader is the newer schema; [`check`] advises by direction.
///
/// ```
/// use factum_schema::{Schema, incompatibilities};
///
/// let old = Schema::parse(r#"{"type": "record", "name": "Paid", "fields": []}"#)?;
/// let new = Schema::parse(
///     r#"{"type": "record", "name": "Paid", "fields": [{"name": "cents", "type": "long"}]}"#,
/// )?;
/// let findings = incompatibilities(&new, &old);
/// assert_eq!(findings[0].reader, "/fields/0");
/// assert!(incompatibilities(&old, &new).is_empty());
/// # Ok::<(), factum_schema::ParseError>(())
/// ```
pub fn incompatibilities(reader: &Schema, writer: &Schema) -> Vec<Incompatibility> {
    findings(reader, writer, Direction::Backward).incompatibilities
}

/// What Avro's rules let `reader` read from `writer` although it changes, or may change, the value's
/// meaning: another unit or scale, digits lost, bytes that may be no text.
///
/// Every finding's [`Rule::beyond_avro`] is true.
pub fn meaning_changes(reader: &Schema, writer: &Schema) -> Vec<Incompatibility> {
    findings(reader, writer, Direction::Backward).meaning
}

fn findings(reader: &Schema, writer: &Schema, direction: Direction) -> Report {
    let pairs = Pairs::settle(reader, writer);
    walk::report(&pairs, direction)
}
