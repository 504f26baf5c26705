//! How commands and their outcomes become JSON and come back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factum_core::Aggregate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::told::Told;
use super::{Routing, RoutingOptions};
use crate::answer::Outcome;
use crate::decider::panic_message;

/// The functions of an aggregate whose commands and rejections serde knows: bounds that are asked for
/// only where commands are routed.
pub(crate) struct Codec<A: Aggregate> {
    pub encode: fn(&A::Command) -> serde_json::Result<Vec<u8>>,
    decode: fn(&[u8]) -> serde_json::Result<A::Command>,
    /// What a caller is told, as JSON.
    pub tell: fn(&Outcome<A::Rejection>) -> serde_json::Result<String>,
    hear: Hear<A::Rejection>,
}

type Hear<R> = fn(&[u8], Uuid) -> serde_json::Result<Outcome<R>>;

impl<A: Aggregate> Codec<A> {
    /// The command; or why it is none.
    pub fn decode(&self, value: &[u8]) -> Result<A::Command, String> {
        read(|| (self.decode)(value))
    }

    /// What the caller of a command was told; or why nobody can tell.
    pub fn hear(&self, told: &[u8], command: Uuid) -> Result<Outcome<A::Rejection>, String> {
        read(|| (self.hear)(told, command))
    }
}

/// Reads what came through the log. That may be anything, and the user's code may panic on it.
fn read<T>(read: impl FnOnce() -> serde_json::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("reading it panicked: {}", panic_message(&*panic))),
    }
}

impl<A: Aggregate> Clone for Codec<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Aggregate> Copy for Codec<A> {}

impl<A> Routing<A>
where
    A: Aggregate,
    A::Command: Serialize + DeserializeOwned,
    A::Rejection: Serialize + DeserializeOwned,
{
    /// Routing with options of one's own.
    pub fn new(options: RoutingOptions) -> Self {
        let codec = Codec {
            encode: serde_json::to_vec,
            decode: |bytes| serde_json::from_slice(bytes),
            tell: |outcome| serde_json::to_string(&Told::of(outcome)),
            hear: |bytes, command| {
                let told = serde_json::from_slice::<Told<A::Rejection>>(bytes)?;
                Ok(told.outcome(command))
            },
        };
        Self { options, codec }
    }
}

impl<A> Default for Routing<A>
where
    A: Aggregate,
    A::Command: Serialize + DeserializeOwned,
    A::Rejection: Serialize + DeserializeOwned,
{
    fn default() -> Self {
        Self::new(RoutingOptions::default())
    }
}
