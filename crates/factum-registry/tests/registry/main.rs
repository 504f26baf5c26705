//! The client against a stand-in that fails on demand, and against a real registry.

mod cached;
mod compared;
mod framing;
mod listed;
mod meant;
mod memory;
mod page;
mod patience;
mod real;
mod stub;
mod tls;
