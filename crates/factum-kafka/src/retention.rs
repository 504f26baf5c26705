//! Which topics would forget, and how to mend them.

use std::time::Duration;

/// What a topic of events must be set to, so that it keeps them for ever.
pub(crate) const KEEPS: [(&str, &str); 3] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
];

/// How long a topic's records are needed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needed {
    ForEver,
    /// It may forget what is older.
    For(Duration),
}

/// Kafka forgets whole segments only, those that it no longer writes to: so it begins new ones early,
/// but not so often that it drowns in files.
const SEGMENT_BYTES: u32 = 32 << 20;
const SEGMENT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(600);

impl Needed {
    /// What a new topic is set to.
    pub(crate) fn settings(self) -> Vec<(&'static str, String)> {
        let millis = |it: Duration| {
            i64::try_from(it.as_millis())
                .unwrap_or(i64::MAX)
                .to_string()
        };
        match self {
            Self::ForEver => KEEPS.map(|(name, value)| (name, value.to_owned())).into(),
            Self::For(keep) => vec![
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", millis(keep)),
                ("retention.bytes", "-1".to_owned()),
                // Old by the broker's clock: by a producer's that is slow, records would vanish early.
                ("message.timestamp.type", "LogAppendTime".to_owned()),
                ("segment.bytes", SEGMENT_BYTES.to_string()),
                (
                    "segment.ms",
                    millis(keep.clamp(*SEGMENT.start(), *SEGMENT.end())),
                ),
            ],
        }
    }
}

/// Room that Kafka's framing takes around one record's key, header and value, in bytes; generous.
const FRAMING: usize = 256;

/// A topic's settings, as far as they matter here.
pub(crate) struct Settings<'a> {
    pub(crate) topic: &'a str,
    /// Where a command line tool reaches the cluster.
    pub(crate) servers: &'a str,
    /// The setting's value by its name.
    pub(crate) value: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Settings<'_> {
    /// The largest record that fits, in bytes: or what is wrong with the topic, and how to mend it.
    ///
    /// `batch` is the size up to which the producer fills its batches, `most` a record's limit
    /// whatever the topic allows.
    pub(crate) fn largest_record(
        &self,
        needed: Needed,
        batch: usize,
        most: usize,
    ) -> Result<usize, String> {
        match needed {
            Needed::ForEver => self.keeps()?,
            Needed::For(_) => self.is_not_compacted()?,
        }
        let limit = (self.value)("max.message.bytes").and_then(|it| it.parse::<usize>().ok());
        match limit {
            Some(limit) if limit >= batch + FRAMING => Ok(limit.min(most) - FRAMING),
            _ => Err(self.mend(
                "takes too small batches of records",
                &[("max.message.bytes", "1048588")],
            )),
        }
    }

    fn keeps(&self) -> Result<(), String> {
        let wrong = KEEPS
            .into_iter()
            .filter(|(name, value)| (self.value)(name) != Some(value));
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(self.mend("would forget events", &wrong))
    }

    /// By key it would forget records that nobody has read yet.
    fn is_not_compacted(&self) -> Result<(), String> {
        match (self.value)("cleanup.policy") {
            Some("delete") => Ok(()),
            _ => Err(self.mend("keeps one record of each key", &KEEPS[..1])),
        }
    }

    /// What is wrong with these settings, and the command that mends them.
    fn mend(&self, problem: &str, wanted: &[(&str, &str)]) -> String {
        let Self {
            topic,
            servers,
            value,
        } = self;
        let found = wanted
            .iter()
            .map(|(name, _)| format!("{name}={}", value(name).unwrap_or("?")));
        let found = found.collect::<Vec<_>>().join(", ");
        let wanted = wanted.iter().map(|(name, value)| format!("{name}={value}"));
        let wanted = wanted.collect::<Vec<_>>().join(",");
        format!(
            "topic {topic} {problem}: {found}. Mend it with: kafka-configs.sh --bootstrap-server \
             {servers} --alter --entity-type topics --entity-name {topic} --add-config {wanted}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(changed: &[(&str, &'static str)]) -> Result<usize, String> {
        largest_of(Needed::ForEver, changed)
    }

    fn largest_of(needed: Needed, changed: &[(&str, &'static str)]) -> Result<usize, String> {
        let value = |name: &str| {
            let kept = KEEPS.into_iter().chain([("max.message.bytes", "1048588")]);
            let changed = changed.iter().copied();
            changed
                .chain(kept)
                .find(|(it, _)| *it == name)
                .map(|(_, value)| value)
        };
        let settings = Settings {
            topic: "bank.loan.events",
            servers: "kafka:9092",
            value: &value,
        };
        settings.largest_record(needed, 900_000, 2_000_000)
    }

    #[test]
    fn a_topic_that_keeps_everything_is_taken() {
        assert_eq!(largest(&[]), Ok(1_048_588 - FRAMING));
        assert_eq!(
            largest(&[("max.message.bytes", "90000000")]),
            Ok(2_000_000 - FRAMING)
        );
    }

    #[test]
    fn a_topic_that_would_forget_is_refused_with_the_command_that_mends_it() {
        let refused = largest(&[
            ("retention.ms", "604800000"),
            ("cleanup.policy", "compact,delete"),
        ]);
        assert_eq!(
            refused.expect_err("forgets"),
            "topic bank.loan.events would forget events: cleanup.policy=compact,delete, \
             retention.ms=604800000. Mend it with: kafka-configs.sh --bootstrap-server kafka:9092 \
             --alter --entity-type topics --entity-name bank.loan.events --add-config \
             cleanup.policy=delete,retention.ms=-1"
        );
        assert!(largest(&[("retention.bytes", "1073741824")]).is_err());
    }

    #[test]
    fn where_records_are_needed_for_a_while_only_compaction_is_refused() {
        let fleeting = |changed: &[_]| largest_of(Needed::For(Duration::from_secs(1)), changed);
        assert!(fleeting(&[("retention.ms", "1000"), ("retention.bytes", "1")]).is_ok());
        assert!(fleeting(&[("max.message.bytes", "100000")]).is_err());
        for policy in ["compact", "compact,delete"] {
            assert_eq!(
                fleeting(&[("cleanup.policy", policy)]).expect_err("compacted"),
                format!(
                    "topic bank.loan.events keeps one record of each key: cleanup.policy={policy}. \
                     Mend it with: kafka-configs.sh --bootstrap-server kafka:9092 --alter \
                     --entity-type topics --entity-name bank.loan.events --add-config \
                     cleanup.policy=delete"
                )
            );
        }
    }

    #[test]
    fn segments_end_early_enough_to_be_forgotten() {
        let set = |keep, wanted| {
            let settings = Needed::For(keep).settings();
            let found = settings.into_iter().find(|(name, _)| *name == wanted);
            found.expect("it is set").1
        };
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        assert_eq!(set(second, "retention.ms"), "1000");
        assert_eq!(set(second, "segment.ms"), "10000");
        assert_eq!(set(60 * second, "segment.ms"), "60000");
        assert_eq!(set(day, "segment.ms"), "600000");
        assert_eq!(set(Duration::MAX, "retention.ms"), i64::MAX.to_string());
    }

    #[test]
    fn a_topic_with_small_batches_is_refused() {
        let refused = largest(&[("max.message.bytes", "100000")]).expect_err("too small");
        assert!(
            refused.contains("max.message.bytes=100000")
                && refused.contains("max.message.bytes=1048588")
        );
    }
}
