//! What can be set where a read model is waited for.

use std::time::Duration;

/// Which read model is waited for, and how. Start from [`ReadModelOptions::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadModelOptions {
    /// The version of the projection whose table is read, as its `Fold` says; `None` stands for the
    /// live one, whichever that is at the moment: the one behind the names that readers use. Versions
    /// that fill tables side by side come as far at different times, so whoever reads the table of a
    /// certain version must say which.
    pub version: Option<u32>,
    /// The topic that the tokens speak of; `None` stands for the only one that the projection reads.
    pub topic: Option<String>,
    /// The Postgres schema of Factum's own tables: `factum`.
    pub schema: String,
    /// How long a Postgres that is out of reach is tried again at the start; 30 s. After that,
    /// connections are made anew for ever.
    pub start_timeout: Duration,
    /// How often positions are read while somebody waits and Postgres says nothing; every 5 s. What
    /// ends a wait is a notification; this is for those that some other program held up.
    pub poll_interval: Duration,
}

impl Default for ReadModelOptions {
    fn default() -> Self {
        Self {
            version: None,
            topic: None,
            schema: "factum".into(),
            start_timeout: Duration::from_secs(30),
            poll_interval: Duration::from_secs(5),
        }
    }
}
