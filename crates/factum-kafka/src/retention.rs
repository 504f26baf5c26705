//! Which topics would forget, and how to mend them.

/// What a topic of events must be set to, so that it keeps them for ever.
pub(crate) const KEEPS: [(&str, &str); 3] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
];

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
    pub(crate) fn largest_record(&self, batch: usize, most: usize) -> Result<usize, String> {
        self.keeps()?;
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
        settings.largest_record(900_000, 2_000_000)
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
    fn a_topic_with_small_batches_is_refused() {
        let refused = largest(&[("max.message.bytes", "100000")]).expect_err("too small");
        assert!(
            refused.contains("max.message.bytes=100000")
                && refused.contains("max.message.bytes=1048588")
        );
    }
}
