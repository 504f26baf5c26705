//! Generated code and Confluent's framing: events are read in both frames.

use std::sync::Mutex;

use factum_build_tests::factum::Event;
use factum_build_tests::loan::{Declined, LoanEvent, Submitted};
use factum_core::Framing;
use factum_registry::{
    Cache, Compatibility, Ids, Registry, RegistryError, SchemaText, SubjectVersion, Subjects,
    register,
};
use factum_schema::frame::Frame;
use jiff::Timestamp;

/// A registry in memory: an id is the place in the list.
#[derive(Default)]
struct InMemory(Mutex<Vec<(String, SchemaText)>>);

const FIRST: u32 = 950_000;

impl Registry for InMemory {
    fn address(&self) -> &str {
        "memory:"
    }

    fn register(&self, subject: &str, schema: &SchemaText) -> Result<u32, RegistryError> {
        let mut known = self.0.lock().unwrap();
        known.push((subject.to_owned(), schema.clone()));
        Ok(FIRST + known.len() as u32 - 1)
    }

    fn look_up(&self, subject: &str, text: &SchemaText) -> Result<SubjectVersion, RegistryError> {
        let known = self.0.lock().unwrap();
        let place = known.iter().position(|it| it.0 == subject && it.1 == *text);
        let text = text.clone();
        match place {
            Some(place) => Ok(SubjectVersion {
                id: FIRST + place as u32,
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
        Ok(self.0.lock().unwrap()[(id - FIRST) as usize].1.clone())
    }

    fn version(&self, _: &str, _: u32) -> Result<SubjectVersion, RegistryError> {
        unreachable!("nothing refers to anything")
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
    let cache = Cache::open(dir.path(), InMemory::default()).unwrap();
    register(&cache, &Subjects::Record, LoanEvent::SCHEMAS).unwrap();
    let event = LoanEvent::from(Declined {
        r#type: "x".into(),
        at: Timestamp::UNIX_EPOCH,
    });
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
