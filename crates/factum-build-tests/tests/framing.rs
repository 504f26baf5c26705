//! Generated code and Confluent's framing: events are read in both frames.

use std::sync::Mutex;

use factum_build_tests::factum::Event;
use factum_build_tests::loan::{Declined, LoanEvent, LoanEventRef, Submitted};
use factum_core::Framing;
use factum_registry::{
    Acceptance, Cache, Compatibility, Ids, Registry, RegistryError, SchemaText, SubjectVersion,
    Subjects, bridge, register,
};
use factum_schema::frame::Frame;
use factum_schema::{Schema, SchemaVersion};
use jiff::Timestamp;

/// A registry in memory: an id is the place in the list, behind the first.
struct InMemory {
    known: Mutex<Vec<(String, SchemaText)>>,
    /// Each registry has ids of its own: a program can use one only.
    first: u32,
}

impl InMemory {
    fn from(first: u32) -> Self {
        let known = Mutex::default();
        Self { known, first }
    }
}

impl Registry for InMemory {
    fn address(&self) -> &str {
        "memory:"
    }

    fn register(&self, subject: &str, schema: &SchemaText) -> Result<u32, RegistryError> {
        let mut known = self.known.lock().unwrap();
        known.push((subject.to_owned(), schema.clone()));
        Ok(self.first + known.len() as u32 - 1)
    }

    fn look_up(&self, subject: &str, text: &SchemaText) -> Result<SubjectVersion, RegistryError> {
        let known = self.known.lock().unwrap();
        let place = known.iter().position(|it| it.0 == subject && it.1 == *text);
        let text = text.clone();
        match place {
            Some(place) => Ok(SubjectVersion {
                id: self.first + place as u32,
                version: 1,
                text,
            }),
            None => Err(RegistryError::NotFound {
                address: "memory:".into(),
                what: subject.into(),
                refusal: factum_registry::Refusal {
                    status: 404,
                    code: 40403,
                    message: String::new(),
                },
            }),
        }
    }

    fn schema(&self, id: u32) -> Result<SchemaText, RegistryError> {
        Ok(self.known.lock().unwrap()[(id - self.first) as usize]
            .1
            .clone())
    }

    fn version(&self, _: &str, _: u32) -> Result<SubjectVersion, RegistryError> {
        unreachable!("nothing refers to anything")
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let known = self.known.lock().unwrap();
        let count = known.iter().filter(|it| it.0 == subject).count();
        Ok((1..=count as u32).collect())
    }

    fn subjects(&self, _: &str) -> Result<Vec<String>, RegistryError> {
        unreachable!("nobody asks for all of them")
    }

    fn test(&self, _: &str, _: &SchemaText) -> Result<Acceptance, RegistryError> {
        Ok(Acceptance::Untold)
    }

    fn compatibility(&self, _: &str) -> Result<Compatibility, RegistryError> {
        Ok(Compatibility::None)
    }
}

#[test]
fn an_aggregates_schemas_are_those_of_its_events() {
    let submitted = LoanEvent::SCHEMAS
        .iter()
        .filter(|it| it.event == "Submitted");
    assert!(submitted.eq(Submitted::SCHEMAS));
    assert!(LoanEvent::SCHEMAS.iter().any(|it| it.event == "Declined"));
}

#[test]
fn what_is_written_with_ids_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), InMemory::from(950_000)).unwrap();
    register(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let event = LoanEvent::from(declined());
    let mut value = b"before".to_vec();
    event.encode(&mut value);
    let single_object = value[6..].to_vec();
    let ids = Ids::find(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    ids.reframe(&mut value, 6);
    let (frame, datum) = Frame::parse(&value[6..]).unwrap();
    let id = ids.of(Declined::FINGERPRINT_1).unwrap();
    assert_eq!(frame, Frame::Confluent { id });
    assert_eq!(datum, Frame::parse(&single_object).unwrap().1);
    assert_eq!(LoanEvent::decode(&value[6..]).unwrap(), event);
    assert_eq!(LoanEvent::decode(&single_object).unwrap(), event);
}

/// `Declined` with a field more before its own, and the value of `event` in that schema.
fn with_field(name: &str, event: &Declined) -> (String, Vec<u8>) {
    let mut json: serde_json::Value = serde_json::from_str(Declined::SCHEMAS[0].json).unwrap();
    let extra = serde_json::json!({"name": name, "type": "string", "default": ""});
    json["fields"].as_array_mut().unwrap().insert(0, extra);
    let mut encoded = Vec::new();
    LoanEvent::from(event.clone()).encode(&mut encoded);
    let mut datum = vec![6, b'a', b'b', b'c'];
    datum.extend_from_slice(Frame::parse(&encoded).unwrap().1);
    (json.to_string(), datum)
}

fn declined() -> Declined {
    Declined {
        r#type: "x".into(),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn framed(frame: Frame, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    frame.write(&mut value);
    value.extend_from_slice(datum);
    value
}

/// The next build registers its new version into the folder that both share.
#[test]
fn a_newer_version_of_its_own_events_stops_a_program() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), InMemory::from(970_000)).unwrap();
    register(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let (json, datum) = with_field("newer", &declined());
    let json: &'static str = json.leak();
    let fingerprint = Schema::parse(json).unwrap().fingerprint();
    let next = SchemaVersion {
        version: 2,
        fingerprint,
        json,
        ..Declined::SCHEMAS[0]
    };
    let id = register(&cache, &Subjects::Record, &[next]).unwrap()[0].id;
    assert!(cache.kept().unwrap().iter().any(|it| it.id == id));

    Ids::find(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let value = framed(Frame::Confluent { id }, &datum);
    let error = LoanEvent::decode(&value).unwrap_err().to_string();
    assert!(
        error.contains(&format!("schema id {id}")) && error.contains("a newer build"),
        "{error}"
    );
    let value = framed(Frame::SingleObject { fingerprint }, &datum);
    let error = LoanEvent::decode(&value).unwrap_err().to_string();
    assert!(error.contains(&format!("{fingerprint:016x}")), "{error}");
}

#[test]
fn what_another_writer_wrote_is_read_as_the_newest_version_when_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), InMemory::from(960_000)).unwrap();
    register(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let (json, datum) = with_field("extra", &declined());
    let subject = Subjects::Record.of(&json).unwrap();
    let text = SchemaText::whole(&*json);
    let id = cache.registry().register(&subject, &text).unwrap();
    cache.schema(id).unwrap();
    Ids::find(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let mut value = framed(Frame::Confluent { id }, &datum);
    assert!(LoanEvent::decode(&value).is_err());

    bridge(&cache, id, LoanEvent::SCHEMAS).unwrap();
    let event = LoanEvent::from(declined());
    assert_eq!(LoanEvent::decode(&value).unwrap(), event);
    let mut spare = Vec::new();
    let borrowed = LoanEventRef::decode(&value, &mut spare).unwrap();
    assert_eq!(LoanEvent::from(borrowed), event);
    let fingerprint = Schema::parse(&json).unwrap().fingerprint();
    let single_object = framed(Frame::SingleObject { fingerprint }, &datum);
    assert_eq!(LoanEvent::decode(&single_object).unwrap(), event);
    value.push(0);
    assert!(LoanEvent::decode(&value).is_err(), "bytes are left over");
}

#[test]
fn what_the_newest_version_cannot_read_is_not_bridged() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), InMemory::from(980_000)).unwrap();
    let mut texts: Vec<serde_json::Value> =
        vec![serde_json::from_str(Declined::SCHEMAS[0].json).unwrap(); 2];
    texts[0]["fields"] = serde_json::json!([]);
    texts[1]["name"] = "Unheard".into();
    for (json, why) in texts.iter().zip(["does not read it", "no version of `"]) {
        let text = SchemaText::whole(json.to_string());
        let id = cache.registry().register("s", &text).unwrap();
        let error = bridge(&cache, id, LoanEvent::SCHEMAS).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(LoanEvent::decode(&framed(Frame::Confluent { id }, &[])).is_err());
    }
}

/// A fingerprint leaves out logical types: the same bytes are another number of seconds.
#[test]
fn a_schema_that_differs_in_a_logical_type_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(dir.path(), InMemory::from(990_000)).unwrap();
    register(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let same_bytes = Declined::SCHEMAS[0]
        .json
        .replace("timestamp-millis", "timestamp-micros");
    let other_bytes = with_field("meant", &declined())
        .0
        .replace("timestamp-millis", "timestamp-micros");
    let mut encoded = Vec::new();
    LoanEvent::from(declined()).encode(&mut encoded);
    let datum = Frame::parse(&encoded).unwrap().1;
    for json in [same_bytes, other_bytes] {
        assert!(json.contains("timestamp-micros"), "{json}");
        let id = cache
            .registry()
            .register("s", &SchemaText::whole(json))
            .unwrap();
        cache.schema(id).unwrap();
        Ids::find(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
        let error = bridge(&cache, id, LoanEvent::SCHEMAS)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("say something else") && error.contains("timestamp-micros"),
            "{error}"
        );
        let error = LoanEvent::decode(&framed(Frame::Confluent { id }, datum)).unwrap_err();
        assert!(error.to_string().contains("schema id"), "{error}");
    }
}
