//! Which version a command is about.

use clap::Args;
use factum_projector::{ListedProjection, Operations, VersionState};

use super::version::Version;
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
    ) -> Result<(Operations, Version), Failure> {
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
) -> Result<Version, Failure> {
    let fits = |it: &Version| match version {
        Some(version) => it.version == version,
        None => it.state.is_some_and(|it| states.contains(&it)),
    };
    let known = versions(name, &all);
    let wanted = match version {
        Some(version) => format!("version {version}"),
        None => {
            let states: Vec<_> = states.iter().map(|it| it.name()).collect();
            format!("{} version", states.join(" or "))
        }
    };
    let missing = no_version(name, wanted, &known);
    known.into_iter().rev().find(fits).ok_or(missing)
}

/// The error where a projection has no partition.
pub(crate) fn without_partitions(name: &str, all: Vec<ListedProjection>) -> Failure {
    no_version(
        name,
        "version with partitions".into(),
        &versions(name, &all),
    )
}

/// The versions of a projection, by number.
fn versions(name: &str, all: &[ListedProjection]) -> Vec<Version> {
    let mut versions = Version::of(all);
    versions.retain(|it| it.projection == name);
    versions
}

fn no_version(name: &str, wanted: String, known: &[Version]) -> Failure {
    let seen: Vec<_> = known.iter().map(described).collect();
    Failure::NoVersion {
        name: name.to_owned(),
        wanted,
        known: match seen.is_empty() {
            true => {
                "no version at all: is the name right, and did a worker of it ever run here?".into()
            }
            false => seen.join(", "),
        },
    }
}

fn described(it: &Version) -> String {
    let state = it.state.map_or("unknown", VersionState::name);
    format!("version {} ({state})", it.version)
}
