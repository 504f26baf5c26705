//! A real registry: `cargo xtask up --registry`.

use factum_registry::{
    Cache, HttpRegistry, Ids, Reference, Registry, RegistryError, SchemaText, Settings, Subjects,
    fetch, register,
};
use factum_schema::{Schema, SchemaVersion};
use factum_testkit::servers;
use serde_json::json;

fn registry() -> HttpRegistry {
    HttpRegistry::connect(&Settings::parse(&servers::registry()).unwrap()).unwrap()
}

/// A namespace of the test's own: the registry lives on between runs.
fn space() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

fn record(space: &str, fields: serde_json::Value) -> String {
    json!({"type": "record", "name": "Opened", "namespace": space, "fields": fields}).to_string()
}

/// Versions as generated code has them: their text lives as long as the program.
fn versions(texts: &[String]) -> Vec<SchemaVersion> {
    let version = |(version, json): (u32, &String)| SchemaVersion {
        event: "Opened",
        version,
        fingerprint: Schema::parse(json).unwrap().fingerprint(),
        json: Box::leak(json.clone().into_boxed_str()),
    };
    (1..).zip(texts).map(version).collect()
}

#[test]
fn schemas_are_deployed_once_and_found_at_start() {
    let (dir, space) = (tempfile::tempdir().unwrap(), space());
    let cache = Cache::open(dir.path(), registry()).unwrap();
    let texts = [
        record(&space, json!([{"name": "cents", "type": "long"}])),
        record(
            &space,
            json!([{"name": "cents", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": null}]),
        ),
    ];
    let versions = versions(&texts);
    let error = Ids::find(&cache, &Subjects::Record, &versions).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let deployed = register(&cache, &Subjects::Record, &versions).unwrap();
    assert!(
        deployed
            .iter()
            .all(|it| it.new && it.subject == format!("{space}.Opened"))
    );
    let again = register(&cache, &Subjects::Record, &versions).unwrap();
    assert!(again.iter().all(|it| !it.new));
    assert_eq!(
        again.iter().map(|it| it.id).collect::<Vec<_>>(),
        deployed.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    // Another machine finds them by looking, and knows them then.
    let other = tempfile::tempdir().unwrap();
    let cache = Cache::open(other.path(), registry()).unwrap();
    let ids = Ids::find(&cache, &Subjects::Record, &versions).unwrap();
    for it in &deployed {
        assert_eq!(ids.of(it.version.fingerprint), Some(it.id));
    }
    assert_eq!(cache.kept().unwrap().len(), 2);
    // What another writer has registered is fetched.
    let foreign = SchemaText::whole(record(&space, json!([{"name": "cents", "type": "int"}])));
    let foreign = cache
        .registry()
        .register(&deployed[0].subject, &foreign)
        .unwrap();
    fetch(&cache, &Subjects::Record, &versions).unwrap();
    assert!(cache.kept().unwrap().iter().any(|it| it.id == foreign));
    assert_eq!(
        cache.schema(deployed[1].id).unwrap().fingerprint,
        versions[1].fingerprint
    );
}

#[test]
fn a_schema_comes_with_what_it_refers_to() {
    let (registry, space) = (registry(), space());
    let money = json!({"type": "record", "name": "Money", "namespace": space, "fields": [
        {"name": "cents", "type": "long"}]});
    let name = format!("{space}.Money");
    registry
        .register(&name, &SchemaText::whole(money.to_string()))
        .unwrap();
    let fields = |money: serde_json::Value| {
        record(
            &space,
            json!([{"name": "paid", "type": money}, {"name": "due", "type": "Money"}]),
        )
    };
    let text = SchemaText {
        schema: fields(json!(name)),
        references: vec![Reference {
            name: name.clone(),
            subject: name,
            version: 1,
        }],
    };
    let id = registry
        .register(&format!("{space}.Opened"), &text)
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let known = Cache::open(dir.path(), registry)
        .unwrap()
        .schema(id)
        .unwrap();
    let whole = Schema::parse(&fields(money)).unwrap();
    assert_eq!(known.fingerprint, whole.fingerprint());
}

#[test]
fn a_real_registrys_refusals_are_told() {
    let (registry, space) = (registry(), space());
    let subject = format!("{space}.Opened");
    let text = SchemaText::whole(record(&space, json!([])));
    let error = registry.look_up(&subject, &text).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("40401"),
        "{error}"
    );
    registry.register(&subject, &text).unwrap();
    registry.compatibility(&subject).unwrap();
    let other = SchemaText::whole(record(&space, json!([{"name": "x", "type": "long"}])));
    let error = registry.look_up(&subject, &other).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("40403"),
        "{error}"
    );
    let error = registry.schema(2_000_000_000).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("2000000000"),
        "{error}"
    );
    let error = registry
        .register(&subject, &SchemaText::whole("{"))
        .unwrap_err();
    assert!(matches!(error, RegistryError::Invalid { .. }), "{error}");

    let elsewhere = Settings::parse(&format!("{}/elsewhere", servers::registry())).unwrap();
    let error = HttpRegistry::connect(&elsewhere)
        .unwrap()
        .schema(1)
        .unwrap_err();
    assert!(matches!(error, RegistryError::NoRegistry { .. }), "{error}");
}
