//! Generated code on any bytes.

use std::error::Error;
use std::sync::LazyLock;

use factum_build_tests::deals::{DealsEvent, DealsEventRef};
use factum_build_tests::everything::{EverythingEvent, EverythingEventRef};
use factum_build_tests::evolution::{EvolutionEvent, EvolutionEventRef};
use factum_build_tests::factum::schema::{
    DecodeErrorKind as Kind, Reader, Resolution, Schema, SchemaVersion, frame,
};
use factum_build_tests::factum::{DecodeError, Event};
use factum_build_tests::loan::{LoanEvent, LoanEventRef};
use factum_build_tests::names::{NamesEvent, NamesEventRef};
use factum_build_tests::rich::{RichEvent, RichEventRef};
use factum_build_tests::spaces::{SpacesEvent, SpacesEventRef};
use factum_build_tests::speed::{SpeedEvent, SpeedEventRef};
use factum_build_tests::unions::{UnionsEvent, UnionsEventRef};
use factum_build_tests::upcast::{UpcastEvent, UpcastEventRef};

use crate::memory::within;

/// What Rust code reads, and what became another event: no rule of Avro says how.
const UPCAST: [(&str, u32); 4] = [("Asked", 1), ("Asked", 2), ("Priced", 1), ("Faxed", 1)];

/// A value of the newest version, or why there is none.
type Result = std::result::Result<Vec<u8>, Box<dyn Error>>;

/// A released version of an event.
struct Version {
    schema: SchemaVersion,
    newest: SchemaVersion,
    /// It is read in both forms, written, and read again.
    renew: fn(&[u8]) -> Result,
    /// From this version to itself.
    copy: Resolution,
    /// From this version to the newest; none if Rust code reads it.
    resolution: Option<Resolution>,
}

macro_rules! add {
    ($all:ident, $owned:ident, $borrowed:ident) => {
        add(&mut $all, $owned::SCHEMAS, |value| {
            let borrowed = |spare: &mut Vec<u8>| $borrowed::decode(value, spare).map($owned::from);
            renew::<$owned>(value, borrowed)
        })
    };
}

static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(|| {
    let mut all = Vec::new();
    add!(all, RichEvent, RichEventRef);
    add!(all, EverythingEvent, EverythingEventRef);
    add!(all, EvolutionEvent, EvolutionEventRef);
    add!(all, UnionsEvent, UnionsEventRef);
    add!(all, LoanEvent, LoanEventRef);
    add!(all, SpeedEvent, SpeedEventRef);
    add!(all, DealsEvent, DealsEventRef);
    add!(all, UpcastEvent, UpcastEventRef);
    add!(all, SpacesEvent, SpacesEventRef);
    add!(all, NamesEvent, NamesEventRef);
    all
});

fn add(all: &mut Vec<Version>, schemas: &[SchemaVersion], renew: fn(&[u8]) -> Result) {
    for schema in schemas {
        let newest = schemas.iter().rfind(|other| other.event == schema.event);
        let newest = newest.expect("itself");
        let parse = |version: &SchemaVersion| Schema::parse(version.json).expect("released");
        let (writer, reader) = (parse(schema), parse(newest));
        let by_rust = UPCAST.contains(&(schema.event, schema.version));
        let compile = |reader| Resolution::compile(&writer, reader).expect("the newest reads it");
        all.push(Version {
            schema: *schema,
            newest: *newest,
            renew,
            copy: compile(&writer),
            resolution: (!by_rust).then(|| compile(&reader)),
        });
    }
}

/// How many versions there are, and of how many the generated code is held against a [`Resolution`].
pub fn versions() -> (usize, usize) {
    let tied = VERSIONS.iter().filter(|it| it.resolution.is_some()).count();
    (VERSIONS.len(), tied)
}

/// The input that holds this framed value.
pub fn numbered(value: &[u8]) -> Vec<u8> {
    let mut input = Reader::new(value);
    let fingerprint = input.frame().expect("a frame");
    let is_its = |version: &Version| version.schema.fingerprint == fingerprint;
    let version = VERSIONS.iter().position(is_its).expect("a known version");
    [&[version as u8], &value[frame::LEN..]].concat()
}

/// The first byte says which version wrote the rest.
pub fn run(bytes: &[u8]) {
    let Some((which, datum)) = bytes.split_first() else {
        return;
    };
    let version = &VERSIONS[usize::from(*which) % VERSIONS.len()];
    let generated = (version.renew)(&framed(version.schema.fingerprint, datum));
    let valid = transcoded(&version.copy, datum).is_ok();
    if let Err(error) = &generated
        && valid
    {
        // What the schema allows, and the type in Rust can't hold; or bytes that are read as text.
        let message = error.to_string();
        let known = message.starts_with("not a ") || is(&message, &[Kind::Depth, Kind::Utf8]);
        assert!(known, "{message}");
    }
    if let Some(resolution) = &version.resolution {
        resolved_alike(version, resolution, datum, valid, generated);
    }
}

/// The generated code reads of an older version what it reads of the same value, brought into the
/// newest version's form when the program runs. Only a part that has no place any more is passed
/// over by the one and looked into by the other: what is no value of the schema may then be read.
fn resolved_alike(
    version: &Version,
    resolution: &Resolution,
    datum: &[u8],
    valid: bool,
    generated: Result,
) {
    let resolved = transcoded(resolution, datum);
    let resolved = resolved.and_then(|newest| {
        assert!(valid);
        (version.renew)(&framed(version.newest.fingerprint, &newest))
    });
    match (generated, resolved) {
        (Ok(generated), Ok(resolved)) => assert_eq!(generated, resolved),
        (Ok(_), Err(error)) => {
            let bounded = !valid || is(&error.to_string(), &[Kind::Depth, Kind::TooLarge]);
            assert!(bounded, "{error}");
        }
        (Err(error), Ok(_)) => panic!("{error}"),
        (Err(_), Err(_)) => {}
    }
}

fn framed(fingerprint: u64, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(frame::LEN + datum.len());
    frame::write(&mut value, fingerprint);
    value.extend_from_slice(datum);
    value
}

fn transcoded(resolution: &Resolution, datum: &[u8]) -> Result {
    let mut out = Vec::new();
    let mut input = Reader::new(datum);
    resolution.transcode(&mut input, &mut out)?;
    input.finish()?;
    Ok(out)
}

fn is(message: &str, kinds: &[Kind]) -> bool {
    let mut kinds = kinds.iter();
    kinds.any(|kind| message.starts_with(&kind.to_string()))
}

/// An event or an error, in memory that the bytes' number bounds. An event is written and read as
/// itself; the form that borrows from the bytes is the same event, or the same error.
fn renew<E: Event>(
    value: &[u8],
    borrowed: impl FnOnce(&mut Vec<u8>) -> std::result::Result<E, DecodeError>,
) -> Result {
    // A byte may be a null or an empty list, which takes up to some hundred bytes in Rust; items
    // without bytes are bounded by their number.
    let most = (16 << 20) + value.len() * 1_000;
    let owned = within(most, || E::decode(value));
    let borrowed = within(2 * most, || borrowed(&mut Vec::new()));
    let (event, borrowed) = match (owned, borrowed) {
        (Ok(event), Ok(borrowed)) => (event, borrowed),
        (Err(error), Err(same)) => {
            assert_eq!(error.to_string(), same.to_string());
            return Err(error.into());
        }
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => panic!("{error}"),
    };
    let mut once = Vec::new();
    event.encode(&mut once);
    let mut twice = Vec::new();
    borrowed.encode(&mut twice);
    assert_eq!(once, twice);
    twice.clear();
    let again = E::decode(&once).expect("what was read can be written");
    again.encode(&mut twice);
    assert_eq!(once, twice);
    Ok(once)
}
