//! How commands and their outcomes become JSON and come back.

use factum_core::Aggregate;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::told::Told;
use super::{Routing, RoutingOptions};
use crate::answer::Outcome;

/// The functions of an aggregate whose commands and rejections serde knows: bounds that are asked for
/// only where commands are routed.
pub(crate) struct Codec<A: Aggregate> {
    pub encode: fn(&A::Command) -> serde_json::Result<Vec<u8>>,
    pub decode: fn(&[u8]) -> serde_json::Result<A::Command>,
    /// What a caller is told, as JSON.
    pub tell: fn(&Outcome<A::Rejection>) -> serde_json::Result<String>,
    /// What a caller was told; the receipt lacks the command's id.
    pub hear: fn(&[u8]) -> serde_json::Result<Outcome<A::Rejection>>,
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
            hear: |bytes| serde_json::from_slice::<Told<A::Rejection>>(bytes).map(Told::outcome),
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
