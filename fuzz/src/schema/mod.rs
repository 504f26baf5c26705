//! What `factum-schema` does with bytes and schemas that nobody vouches for.

pub mod compatibility;
pub mod differential;
mod draw;
mod draw_value;
pub mod framing;
pub mod parser;
pub mod resolution;
pub mod value;

/// Pairs of schemas, and values: the oracles' cases.
const CASES: &str = include_str!("../../../crates/factum-schema/tests/oracle/cases.json");
