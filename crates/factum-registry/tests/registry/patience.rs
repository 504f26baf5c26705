//! Who asks, how often, and what is said when nobody answers.

use factum_registry::{
    Acceptance, Compatibility, HttpRegistry, Registry, RegistryError, SchemaText, Settings,
};

use crate::stub::{Stub, impatient};

const LONG: &str = r#"{"schema":"\"long\""}"#;

#[test]
fn it_asks_again_until_there_is_an_answer() {
    let stub = Stub::start(|number, _| match number {
        0 => (503, String::new()),
        1 => (0, String::new()),
        _ => (200, LONG.to_owned()),
    });
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    assert_eq!(registry.schema(7).unwrap(), SchemaText::whole("\"long\""));
    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].line, "GET /schemas/ids/7 HTTP/1.1");
}

#[test]
fn it_gives_up_and_says_what_the_last_answer_was() {
    let stub = Stub::start(|_, _| (500, r#"{"error_code":50002,"message":"timed out"}"#.into()));
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    let error = registry.schema(7).unwrap_err();
    assert!(error.is_retryable());
    let text = factum_core::chain(&error).to_string();
    assert!(
        text.contains("asked 3 times") && text.contains("50002: timed out"),
        "{text}"
    );
    assert_eq!(stub.asked().len(), 3);

    let nobody = HttpRegistry::connect(&impatient("http://127.0.0.1:1")).unwrap();
    assert!(nobody.schema(7).unwrap_err().is_retryable());
}

#[test]
fn what_is_refused_is_not_asked_again() {
    let stub = Stub::start(|_, _| (422, r#"{"error_code":42201,"message":"no Avro"}"#.into()));
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    let error = registry.register("a", &SchemaText::whole("{")).unwrap_err();
    assert!(matches!(error, RegistryError::Invalid { .. }), "{error}");
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn a_user_is_named_and_a_password_never_told() {
    let stub = Stub::start(|_, asked| match asked.authorization.as_deref() {
        Some("Basic YW5uYTpzOmVjcmV0") => (200, LONG.to_owned()),
        _ => (
            401,
            r#"{"error_code":40101,"message":"Unauthorized"}"#.into(),
        ),
    });
    let mut settings = stub.settings();
    settings.user = Some(("anna".into(), "s:ecret".into()));
    let registry = HttpRegistry::connect(&settings).unwrap();
    registry.schema(7).unwrap();
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    let error = registry.schema(7).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");

    let port = stub.address.rsplit_once(':').unwrap().1;
    let address = format!("http://anna:s%3Aecret@127.0.0.1:{port}");
    let registry = HttpRegistry::connect(&Settings::parse(&address).unwrap()).unwrap();
    registry.schema(7).unwrap();
    let told = format!("{registry:?}");
    assert!(!told.contains("ecret") && !told.contains("YW5u"), "{told}");
    assert!(!registry.address().contains("anna"));
}

#[test]
fn a_schema_of_another_kind_is_refused() {
    let stub = Stub::start(|_, _| (200, r#"{"schema":"x","schemaType":"PROTOBUF"}"#.into()));
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    let error = registry.schema(7).unwrap_err().to_string();
    assert!(
        error.contains("PROTOBUF") && error.contains("id 7"),
        "{error}"
    );
}

#[test]
fn a_subject_without_a_level_is_held_to_the_registrys() {
    let stub = Stub::start(|_, asked| match asked.line.contains("/config/a%2Fb ") {
        true => (404, r#"{"error_code":40408,"message":"no level"}"#.into()),
        false => (200, r#"{"compatibilityLevel":"FULL_TRANSITIVE"}"#.into()),
    });
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    let level = registry.compatibility("a/b").unwrap();
    assert_eq!(level, Compatibility::FullTransitive);
}

#[test]
fn what_would_be_refused_is_told_in_the_registrys_words() {
    let text = SchemaText::whole("\"long\"");
    let said = |answer: fn(&str) -> (u16, &'static str)| {
        let stub = Stub::start(move |_, asked| {
            let (status, body) = answer(asked.line.split(' ').nth(1).unwrap());
            (status, body.to_owned())
        });
        let registry = HttpRegistry::connect(&stub.settings()).unwrap();
        (registry.test("a", &text).unwrap(), stub.asked())
    };
    let refused = |word: &str| Acceptance::Refused(vec![word.to_owned()]);
    let (confluent, asked) = said(|_| {
        (
            200,
            r#"{"is_compatible":false,"messages":["reader is INT"]}"#,
        )
    });
    assert_eq!(confluent, refused("reader is INT"));
    assert_eq!(
        asked[0].line,
        "POST /compatibility/subjects/a/versions?verbose=true HTTP/1.1"
    );
    let (apicurio, _) = said(|_| (200, r#"{"is_compatible":false,"reason":"reader is INT"}"#));
    assert_eq!(apicurio, refused("reader is INT"));
    let (invalid, _) = said(|_| (422, r#"{"error_code":42201,"message":"no Avro"}"#));
    assert_eq!(invalid, refused("42201: no Avro"));
    let (older, asked) = said(|path| match path.contains("/versions/latest?") {
        true => (200, r#"{"is_compatible":true}"#),
        false => (405, "{}"),
    });
    assert_eq!((older, asked.len()), (Acceptance::Taken, 2));
    let (without, _) = said(|_| (404, "<html>Not Found</html>"));
    assert_eq!(without, Acceptance::Untold);
}
