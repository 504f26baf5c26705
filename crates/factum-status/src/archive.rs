//! What a component keeps of the past of those that it serves.

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

/// An answer that is waited for.
pub type Told = Pin<Box<dyn Future<Output = Result<Value, Untold>> + Send>>;

/// The past that a component keeps, which it tells in pages.
pub trait Archive: Send + Sync {
    /// Tells a page.
    fn page(&self, asked: PastPage) -> Told;
}

/// Which events are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastPage {
    /// Whose.
    pub id: String,
    /// The version of the first one, from 1.
    pub from: u64,
    /// How many at most. Fewer may come where they are large.
    pub limit: usize,
}

/// Why a page is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// Another process may tell it: why not this one.
    Elsewhere(String),
    /// It cannot be told: why.
    Failed(String),
}
