//! A client of Confluent-compatible schema registries.
//!
//! Values in Confluent's framing name their schema by an id that a registry gave it. Three things are done with
//! a registry, and none of them for an event:
//!
//! - **At deploy** [`register`] tells it every released version of a program's events. Nothing else ever
//!   registers a schema. [`fetch`] takes in those that other writers registered.
//! - **At start** [`Ids::find`] learns which ids these versions have, so that the program reads and writes
//!   Confluent's framing. What was found is kept in a [`Cache`] on disk for ever: the next start asks
//!   nobody, and needs no registry that answers. [`bridge`] names another writer's schema that is to be read, too.
//! - **By tools** an id that is met in a topic is looked up: [`Cache::schema`]; and [`compare`] tells what deploying a
//!   tree of schemas would meet.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use factum_engine::EngineOptions;
//! # struct LoanEvent;
//! # impl LoanEvent { const SCHEMAS: &[factum_schema::SchemaVersion] = &[]; }
//! use factum_registry::{Cache, HttpRegistry, Ids, Settings, Subjects};
//!
//! # fn main() -> Result<(), factum_registry::RegistryError> {
//! let mut settings = Settings::parse("https://user:password@registry.example:8081")?;
//! settings.authority = Some("/etc/ssl/registry-ca.pem".into()); // else whom the machine trusts
//! let cache = Cache::open("/var/lib/loans/registry", HttpRegistry::connect(&settings)?)?;
//! factum_registry::register(&cache, &Subjects::Record, LoanEvent::SCHEMAS)?;
//!
//! let ids = Ids::find(&cache, &Subjects::Record, LoanEvent::SCHEMAS)?;
//! let options = EngineOptions { framing: Some(Arc::new(ids)), ..EngineOptions::default() };
//! factum_registry::bridge(&cache, 17, LoanEvent::SCHEMAS)?;
//! # Ok(()) }
//! ```
//!
//! Calls block: they are made a few times in a program's life. Within an async runtime make them before it
//! serves, or on a thread for blocking work.

mod answer;
mod bridge;
mod cache;
mod compare;
mod deploy;
mod error;
mod folder;
mod http;
mod ids;
mod listed;
mod meaning;
mod references;
mod registry;
mod retry;
mod settings;
mod subjects;
mod tls;

pub use bridge::bridge;
pub use cache::{Cache, KnownSchema};
pub use compare::{Breach, Difference, TreeVersion, compare};
pub use deploy::{Deployed, fetch, register};
pub use error::{Refusal, RegistryError};
pub use http::HttpRegistry;
pub use ids::Ids;
pub use listed::listed;
pub use registry::{Acceptance, Compatibility, Reference, Registry, SchemaText, SubjectVersion};
pub use retry::Retry;
pub use settings::Settings;
pub use subjects::Subjects;
