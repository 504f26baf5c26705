//! Which version a command is about.

use clap::Args;
use factum_projector::{ListedProjection, Operations, VersionState};

use crate::connection::Postgres;
use crate::failure::Failure;

/// A projection, and where it is.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// The projection's name
    pub name: String,
    #[command(flatten)]
    pub postgres: Postgres,
}

impl Choice {
    /// Connects, and finds a version: the one that was asked for, else the newest one in one of these
    /// states.
    pub(crate) async fn find(
        &self,
        version: Option<u32>,
        states: &[VersionState],
    ) -> Result<(Operations, ListedProjection), Failure> {
        let operations = self.postgres.operations().await?;
        let all = operations.list().await?;
        choose(&self.name, version, states, all).map(|it| (operations, it))
    }
}

fn choose(
    name: &str,
    version: Option<u32>,
    states: &[VersionState],
    all: Vec<ListedProjection>,
) -> Result<ListedProjection, Failure> {
    let fits = |it: &ListedProjection| match version {
        Some(version) => it.version == version,
        None => it.state.is_some_and(|it| states.contains(&it)),
    };
    let mut versions = all.into_iter().filter(|it| it.projection == name);
    let known = versions.by_ref().collect::<Vec<_>>();
    let seen: Vec<_> = known.iter().map(described).collect();
    let found = known.into_iter().rev().find(fits);
    found.ok_or_else(|| Failure::NoVersion {
        name: name.to_owned(),
        wanted: match version {
            Some(version) => format!("version {version}"),
            None => format!(
                "{} version",
                states
                    .iter()
                    .map(|it| it.name())
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        },
        known: match seen.is_empty() {
            true => {
                "no version at all: is the name right, and did a worker of it ever run here?".into()
            }
            false => seen.join(", "),
        },
    })
}

fn described(it: &ListedProjection) -> String {
    let state = it.state.map_or("unknown", VersionState::name);
    format!("version {} ({state})", it.version)
}
