//! What tests of Factum, and of applications built on it, are made of.
//!
//! - [`MemoryLog`]: a whole log in memory, groups included, that passes the same suite as Kafka.
//! - [`FaultyLog`]: any log behind a network that loses, fails, doubles and delays by a seed.
//! - [`conformance`]: the suite that every implementation of the log's port passes.
//! - [`servers`]: where the real Kafka and Postgres of a test run listen.

pub mod conformance;
mod faulty;
mod memory;
pub mod servers;

pub use faulty::{Faults, FaultyLog};
pub use memory::MemoryLog;
