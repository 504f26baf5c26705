//! An id is taken for a version's only where the registry has that version under it.

use factum_registry::{Cache, Ids, Reference, Registry, SchemaText, Subjects, register};
use factum_schema::{Schema, SchemaVersion, undocumented};

use crate::memory::Memory;

const MILLIS: &str = r#"{"type":"record","name":"t.Meant","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;

pub fn version(json: &'static str) -> [SchemaVersion; 1] {
    let fingerprint = Schema::parse(json).unwrap().fingerprint();
    [SchemaVersion {
        event: "Meant",
        version: 1,
        fingerprint,
        json,
    }]
}

fn cache(dir: &tempfile::TempDir, registry: &Memory) -> Cache {
    Cache::open(dir.path(), registry.clone()).unwrap()
}

#[test]
fn another_schema_under_the_answered_id_is_refused() {
    let plain = MILLIS.replace(
        r#"{"type":"long","logicalType":"timestamp-millis"}"#,
        "\"long\"",
    );
    let micros = MILLIS.replace("millis", "micros");
    let other = plain.replace("long", "string");
    let versions = version(MILLIS);
    for (first, (lie, why)) in (720_000..).step_by(100).zip([
        (other, "its fingerprint is"),
        (micros, "say something else"),
        (plain, "say something else"),
    ]) {
        let dir = tempfile::tempdir().unwrap();
        let honest = Memory::from(first);
        let lying = honest.lying(SchemaText::whole(lie));
        // Registered, and read back; then looked up, at deploy and at start.
        for _ in 0..2 {
            let error = register(&cache(&dir, &lying), &Subjects::Record, &versions).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(
                error.to_string().contains("version 1 of `Meant`"),
                "{error}"
            );
        }
        let error = Ids::find(&cache(&dir, &lying), &Subjects::Record, &versions).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(cache(&dir, &lying).kept().unwrap(), []);
        let ids = Ids::find(&cache(&dir, &honest), &Subjects::Record, &versions).unwrap();
        assert_eq!(ids.of(versions[0].fingerprint), Some(first));
    }
}

#[test]
fn an_answer_that_refers_to_others_is_made_whole() {
    const OUTER: &str = r#"{"type":"record","name":"t.Outer","fields":[{"name":"in","type":{"type":"record","name":"t.Inner","fields":[]}}]}"#;
    let dir = tempfile::tempdir().unwrap();
    let registry = Memory::from(725_000);
    let inner = SchemaText::whole(r#"{"type":"record","name":"t.Inner","fields":[]}"#);
    registry.register("inner", &inner).unwrap();
    let answer = SchemaText {
        schema: r#"{"type":"record","name":"t.Outer","fields":[{"name":"in","type":"t.Inner"}]}"#
            .into(),
        references: vec![Reference {
            name: "t.Inner".into(),
            subject: "inner".into(),
            version: 1,
        }],
    };
    let cache = cache(&dir, &registry.lying(answer));
    let deployed = register(&cache, &Subjects::Record, &version(OUTER)).unwrap();
    assert_eq!(deployed[0].id, 725_001);
}

const KEPT: &str = r#"{"type":"record","name":"t.Again","fields":[{"name":"x","type":"long"}]}"#;

#[test]
fn an_emptied_registrys_old_ids_are_forgotten_at_deploy() {
    let dir = tempfile::tempdir().unwrap();
    let (versions, old, new) = (version(KEPT), Memory::from(731_500), Memory::from(731_000));
    let ids = |registry: &Memory| Ids::find(&cache(&dir, registry), &Subjects::Record, &versions);
    register(&cache(&dir, &old), &Subjects::Record, &versions).unwrap();
    register(&cache(&dir, &new), &Subjects::Record, &versions).unwrap();
    let kept = cache(&dir, &new).kept().unwrap();
    assert_eq!(kept.iter().map(|it| it.id).collect::<Vec<_>>(), [731_000]);
    assert_eq!(
        ids(&new).unwrap().of(versions[0].fingerprint),
        Some(731_000)
    );

    // Fetched, not deployed: which of the two is stale nobody has said.
    let third = Memory::from(731_900);
    third
        .register("t.Again", &SchemaText::whole(undocumented(KEPT).unwrap()))
        .unwrap();
    cache(&dir, &third).schema(731_900).unwrap();
    let error = ids(&third).unwrap_err().to_string();
    assert!(
        error.contains("the ids [731000, 731900]") && error.contains("new folder"),
        "{error}"
    );
    register(&cache(&dir, &third), &Subjects::Record, &versions).unwrap();
    assert_eq!(
        ids(&third).unwrap().of(versions[0].fingerprint),
        Some(731_900)
    );
}

#[test]
fn a_mended_doc_changes_nothing() {
    const DOCUMENTED: &str = r#"{"type":"record","name":"t.Doc","doc":"Teh first.","fields":[{"name":"x","type":"long","doc":"X."}]}"#;
    const MENDED: &str = r#"{"type":"record","name":"t.Doc","doc":"The first.","fields":[{"name":"x","type":"long"}]}"#;
    let (dir, registry) = (tempfile::tempdir().unwrap(), Memory::from(740_000));
    let first = register(
        &cache(&dir, &registry),
        &Subjects::Record,
        &version(DOCUMENTED),
    )
    .unwrap();
    let again = register(&cache(&dir, &registry), &Subjects::Record, &version(MENDED)).unwrap();
    assert_eq!((first[0].new, again[0].new), (true, false));
    assert_eq!(registry.versions("t.Doc").unwrap(), [1]);
    // The offline start does not ask: this registry has nothing.
    let nothing = Memory::from(740_000);
    let ids = Ids::find(
        &cache(&dir, &nothing),
        &Subjects::Record,
        &version(DOCUMENTED),
    )
    .unwrap();
    assert_eq!(ids.of(version(MENDED)[0].fingerprint), Some(first[0].id));
}
