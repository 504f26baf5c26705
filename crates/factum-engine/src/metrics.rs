//! An engine's status as metrics.

use factum_status::Families;

use crate::status::{EngineStatus, PartitionStatus, Role, StandbyPhase, StandbyStatus};

/// A gauge of a partition: its name after `factum_engine_`, its help, and its value.
type OfPartition = (&'static str, &'static str, fn(&PartitionStatus) -> f64);

const OF_PARTITION: [OfPartition; 10] = [
    (
        "partition_serving",
        "Whether the owned partition takes commands: 1 or 0.",
        |it| f64::from(u8::from(it.role == Role::Serving)),
    ),
    (
        "epoch",
        "The epoch in force: how often the partition changed its owner.",
        |it| it.epoch as f64,
    ),
    (
        "sequence",
        "The sequence of the newest event decided; its rate is that of events.",
        |it| it.sequence as f64,
    ),
    ("offset", "The offset up to which the log is known.", |it| {
        it.offset as f64
    }),
    (
        "commands_handled",
        "The offset in the topic of commands up to which all were handled.",
        |it| it.commands_handled as f64,
    ),
    (
        "queued_commands",
        "Commands that wait to be decided.",
        |it| it.queued as f64,
    ),
    (
        "in_flight_commits",
        "Commits that were decided and are not answered.",
        |it| it.in_flight_commits as f64,
    ),
    (
        "in_flight_bytes",
        "Bytes of records that are under way to the log.",
        |it| it.in_flight_bytes as f64,
    ),
    ("aggregates", "Aggregates in memory.", |it| {
        it.aggregates as f64
    }),
    (
        "remembered_commands",
        "Commands that are remembered, to recognise an id that comes again.",
        |it| it.commands_remembered as f64,
    ),
];

/// The same of a standby.
type OfStandby = (&'static str, &'static str, fn(&StandbyStatus) -> f64);

const OF_STANDBY: [OfStandby; 3] = [
    (
        "standby_warm",
        "Whether the standby has caught up, and follows: 1 or 0.",
        |it| f64::from(u8::from(it.phase == StandbyPhase::Following)),
    ),
    (
        "standby_offset",
        "The offset up to which the standby has read.",
        |it| it.offset as f64,
    ),
    (
        "standby_lag_records",
        "Records that the standby has not read, as far as it knows.",
        |it| it.lag as f64,
    ),
];

pub(crate) fn families(status: &EngineStatus, ready: bool) -> Families {
    let mut families = Families::new("aggregate", status.aggregate);
    families.gauge(
        "factum_engine_ready",
        "Whether the engine does its work: 1 or 0.",
        f64::from(u8::from(ready)),
    );
    families.counters(
        "factum_engine_commands_total",
        "Commands by what became of them.",
        "outcome",
        status.commands.each(),
    );
    for (name, help, value) in OF_PARTITION {
        let name = format!("factum_engine_{name}");
        let samples = status.owned.iter().map(|it| (it.partition, value(it)));
        families.gauges(&name, help, "partition", samples);
    }
    for (name, help, value) in OF_STANDBY {
        let name = format!("factum_engine_{name}");
        let samples = status.standbys.iter().map(|it| (it.partition, value(it)));
        families.gauges(&name, help, "partition", samples);
    }
    families
}
