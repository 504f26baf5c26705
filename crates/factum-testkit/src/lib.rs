//! What tests of Factum, and of applications built on it, are made of.
//!
//! - [`given`]: given these events, when this command comes, then that happens; in microseconds.
//! - [`projection`]: the same for read models: given these events, then it has these rows.
//! - [`MemoryLog`]: a whole log in memory, groups included, that passes the same suite as Kafka.
//! - [`FaultyLog`]: any log behind a network that loses, fails, doubles and delays by a seed.
//! - [`mod@conformance`]: the suite that every implementation of the log's port passes.
//! - [`servers`]: where the real Kafka and Postgres of a test run listen.

pub mod conformance;
#[doc(hidden)]
pub mod doctest;
mod faulty;
mod given;
mod memory;
mod projection;
pub mod servers;

pub use faulty::{Faults, FaultyLog};
pub use given::{Decided, Given, given};
pub use memory::MemoryLog;
pub use projection::{Projected, projection};
