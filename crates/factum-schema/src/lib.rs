//! Avro as Factum needs it.
//!
//! Two halves that meet in `factum-build`, which generates code:
//!
//! - schemas: [`Schema::parse`] reads a `.avsc` and says where it is wrong by JSON pointer;
//!   [`Schema::canonical_form`] and [`Schema::fingerprint`] are the specification's, as Java
//!   computes them; [`incompatibilities`] and [`check`] say what one version can't read of another,
//!   [`Schema::value`] reads any value for tools;
//! - the codec that the generated code runs on: [`Reader`] takes apart any bytes without panicking,
//!   [`mod@write`] puts values together, and a [`Resolution`] brings what a schema unknown to the build
//!   wrote into a known one's form. Values travel behind a [`frame`], Avro's single-object encoding or
//!   Confluent's; for the latter [`ids`] knows which schema an id stands for. With the features `chrono`,
//!   `time` and `rust_decimal`, types of these crates [stand for](StandsFor) the codec's own.

mod blocks;
mod canonical;
mod compat;
mod decimal;
mod decode_error;
mod default;
mod duration;
mod fingerprint;
pub mod foreign;
pub mod frame;
pub mod ids;
mod json;
mod least;
mod logical;
mod logical_type;
mod parse;
mod reader;
mod resolve;
mod schema;
pub mod serde_fixed;
mod skip;
mod stands_for;
mod undocumented;
mod value;
mod varint;
pub mod write;

pub use compat::{
    Direction, Incompatibility, Mode, Rule, UnknownMode, Violation, check, incompatibilities,
    meaning_changes,
};
pub use decimal::{BigDecimal, Decimal, DecimalError};
pub use decode_error::{DecodeError, DecodeErrorKind};
pub use duration::Duration;
pub use fingerprint::crc64_avro;
pub use logical_type::LogicalType;
pub use parse::{Finding, ParseError};
pub use reader::Reader;
pub use resolve::Resolution;
pub use schema::{Body, Digits, Field, FullName, Named, Schema, SchemaVersion, Shape, Type};
pub use stands_for::StandsFor;
pub use undocumented::undocumented;
pub use value::Value;
