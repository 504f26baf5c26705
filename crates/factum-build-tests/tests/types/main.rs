//! Logical types as types of each crate that there is a choice of: the same bytes, the same bounds, and the JSON of
//! serde's derives.

mod crates;
mod decimals;
mod generated;
mod held;
mod json;
mod outside;
mod times;
#[path = "../values/mod.rs"]
mod values;
