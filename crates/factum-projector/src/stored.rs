//! Which keys a table may hold, known from its first row on: what is not among them need not be
//! looked for, so a table that is filled from nothing is filled at the speed of COPY.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};

use rustc_hash::FxBuildHasher;

/// What fits into 2^21 buckets, which take 19 MB.
const LIMIT: usize = 1_800_000;

/// The keys of a table by their hashes. Two keys that share a hash cost a look at the table.
pub(crate) struct StoredKeys {
    hashes: HashSet<u64, FxBuildHasher>,
}

impl StoredKeys {
    /// Those of an empty table.
    pub(crate) fn none() -> Self {
        Self {
            hashes: HashSet::default(),
        }
    }

    /// Whether the table may hold a row of this key.
    pub(crate) fn may_hold<K: Hash>(&self, key: &K) -> bool {
        self.hashes.contains(&FxBuildHasher.hash_one(key))
    }

    /// Notes a key that the table holds now.
    pub(crate) fn add<K: Hash>(&mut self, key: &K) {
        self.hashes.insert(FxBuildHasher.hash_one(key));
    }

    /// Whether there are too many to be remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.hashes.len() >= LIMIT
    }
}
