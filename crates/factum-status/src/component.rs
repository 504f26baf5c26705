//! Something that runs and can be asked how it is.

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use serde_json::Value;

use crate::Archive;

/// A part of a running program. It is asked by a task that serves others: answers must not block.
pub trait Component: Send + Sync + 'static {
    /// What kind of component it is: `engine`, `projection`, …
    fn kind(&self) -> &'static str;

    /// Which of its kind. Kind and name together tell it from all others of the program.
    fn name(&self) -> String;

    /// How it is.
    fn health(&self) -> Health;

    /// All that it knows of itself, as a JSON object.
    fn status(&self) -> Value;

    /// What is to be seen over time. Families of the same name, from several components, are shown as
    /// one, so their samples need labels that tell them apart.
    fn metrics(&self) -> Vec<MetricFamily>;

    /// What it keeps of the past, if it does and is to tell that to everybody who may see its status.
    fn archive(&self) -> Option<Arc<dyn Archive>> {
        None
    }
}

/// How a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does not do its work yet, or not at the moment, and mends that by itself: why.
    Waiting(String),
    /// It does its work.
    Ready,
    /// It was told to stop, and finishes what is under way.
    Stopping,
    /// It ended and won't come back: why. The program should be started again.
    Failed(String),
}

impl Health {
    /// One word for it: `waiting`, `ready`, `stopping` or `failed`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "waiting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it waits or has failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting(why) | Self::Failed(why) => Some(why),
            Self::Ready | Self::Stopping => None,
        }
    }
}
