//! What a worker says about itself.

use factum_core::Offset;
use factum_status::prometheus::proto::MetricFamily;
use factum_status::{Component, Families, Health};
use serde::Serialize;
use serde_json::Value;

use crate::progress::Progress;
use crate::{RebuildStage, VersionState};

/// A projection worker at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// The projection's name.
    pub projection: &'static str,
    /// Its version.
    pub version: u32,
    /// The table that it fills; empty where a handler writes by SQL of its own.
    pub table: &'static str,
    /// The topic that it reads, or all of them with ` + ` between; none until the log was opened.
    pub topic: Option<String>,
    /// How far it is.
    pub phase: ProjectionPhase,
    /// What interrupted it, while it is interrupted.
    pub interruption: Option<String>,
    /// What its version is to readers; none until that was read.
    pub state: Option<VersionState>,
    /// Where its version is on its way to readers.
    pub stage: Option<RebuildStage>,
    /// Events projected since the worker was started.
    pub events: u64,
    /// Rows written or deleted since then; one that changed in several batches counts for each.
    pub rows: u64,
    /// Transactions committed since then.
    pub batches: u64,
    /// Dead letters of the owned partitions: events that were parked, and those behind them.
    pub parked_events: u64,
    /// The keys that they keep parked in their partitions, and the aggregates.
    pub parked_keys: u64,
    /// Records of the owned partitions that are not projected yet. Like the ends it stands on, it is
    /// measured every [`progress_interval`](crate::Options::progress_interval); none before.
    pub lag: Option<u64>,
    /// Events projected a second, over the last
    /// [`progress_interval`](crate::Options::progress_interval); none before the first is over.
    pub per_second: Option<u64>,
    /// The partitions that are projected by this worker, by number.
    pub owned: Vec<ProjectedPartition>,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProjectionPhase {
    /// It opens the log, or checks its table.
    #[default]
    Starting,
    /// It projects what the group gives it, be it nothing while others own all partitions.
    Projecting,
    /// A server is out of reach: it tries again, from the committed positions.
    Interrupted,
    /// An operator has paused the projection.
    Paused,
}

/// A partition that a worker projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProjectedPartition {
    /// The partition's topic.
    pub topic: String,
    /// The partition's number.
    pub partition: u32,
    /// The offset up to which it is projected, exclusive.
    pub offset: Offset,
    /// Where the partition ended when that was asked for last, exclusive.
    pub end: Option<Offset>,
    /// Records between the two.
    pub lag: Option<u64>,
    /// How long ago the partition ended where it is projected to, in seconds, rounded up: what readers see
    /// of it is not older. None if that was before this worker owned it.
    pub lag_seconds: Option<u64>,
}

impl ProjectionPhase {
    /// As it is shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Projecting => "projecting",
            Self::Interrupted => "interrupted",
            Self::Paused => "paused",
        }
    }
}

impl Component for Progress {
    fn kind(&self) -> &'static str {
        "projection"
    }

    fn name(&self) -> String {
        self.name()
    }

    fn health(&self) -> Health {
        let status = self.status();
        match status.phase {
            ProjectionPhase::Starting => {
                Health::Waiting("the log and Postgres are being opened".into())
            }
            // A paused worker does what it is asked for.
            ProjectionPhase::Projecting | ProjectionPhase::Paused => Health::Ready,
            ProjectionPhase::Interrupted => {
                Health::Waiting(status.interruption.unwrap_or_default())
            }
        }
    }

    fn status(&self) -> Value {
        serde_json::to_value(self.status()).expect("a status has string keys only")
    }

    fn metrics(&self) -> Vec<MetricFamily> {
        let mut families = families(&self.status(), self.name());
        self.add_to(&mut families);
        families.into_vec()
    }
}

fn families(status: &ProjectionStatus, name: String) -> Families {
    let mut families = Families::new("projection", name);
    let ready = status.phase == ProjectionPhase::Projecting;
    families.gauge(
        "factum_projector_ready",
        "Whether the worker does its work: 1 or 0.",
        f64::from(u8::from(ready)),
    );
    for (name, help, value) in [
        ("events", "Events projected.", status.events),
        ("rows", "Rows written or deleted.", status.rows),
        ("batches", "Transactions committed.", status.batches),
    ] {
        families.counter(&format!("factum_projector_{name}_total"), help, value);
    }
    for (name, help, value) in [
        (
            "events",
            "Dead letters of the owned partitions.",
            status.parked_events,
        ),
        ("keys", "Keys that they keep parked.", status.parked_keys),
    ] {
        families.gauge(
            &format!("factum_projector_parked_{name}"),
            help,
            value as f64,
        );
    }
    let owned = || status.owned.iter();
    // One topic needs no name, which would be the same in every sample.
    let one = |it: &ProjectedPartition| status.topic.as_ref() == Some(&it.topic);
    let shown = |it: &ProjectedPartition| match one(it) {
        true => it.partition.to_string(),
        false => format!("{}/{}", it.topic, it.partition),
    };
    families.gauges(
        "factum_projector_offset",
        "The offset up to which the partition is projected.",
        "partition",
        owned().map(|it| (shown(it), it.offset as f64)),
    );
    families.gauges(
        "factum_projector_lag_records",
        "Records of the partition that are not projected yet, as of the last look.",
        "partition",
        owned().filter_map(|it| Some((shown(it), it.lag? as f64))),
    );
    families.gauges(
        "factum_projector_lag_seconds",
        "How long ago the partition ended where it is projected to, as of the last look.",
        "partition",
        owned().filter_map(|it| Some((shown(it), it.lag_seconds? as f64))),
    );
    families.gauge(
        "factum_projector_paused",
        "Whether an operator has paused the projection: 1 or 0.",
        f64::from(u8::from(status.phase == ProjectionPhase::Paused)),
    );
    families
}
