//! How much a version that is built has to apply.

use factum_projector::{ListedProjection, PartitionProgress};

/// How many events a version is to have applied when it is as far as the others of its projection. In a topic
/// that others read, too, as many as the one that has applied most of it; in one that it reads alone, those
/// that it has applied and the records behind them, as far as its workers have seen.
pub(super) fn goal(listed: &[ListedProjection], status: &[PartitionProgress], version: u32) -> u64 {
    let (mine, others): (Vec<_>, Vec<_>) = listed.iter().partition(|it| it.version == version);
    let of = |it: &&ListedProjection| {
        let others = others.iter().filter(|other| other.topic == it.topic);
        match others.map(|other| other.events).max() {
            Some(most) => most.max(it.events),
            None => it.events + left(status, it),
        }
    };
    mine.iter().map(of).sum()
}

/// Records of a version's topic that are not projected yet.
fn left(status: &[PartitionProgress], of: &ListedProjection) -> u64 {
    let whose = (&of.projection, of.version, &of.topic);
    let partitions = status
        .iter()
        .filter(|it| (&it.projection, it.version, &it.topic) == whose);
    partitions.filter_map(|it| it.lag).sum()
}
