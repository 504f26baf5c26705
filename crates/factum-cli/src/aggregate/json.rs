//! Avro's values as JSON: what stands for a moment, a number or bytes is written so that people can read it.

use apache_avro::types::Value as Avro;
use factum::jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value as Json;

/// A value as JSON. Timestamps and dates are text in ISO 8601, decimals and bytes text in hexadecimal.
pub(super) fn json(value: Avro) -> Json {
    match value {
        Avro::Union(_, value) => json(*value),
        Avro::Record(fields) => fields
            .into_iter()
            .map(|(name, it)| (name, json(it)))
            .collect(),
        Avro::Map(entries) => entries
            .into_iter()
            .map(|(key, it)| (key, json(it)))
            .collect(),
        Avro::Array(items) => items.into_iter().map(json).collect(),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => hex(&bytes).into(),
        Avro::Decimal(decimal) => Vec::try_from(decimal).map_or(Json::Null, |it| hex(&it).into()),
        Avro::Uuid(uuid) => uuid.to_string().into(),
        Avro::Date(days) => date(days),
        Avro::TimestampMillis(time) => moment(Timestamp::from_millisecond(time).ok(), time),
        Avro::TimestampMicros(time) => moment(Timestamp::from_microsecond(time).ok(), time),
        Avro::TimestampNanos(time) => moment(Timestamp::from_nanosecond(time.into()).ok(), time),
        value => Json::try_from(value).unwrap_or(Json::Null),
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What no calendar has stays a number.
fn moment(time: Option<Timestamp>, number: i64) -> Json {
    time.map_or(number.into(), |time| time.to_string().into())
}

fn date(days: i32) -> Json {
    let since = SignedDuration::from_hours(24 * i64::from(days));
    let date = Date::constant(1970, 1, 1).checked_add(since);
    date.map_or(days.into(), |date| date.to_string().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json as expect;

    use super::*;

    #[test]
    fn people_can_read_it() {
        let record = Avro::Record(vec![
            ("at".into(), Avro::TimestampMillis(1_500)),
            ("beyond".into(), Avro::TimestampMillis(i64::MAX)),
            ("day".into(), Avro::Date(31)),
            (
                "who".into(),
                Avro::Union(1, Box::new(Avro::String("112".into()))),
            ),
            ("none".into(), Avro::Union(0, Box::new(Avro::Null))),
            ("raw".into(), Avro::Bytes(vec![0, 255])),
            (
                "many".into(),
                Avro::Array(vec![Avro::Long(1), Avro::Int(2)]),
            ),
        ]);
        let expected = expect!({
            "at": "1970-01-01T00:00:01.5Z", "beyond": i64::MAX, "day": "1970-02-01", "who": "112",
            "none": null, "raw": "00ff", "many": [1, 2],
        });
        assert_eq!(json(record), expected);
    }
}
