//! A version of a projection as one, however many topics it reads.

use factum_projector::{ListedProjection, VersionState};

/// What is listed of a version, over all of its topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The projection's name.
    pub projection: String,
    /// Its number.
    pub version: u32,
    /// What it is to readers.
    pub state: Option<VersionState>,
    /// The topics that it reads, by name.
    pub topics: Vec<String>,
    /// The partitions of all topics.
    pub partitions: u64,
    /// Events that it has come past, of all topics.
    pub events: u64,
    /// Dead letters of all topics; none where the role may not see them.
    pub parked: Option<u64>,
    /// Connections of its workers to Postgres.
    pub sessions: u64,
}

impl Version {
    /// The versions of a list, which comes by projection, version and topic.
    pub(super) fn of(listed: &[ListedProjection]) -> Vec<Self> {
        let which = |it: &ListedProjection| (it.projection.clone(), it.version);
        let versions = listed.chunk_by(|one, next| which(one) == which(next));
        versions.map(Self::merged).collect()
    }

    fn merged(topics: &[ListedProjection]) -> Self {
        let first = &topics[0];
        Self {
            projection: first.projection.clone(),
            version: first.version,
            state: first.state,
            topics: topics.iter().map(|it| it.topic.clone()).collect(),
            partitions: topics.iter().map(|it| it.partitions).sum(),
            events: topics.iter().map(|it| it.events).sum(),
            parked: topics.iter().map(|it| it.parked).sum(),
            sessions: first.sessions,
        }
    }

    /// The topics' names, as a projection's topics are told everywhere.
    pub(super) fn topics(&self) -> String {
        self.topics.join(" + ")
    }
}
