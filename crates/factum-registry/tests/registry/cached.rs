//! What is kept on disk, and how often a registry is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use factum_registry::{Cache, HttpRegistry};

use crate::stub::{Answer, Asked, Stub};

const RECORD: &str = r#"{"type":"record","name":"t.Kept","fields":[{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"},"default":71}]}"#;

fn sent() -> Answer {
    let text = serde_json::json!({ "schema": RECORD });
    (200, text.to_string())
}

fn cache(dir: &Path, stub: &Stub) -> Cache {
    Cache::open(dir, HttpRegistry::connect(&stub.settings()).unwrap()).unwrap()
}

/// The only file that the cache has made.
fn file(dir: &Path) -> PathBuf {
    let only = |dir: &Path| {
        let mut entries = fs::read_dir(dir).unwrap();
        let first = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        first
    };
    only(&only(dir))
}

#[test]
fn an_id_is_asked_for_once_and_kept_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::start(|_, _| sent());
    let first = cache(dir.path(), &stub);
    let known = first.schema(7).unwrap();
    assert_eq!((known.id, &*known.json), (7, RECORD));
    first.schema(7).unwrap();
    assert_eq!(cache(dir.path(), &stub).schema(7).unwrap(), known);
    assert_eq!(stub.asked().len(), 1);
    assert!(file(dir.path()).ends_with("7.json"));
}

#[test]
fn those_who_ask_at_once_share_one_answer() {
    let dir = tempfile::tempdir().unwrap();
    // Slow enough that all threads ask before there is an answer; if not, the test passes all the same.
    let stub = Stub::start(|_, _| {
        std::thread::sleep(Duration::from_millis(200));
        sent()
    });
    let cache = Arc::new(cache(dir.path(), &stub));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| cache.schema(7).unwrap());
        }
    });
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn an_error_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let gone = r#"{"error_code":40403,"message":"Schema not found"}"#;
    let stub = Stub::start(move |number, _: &Asked| match number {
        0 => (404, gone.to_owned()),
        _ => sent(),
    });
    let cache = cache(dir.path(), &stub);
    assert!(cache.schema(7).unwrap_err().is_not_found());
    assert_eq!(cache.schema(7).unwrap().id, 7);
}

#[test]
fn a_damaged_file_is_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let stub = Stub::start(|_, _| sent());
    cache(dir.path(), &stub).schema(7).unwrap();
    let (path, whole) = (
        file(dir.path()),
        fs::read_to_string(file(dir.path())).unwrap(),
    );
    let other = whole.replace("long", "string");
    let damaged = [
        &whole[..whole.len() / 2],
        "",
        &other,
        &whole.replace("millis", "micros"),
        &whole.replace("71", "17"),
        &whole.replace("\"id\":7", "\"id\":8"),
    ];
    for (questions, text) in (2..).zip(damaged) {
        fs::write(&path, text).unwrap();
        let cache = cache(dir.path(), &stub);
        assert_eq!(cache.kept().unwrap(), [], "{text}");
        assert_eq!(&*cache.schema(7).unwrap().json, RECORD);
        assert_eq!(stub.asked().len(), questions, "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    }
}

#[test]
fn registries_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Stub::start(|_, _| sent()), Stub::start(|_, _| sent()));
    cache(dir.path(), &one).schema(7).unwrap();
    assert_eq!(cache(dir.path(), &other).kept().unwrap(), []);
}
