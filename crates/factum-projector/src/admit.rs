//! Whether a worker's code may work, and as what: decided from the versions that Postgres knows. Pure.

use crate::ProjectorError;
use crate::versions::{Version, VersionState};

/// As what a version begins, or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is known: it goes on where it is.
    GoesOn,
    /// It is the first one: readers see it from the beginning.
    BeginsLive,
    /// Another one is live: it is built beside that.
    BeginsBuilding,
}

/// Decides about a version from those that are known of its projection.
///
/// # Errors
/// It was cancelled, or a newer one is live.
pub(crate) fn admit(
    projection: &str,
    version: u32,
    known: &[Version],
) -> Result<Admission, ProjectorError> {
    let mine = known.iter().find(|it| it.version == version);
    let live = known.iter().find(|it| it.state == VersionState::Live);
    match (mine.map(|it| it.state), live) {
        (Some(VersionState::Cancelled), _) => Err(ProjectorError::Cancelled {
            projection: projection.to_owned(),
            version,
        }),
        (Some(_), _) => Ok(Admission::GoesOn),
        (None, None) => Ok(Admission::BeginsLive),
        (None, Some(live)) if live.version > version => Err(ProjectorError::Older {
            projection: projection.to_owned(),
            version,
            live: live.version,
        }),
        (None, Some(_)) => Ok(Admission::BeginsBuilding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::tests::version;

    #[test]
    fn a_version_is_admitted_by_what_is_known() {
        use VersionState::{Building, Cancelled, Live, Retired};
        let admitted = |number, known: &[(u32, VersionState)]| {
            let known: Vec<_> = known.iter().map(|it| version(it.0, it.1)).collect();
            admit("board", number, &known).map_err(|error| error.to_string())
        };
        assert_eq!(admitted(3, &[]), Ok(Admission::BeginsLive));
        assert_eq!(admitted(3, &[(1, Live)]), Ok(Admission::BeginsBuilding));
        for state in [Building, Live, Retired] {
            assert_eq!(admitted(1, &[(1, state), (2, Live)]), Ok(Admission::GoesOn));
        }
        let older = admitted(1, &[(2, Live)]).unwrap_err();
        assert!(older.contains("version 2 is live"), "{older}");
        let cancelled = admitted(2, &[(1, Live), (2, Cancelled)]).unwrap_err();
        assert!(cancelled.contains("was cancelled"), "{cancelled}");
        // With its only version cancelled or dropped a projection begins anew.
        assert_eq!(admitted(3, &[(2, Cancelled)]), Ok(Admission::BeginsLive));
    }
}
