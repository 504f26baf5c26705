//! Values, held against what `apache-avro` decodes: with the writer's schema alone it is right.

use std::sync::LazyLock;

use apache_avro::types::Value as Theirs;
use factum_schema::{DecodeErrorKind as Kind, Reader, Schema, Value as Ours};
use proptest::prelude::*;

struct Case {
    ours: Schema,
    theirs: apache_avro::Schema,
    values: Vec<Vec<u8>>,
}

/// The oracles' schemas and values that both parse; without logical types, which differ in form.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let cases: serde_json::Value = serde_json::from_str(include_str!("oracle/cases.json")).unwrap();
    let case = |pair: &serde_json::Value| {
        let text = cases["schemas"][pair[1].as_u64()? as usize].to_string();
        let values = pair[3].as_array()?.iter();
        Some(Case {
            ours: Schema::parse(&text)
                .ok()
                .filter(|_| !text.contains("logicalType"))?,
            theirs: apache_avro::Schema::parse_str(&text).ok()?,
            values: values.map(|value| unhex(value.as_str().unwrap())).collect(),
        })
    };
    let cases = cases["pairs"].as_array().unwrap().iter();
    cases
        .filter_map(case)
        .filter(|case| !case.values.is_empty())
        .collect()
});

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn theirs(schema: &apache_avro::Schema, mut bytes: &[u8]) -> Option<(Theirs, usize)> {
    let before = bytes.len();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(schema)
        .build()
        .ok()?;
    let value = reader.read_value(&mut bytes).ok()?;
    Some((value, before - bytes.len()))
}

fn same(ours: &Ours<'_>, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Ours::Object(members), Theirs::Union(_, inner)) => {
            same(ours, inner) || matches!(members.as_slice(), [(_, value)] if same(value, inner))
        }
        (ours, Theirs::Union(_, inner)) => same(ours, inner),
        (Ours::Null, Theirs::Null) => true,
        (Ours::Boolean(a), Theirs::Boolean(b)) => a == b,
        (Ours::Long(a), Theirs::Int(b)) => *a == i64::from(*b),
        (Ours::Long(a), Theirs::Long(b)) => a == b,
        (Ours::Float(a), Theirs::Float(b)) => a.to_bits() == b.to_bits(),
        (Ours::Double(a), Theirs::Double(b)) => a.to_bits() == b.to_bits(),
        (Ours::Bytes(a), Theirs::Bytes(b) | Theirs::Fixed(_, b)) => a == b,
        (Ours::Text(a), Theirs::String(b) | Theirs::Enum(_, b)) => a == b,
        (Ours::Array(a), Theirs::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Ours::Object(_), Theirs::Map(b)) => b
            .iter()
            .all(|(key, b)| ours.get(key).is_some_and(|a| same(a, b))),
        (Ours::Object(a), Theirs::Record(b)) => {
            let member = |((name, a), (known, b)): (&(&str, Ours<'_>), &(String, Theirs))| {
                name == known && same(a, b)
            };
            a.len() == b.len() && a.iter().zip(b).all(member)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A drawn value in which some bytes were changed: both read the same of it, or neither can.
    #[test]
    fn values_are_apache_avros(
        case in any::<prop::sample::Index>(),
        value in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let case = case.get(&CASES);
        let mut bytes = value.get(&case.values).clone();
        for (at, byte) in changes {
            if !bytes.is_empty() {
                *at.get_mut(&mut bytes) = byte;
            }
        }
        let mut input = Reader::new(&bytes);
        let ours = case.ours.value(&mut input);
        match (ours, theirs(&case.theirs, &bytes)) {
            (Ok(ours), Some((value, len))) => {
                prop_assert!(same(&ours, &value), "{ours:?} {value:?}");
                prop_assert_eq!(input.position(), len);
            }
            (Err(_), None) => {}
            // They take what breaks off for a number that ends, or for null; and of more than 64 bits
            // the lower ones.
            (Err(error), Some(_)) => {
                let lax = matches!(error.kind(), Kind::Ended(_) | Kind::Length(_) | Kind::Overflow("long"));
                prop_assert!(lax, "{error} {bytes:?}");
            }
            (Ok(ours), None) => prop_assert!(false, "{ours:?} {bytes:?}"),
        }
    }
}
