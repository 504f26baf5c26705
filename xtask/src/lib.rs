//! The servers that Factum's tests and demos need: a real Kafka and a real Postgres, on any machine.
//!
//! `cargo xtask up` starts the shared pair. A test that kills its server starts one of its own:
//! [`servers::Kafka::start`], [`servers::Postgres::start`].

pub mod servers;
