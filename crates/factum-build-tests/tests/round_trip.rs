//! What is written reads back, and means the same to apache-avro.

mod happened;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use factum_build_tests::everything::{EverythingEvent, Happened, Part};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::frame;
use factum_build_tests::loan::{Activated, Declined, LoanEvent, Submitted};
use happened::happened;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use proptest::prelude::*;

fn encoded<E: Event>(event: &E) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

fn record(fields: Vec<(&str, Value)>) -> Value {
    let fields = fields.into_iter();
    Value::Record(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn union(index: u32, value: Value) -> Value {
    Value::Union(index, Box::new(value))
}

fn nullable<T>(null: u32, value: Option<&T>, some: impl FnOnce(&T) -> Value) -> Value {
    match value {
        None => union(null, Value::Null),
        Some(value) => union(1 - null, some(value)),
    }
}

fn array<T>(items: &[T], item: impl FnMut(&T) -> Value) -> Value {
    Value::Array(items.iter().map(item).collect())
}

#[allow(clippy::ptr_arg)] // It is passed as a function of `&String`.
fn text(text: &String) -> Value {
    Value::String(text.clone())
}

fn days(day: Date) -> i32 {
    let days = day.duration_since(date(1970, 1, 1)).as_hours() / 24;
    i32::try_from(days).unwrap()
}

fn part(part: &Part) -> Value {
    record(vec![
        ("name", text(&part.name)),
        (
            "size",
            nullable(0, part.size.as_ref(), |n| Value::Double(*n)),
        ),
        ("hash", Value::Fixed(16, part.hash.to_vec())),
    ])
}

fn symbol(index: usize) -> Value {
    Value::Enum(
        index as u32,
        ["RED", "DARK_GREEN", "blue"][index].to_owned(),
    )
}

/// What the event is to apache-avro.
fn value(event: &Happened) -> Value {
    let entries = event.by_name.iter();
    let input = |map: &std::collections::BTreeMap<String, Vec<Vec<u8>>>| {
        let bytes = |bytes: &Vec<u8>| Value::Bytes(bytes.clone());
        Value::Map(
            map.iter()
                .map(|(key, list)| (key.clone(), array(list, bytes)))
                .collect(),
        )
    };
    record(vec![
        ("flag", Value::Boolean(event.flag)),
        ("small", Value::Int(event.small)),
        ("large", Value::Long(event.large)),
        ("single", Value::Float(event.single)),
        ("double", Value::Double(event.double)),
        ("raw", Value::Bytes(event.raw.clone())),
        ("text", text(&event.text)),
        (
            "millis",
            Value::TimestampMillis(event.millis.as_millisecond()),
        ),
        (
            "micros",
            Value::TimestampMicros(event.micros.as_microsecond()),
        ),
        ("day", Value::Date(days(event.day))),
        ("id", Value::Uuid(event.id)),
        ("hash", Value::Fixed(16, event.hash.to_vec())),
        ("colour", symbol(event.colour as usize)),
        ("maybeText", nullable(0, event.maybe_text.as_ref(), text)),
        ("textMaybe", nullable(1, event.text_maybe.as_ref(), text)),
        (
            "maybeColour",
            nullable(0, event.maybe_colour.as_ref(), |c| symbol(*c as usize)),
        ),
        ("numbers", array(&event.numbers, |n| Value::Long(*n))),
        ("parts", array(&event.parts, part)),
        (
            "byName",
            Value::Map(entries.map(|(key, p)| (key.clone(), part(p))).collect()),
        ),
        (
            "grid",
            array(&event.grid, |row| {
                array(row, |n| nullable(1, n.as_ref(), |n| Value::Int(*n)))
            }),
        ),
        ("input", nullable(0, event.input.as_ref(), input)),
        ("nothing", record(vec![])),
    ])
}

proptest! {
    #[test]
    fn every_event_reads_back(event in happened()) {
        let event = EverythingEvent::from(event);
        prop_assert_eq!(EverythingEvent::decode(&encoded(&event)).unwrap(), event);
    }

    #[test]
    fn apache_avro_reads_what_is_written(event in happened()) {
        let schema = Schema::parse_str(Happened::SCHEMAS[0].json).unwrap();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let expected = value(&event);
        let bytes = encoded(&EverythingEvent::from(event));
        let mut datum = &bytes[frame::LEN..];
        prop_assert_eq!(reader.read_value(&mut datum).unwrap(), expected);
        prop_assert!(datum.is_empty());
    }

    #[test]
    fn what_apache_avro_writes_is_read(event in happened()) {
        let schema = Schema::parse_str(Happened::SCHEMAS[0].json).unwrap();
        let writer = GenericDatumWriter::builder(&schema).build().unwrap();
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Happened::FINGERPRINT_1);
        writer.write_value(&mut bytes, value(&event)).unwrap();
        prop_assert_eq!(EverythingEvent::decode(&bytes).unwrap(), EverythingEvent::from(event));
    }
}

#[test]
fn finer_times_are_cut_off() {
    let at = |text: &str| {
        LoanEvent::from(Declined {
            r#type: String::new(),
            at: text.parse::<Timestamp>().unwrap(),
        })
    };
    let fine = at("1969-12-31T23:59:59.9989999Z");
    let coarse = at("1969-12-31T23:59:59.998Z");
    assert_eq!(LoanEvent::decode(&encoded(&fine)).unwrap(), coarse);
}

#[test]
fn events_know_their_names() {
    let declined = LoanEvent::from(Declined {
        r#type: String::new(),
        at: Timestamp::UNIX_EPOCH,
    });
    assert_eq!(declined.name(), "Declined");
    assert_eq!(LoanEvent::AGGREGATE, "bank.loan");
}

#[test]
fn events_know_their_versions() {
    let versions: Vec<_> = Submitted::SCHEMAS
        .iter()
        .map(|s| (s.event, s.version))
        .collect();
    assert_eq!(
        versions,
        [("Submitted", 1), ("Submitted", 2), ("Submitted", 3)]
    );
    assert_eq!(Submitted::SCHEMAS[2].fingerprint, Submitted::FINGERPRINT_3);
    assert!(Activated::SCHEMAS[0].json.contains("\"Activated\""));
}
