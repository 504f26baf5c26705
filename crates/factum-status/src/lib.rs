//! What the components of a running program say about themselves, and the HTTP server that tells it.
//!
//! A [`Component`] is anything that runs: an engine, a projection worker, a part of one's own. It is
//! hung on the program's [`Components`], and asked when somebody wants to know: nothing is pushed or
//! polled, and a program that nobody asks spends nothing. With the feature `http`, a `StatusServer`
//! answers `/healthz`, `/readyz`, `/status` and `/metrics` from them, and `/history` from one that keeps it.
//!
//! Metrics are the `prometheus` crate's, without its global registry: each component brings its own,
//! so several of a kind live in one process, and tests beside each other. Gauges are made from the
//! status when they are asked for; only counters and histograms are kept up while it runs.

mod archive;
mod component;
mod components;
mod families;
#[cfg(feature = "http")]
mod page;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "http")]
mod turns;

pub use archive::{Archive, PastPage, Told, Untold};
pub use component::{Component, Health};
pub use components::Components;
pub use families::Families;
pub use prometheus;
#[cfg(feature = "http")]
pub use server::StatusServer;
