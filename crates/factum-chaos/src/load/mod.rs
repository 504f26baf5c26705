//! Clients under way: they ask, ask again where that is safe, and write down what they were told.

mod client;
mod draw;
mod pace;
mod route;
mod topic;

pub use client::{Client, Clients};
pub use draw::{Draw, Wish};
pub use pace::Pace;
pub use route::{Nodes, Ways};
pub use topic::Topic;
