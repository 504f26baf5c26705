//! Drawn schemas and values, held against the crate `apache-avro`.
//!
//! It is right about what is here but for these, and nothing else is left out:
//!
//! - a boolean, a string or a union's branch that the bytes end before is null to it ([`Fault::EndIsNull`]);
//! - of a number of more than 64 bits it takes the lower ones ([`Fault::LowerBits`]);
//! - it looks at no block's size ([`Fault::BlockSizes`]);
//! - a record that holds itself, come what may, overflows its stack (`is_endless`);
//! - its canonical form keeps what a type with a logical type is wrapped in (`canonical_forms`).
//!
//! Resolution is not compared: it ignores aliases, picks a branch by its looks, and narrows numbers.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Theirs;
use apache_avro::writer::datum::GenericDatumWriter;
use factum_schema::{
    Body, DecodeError, DecodeErrorKind as Kind, FullName, Reader, Resolution, Schema, Shape,
    Value as Ours,
};
use jiff::Timestamp;

use super::draw;
use super::draw_value::{drawn, write};

/// A schema that both parse.
struct Case {
    text: String,
    ours: Schema,
    theirs: apache_avro::Schema,
    copy: Resolution,
}

thread_local! {
    /// The schemas that were drawn, by the bytes they were drawn from: parsing takes far longer than reading.
    static CASES: RefCell<HashMap<Vec<u8>, Option<Rc<Case>>>> = RefCell::default();
}

/// The first byte says how the rest is to be taken, the second how many bytes the schema is drawn from.
pub fn run(bytes: &[u8]) {
    if let Some((case, value)) = taken(bytes) {
        case.read(&value);
    }
}

/// What `run` looks at and what we read of it, for another implementation to be held against: without
/// logical types, which others make into types of theirs.
pub fn told(bytes: &[u8]) -> Option<serde_json::Value> {
    let (case, value) = taken(bytes)?;
    let schema: serde_json::Value = serde_json::from_str(&case.text).ok()?;
    let plain = Schema::parse(&plain(schema.clone()).to_string()).ok()?;
    let mut input = Reader::new(&value);
    let read = plain.value(&mut input);
    let bounded = read.as_ref().is_err_and(is_bounded);
    (!bounded).then(|| {
        serde_json::json!({
            "schema": schema,
            "bytes": value,
            "accepted": read.is_ok(),
            "why": read.as_ref().err().map(|error| format!("{:?}", error.kind())),
            "read": read.ok(),
            "position": input.position(),
        })
    })
}

/// The schema without its logical types.
fn plain(schema: serde_json::Value) -> serde_json::Value {
    match schema {
        serde_json::Value::Object(mut members) => {
            members.remove("logicalType");
            members
                .into_iter()
                .map(|(key, part)| (key, plain(part)))
                .collect()
        }
        serde_json::Value::Array(parts) => parts.into_iter().map(plain).collect(),
        other => other,
    }
}

fn taken(bytes: &[u8]) -> Option<(Rc<Case>, Vec<u8>)> {
    let ([how, len], rest) = bytes.split_first_chunk()?;
    let (decisions, rest) = rest.split_at(rest.len().min(usize::from(*len % 32)));
    let case = case(decisions)?;
    let value = match how % 4 {
        0 => rest.to_vec(),
        1 | 2 => case.written(rest)?,
        _ => {
            let ([at, by], rest) = rest.split_first_chunk()?;
            let mut written = case.written(rest)?;
            if !written.is_empty() {
                let at = usize::from(*at) % written.len();
                written[at] ^= by;
            }
            written
        }
    };
    Some((case, value))
}

fn case(decisions: &[u8]) -> Option<Rc<Case>> {
    CASES.with_borrow_mut(|cases| {
        if let Some(case) = cases.get(decisions) {
            return case.clone();
        }
        if cases.len() == 4096 {
            cases.clear();
        }
        let case = Case::parse(&draw::schema(decisions)).map(Rc::new);
        cases.insert(decisions.to_vec(), case.clone());
        case
    })
}

impl Case {
    /// What is a schema to us is one to them.
    fn parse(text: &str) -> Option<Self> {
        // As many values as we read, and strings as long as there may be: they allocate before they read.
        apache_avro::util::max_allocation_bytes(1 << 23);
        let ours = Schema::parse(text).ok()?;
        let theirs = apache_avro::Schema::parse_str(text);
        let theirs = theirs.unwrap_or_else(|error| panic!("{error}: {text}"));
        let copy = Resolution::compile(&ours, &ours).expect("a schema reads itself");
        let case = Self {
            text: text.to_owned(),
            ours,
            theirs,
            copy,
        };
        case.canonical_forms();
        (!is_endless(&case.ours)).then_some(case)
    }

    fn canonical_forms(&self) {
        if self.text.contains("logicalType") {
            return;
        }
        assert_eq!(self.ours.canonical_form(), self.theirs.canonical_form());
        let theirs = self.theirs.fingerprint::<apache_avro::rabin::Rabin>().bytes;
        assert_eq!(self.ours.fingerprint().to_le_bytes().as_slice(), theirs);
    }

    /// A drawn value, which both write alike.
    fn written(&self, decisions: &[u8]) -> Option<Vec<u8>> {
        let value = drawn(&self.ours, decisions)?;
        let mut ours = Vec::new();
        write(&self.ours, self.ours.root(), &value, &mut ours);
        let writer = GenericDatumWriter::builder(&self.theirs).build();
        let mut theirs = Vec::new();
        writer
            .and_then(|writer| writer.write_value_ref(&mut theirs, &value))
            .unwrap_or_else(|error| panic!("{error}: {value:?}"));
        assert_eq!(ours, theirs);
        let read = self.ours.value(&mut Reader::new(&ours));
        let read = read.expect("what was written can be read");
        assert!(same(&read, &value), "{read:?} {value:?}");
        let mut copied = Vec::new();
        let mut input = Reader::new(&ours);
        let copy = self.copy.transcode(&mut input, &mut copied);
        assert!(copy.is_ok() && copied == ours);
        Some(ours)
    }

    /// Any bytes: both read the same of them, or neither can.
    fn read(&self, bytes: &[u8]) {
        let mut input = Reader::new(bytes);
        let mut rest = bytes;
        let reader = GenericDatumReader::builder(&self.theirs).build();
        let theirs = reader.and_then(|reader| reader.read_value(&mut rest));
        match (self.ours.value(&mut input), theirs) {
            (Ok(ours), Ok(theirs)) => {
                assert!(same(&ours, &theirs), "{ours:?} {theirs:?}");
                assert_eq!(input.position(), bytes.len() - rest.len());
            }
            (Err(_), Err(_)) => {}
            (Ok(ours), Err(error)) => panic!("{error}: {ours:?}"),
            (Err(error), Ok(theirs)) => {
                let known = Fault::of(&error, bytes, rest).is_some() || is_bounded(&error);
                assert!(known, "{error}: {theirs:?}");
            }
        }
    }
}

/// Why `apache-avro` reads what is no value.
#[derive(Debug)]
enum Fault {
    EndIsNull,
    LowerBits,
    BlockSizes,
}

impl Fault {
    /// The fault that our error shows, if they left `rest` of the bytes.
    fn of(error: &DecodeError, bytes: &[u8], rest: &[u8]) -> Option<Self> {
        let mut at = Reader::new(&bytes[error.position()..]);
        match error.kind() {
            Kind::Overflow("long") => Some(Self::LowerBits),
            Kind::BlockSize => Some(Self::BlockSizes),
            Kind::Ended(_) | Kind::Length(_) if rest.is_empty() => Some(Self::EndIsNull),
            Kind::Length(size) => {
                let (count, met) = (at.long().ok()?, at.long().ok()?);
                (count < 0 && met == *size).then_some(Self::BlockSizes)
            }
            _ => None,
        }
    }
}

/// Whether it is a value, and only beyond what we read.
fn is_bounded(error: &DecodeError) -> bool {
    matches!(
        error.kind(),
        Kind::Depth | Kind::EmptyItems | Kind::TooManyValues
    )
}

/// Whether a record holds itself in a field, through nothing but records.
fn is_endless(schema: &Schema) -> bool {
    let mut open: Vec<&FullName> = schema.definitions().map(|named| &named.name).collect();
    let mut ends = HashSet::new();
    loop {
        let before = open.len();
        open.retain(|name| {
            let fields = match schema.named(name).map(|named| &named.body) {
                Some(Body::Record(fields)) => fields.as_slice(),
                _ => &[],
            };
            let ended = fields.iter().all(|field| match &field.ty.shape {
                Shape::Named(name) => ends.contains(name),
                _ => true,
            });
            if ended {
                ends.insert(*name);
            }
            !ended
        });
        if open.is_empty() || open.len() == before {
            return !open.is_empty();
        }
    }
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
        (ours, Theirs::TimestampMicros(micros)) => match Timestamp::from_microsecond(*micros) {
            Ok(at) => *ours == Ours::Text(at.to_string().into()),
            Err(_) => *ours == Ours::Long(*micros),
        },
        (Ours::Array(a), Theirs::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Ours::Object(a), Theirs::Map(b)) => {
            let known = |(key, _): &(&str, Ours<'_>)| b.contains_key(*key);
            let is_same = |(key, b): (&String, &Theirs)| ours.get(key).is_some_and(|a| same(a, b));
            a.iter().all(known) && b.iter().all(is_same)
        }
        (Ours::Object(a), Theirs::Record(b)) => {
            let member = |((name, a), (known, b)): (&(&str, Ours<'_>), &(String, Theirs))| {
                name == known && same(a, b)
            };
            a.len() == b.len() && a.iter().zip(b).all(member)
        }
        _ => false,
    }
}
