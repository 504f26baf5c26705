//! Ids in the place of fingerprints.

use factum_core::Framing;
use factum_registry::{Cache, HttpRegistry, Ids, Subjects, register};
use factum_schema::frame::{self, Frame};
use factum_schema::{Reader, Schema, SchemaVersion};

use crate::stub::{Asked, Stub};

const FIRST: &str = r#"{"type":"record","name":"t.Framed","fields":[{"name":"x","type":"long"}]}"#;
const SECOND: &str = r#"{"type":"record","name":"t.Framed","fields":[{"name":"x","type":"long"},{"name":"y","type":"long","default":1}]}"#;

fn versions() -> [SchemaVersion; 2] {
    [(1, FIRST), (2, SECOND)].map(|(version, json)| SchemaVersion {
        event: "Framed",
        version,
        fingerprint: Schema::parse(json).unwrap().fingerprint(),
        json,
    })
}

/// A registry that has the first version, takes any other under the id 700002, and then has it.
fn stub() -> Stub {
    let registered = std::sync::atomic::AtomicBool::new(false);
    Stub::start(move |_, asked: &Asked| {
        use std::sync::atomic::Ordering::SeqCst;
        if asked.line.starts_with("GET /schemas/ids/700002") {
            return (200, serde_json::json!({"schema": SECOND}).to_string());
        }
        let second = asked.body.contains("default");
        if asked.line.starts_with("POST /subjects/t.Framed/versions ") {
            registered.store(true, SeqCst);
            return (200, r#"{"id":700002}"#.into());
        }
        assert!(
            asked.line.starts_with("POST /subjects/t.Framed "),
            "{}",
            asked.line
        );
        match second && !registered.load(SeqCst) {
            true => (
                404,
                r#"{"error_code":40403,"message":"Schema not found"}"#.into(),
            ),
            false => {
                let (id, json) = if second {
                    (700_002, SECOND)
                } else {
                    (700_001, FIRST)
                };
                let text = serde_json::json!({"id": id, "version": 1, "schema": json});
                (200, text.to_string())
            }
        }
    })
}

#[test]
fn what_was_deployed_starts_without_a_registry_and_is_written_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let stub = stub();
    let cache =
        || Cache::open(dir.path(), HttpRegistry::connect(&stub.settings()).unwrap()).unwrap();
    let missing = Ids::find(&cache(), &Subjects::Record, &versions()).unwrap_err();
    assert!(missing.is_not_found());
    assert!(missing.to_string().contains("t.Framed"), "{missing}");

    let deployed = register(&cache(), &Subjects::Record, &versions()).unwrap();
    let told: Vec<_> = deployed.iter().map(|it| (it.id, it.new)).collect();
    assert_eq!(told, [(700_001, false), (700_002, true)]);
    let asked = stub.asked().len();
    let ids = Ids::find(&cache(), &Subjects::Record, &versions()).unwrap();
    assert_eq!(stub.asked().len(), asked, "the cache has all of them");

    let fingerprint = versions()[1].fingerprint;
    let mut out = b"before".to_vec();
    frame::write(&mut out, fingerprint);
    out.extend_from_slice(&[2, 4]);
    ids.reframe(&mut out, 6);
    let (frame, datum) = Frame::parse(&out[6..]).unwrap();
    assert_eq!(
        (&out[..6], frame, datum),
        (
            &b"before"[..],
            Frame::Confluent { id: 700_002 },
            &[2, 4][..]
        )
    );
    assert_eq!(Reader::new(&out[6..]).frame(), Ok(fingerprint));

    let mut unknown = Vec::new();
    frame::write(&mut unknown, 1);
    let before = unknown.clone();
    ids.reframe(&mut unknown, 0);
    assert_eq!(unknown, before);

    let again = register(&cache(), &Subjects::Record, &versions()).unwrap();
    assert!(again.iter().all(|it| !it.new));
}

#[test]
fn subjects_are_named_as_confluents_strategies_do() {
    assert_eq!(Subjects::Record.of(FIRST).unwrap(), "t.Framed");
    let topic = "bank.loan.events".to_owned();
    let by_topic = Subjects::TopicRecord { topic };
    assert_eq!(by_topic.of(FIRST).unwrap(), "bank.loan.events-t.Framed");
    assert!(Subjects::Record.of("\"long\"").is_err());
}
