//! How long it takes to generate code for 500 schema files, also as a build script of the dev profile does it, and to
//! compile it in that profile: `cargo xtask bench avro`. The limits are a second and twenty.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use factum_build::{Builder, Generated};

const AGGREGATES: usize = 50;
const EVENTS: usize = 5;
const VERSIONS: usize = 2;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    for aggregate in 0..AGGREGATES {
        for event in 0..EVENTS {
            for version in 1..=VERSIONS {
                write_schema(folder, aggregate, event, version, "");
            }
        }
    }
    let (all, generated) = timed(|| generate(folder));
    assert_eq!(generated.changed.len(), AGGREGATES);
    write_schema(
        folder,
        7,
        3,
        VERSIONS + 1,
        r#", {"name": "more", "type": "int", "default": 0}"#,
    );
    let (one, generated) = timed(|| generate(folder));
    assert_eq!(generated.changed.len(), 1, "one module is written anew");

    write_package(folder, "");
    cargo_build(folder);
    let (script, ()) = timed(|| run_build_script(folder));
    write_package(folder, &modules());
    let (compiled, ()) = timed(|| cargo_build(folder));
    report("generate 500 files", all, 1.0, json);
    report("generate again after one has changed", one, 1.0, json);
    report("generate in a build script, dev profile", script, 1.0, json);
    report("cargo build of what is generated", compiled, 20.0, json);
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn report(case: &str, took: Duration, limit: f64, json: bool) {
    let value = took.as_secs_f64();
    if json {
        let line = serde_json::json!({
            "bench": "avro", "case": case, "value": value, "unit": "s", "limit": limit, "ratio": value / limit,
        });
        println!("{line}");
    } else {
        println!("{case:<44} {value:>8.2} s, the limit is {limit} s");
    }
}

fn generate(folder: &Path) -> Generated {
    let builder = Builder::new().facade("crate::factum").locked(false);
    let generated = builder.generate_into(folder.join("schemas"), folder.join("src/events"));
    generated.expect("the schemas are in order")
}

/// Ten fields of all kinds; the second version has one more.
fn write_schema(folder: &Path, aggregate: usize, event: usize, version: usize, more: &str) {
    let added = if version > 1 {
        r#", {"name": "note", "type": ["null", "string"], "default": null}"#
    } else {
        ""
    };
    let text = format!(
        r#"{{"type": "record", "name": "Event{event}", "namespace": "many.a{aggregate}", "fields": [
            {{"name": "id", "type": {{"type": "string", "logicalType": "uuid"}}}},
            {{"name": "at", "type": {{"type": "long", "logicalType": "timestamp-micros"}}}},
            {{"name": "kind", "type": {{"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}}}},
            {{"name": "total", "type": {{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}}}},
            {{"name": "count", "type": "int"}},
            {{"name": "text", "type": "string"}},
            {{"name": "lines", "type": {{"type": "array", "items": {{"type": "record", "name": "Line", "fields": [
                {{"name": "sku", "type": "string"}}, {{"name": "quantity", "type": "long"}}]}}}}}},
            {{"name": "first", "type": ["null", "Line"]}},
            {{"name": "value{event}", "type": ["int", "string", "Line"]}},
            {{"name": "by", "type": {{"type": "map", "values": "double"}}}}{added}{more}]}}"#
    );
    let path = folder.join(format!(
        "schemas/many/a{aggregate}/Event{event}/{version}.avsc"
    ));
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn modules() -> String {
    (0..AGGREGATES).fold(String::new(), |mut text, aggregate| {
        let _ = writeln!(
            text,
            "pub mod a{aggregate} {{ include!(\"events/many.a{aggregate}.rs\"); }}"
        );
        text
    })
}

fn write_package(folder: &Path, modules: &str) {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the folder of all crates");
    let manifest = format!(
        "[package]\nname = \"many\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         factum-core = {{ path = \"{crates}/factum-core\" }}\n\
         factum-schema = {{ path = \"{crates}/factum-schema\" }}\njiff = \"0.2\"\nuuid = \"1\"\n\n\
         [build-dependencies]\nfactum-build = {{ path = \"{crates}/factum-build\" }}\n",
        crates = crates.display()
    );
    let facade = "pub mod factum {\n    pub use factum_core::{DecodeError, Event};\n    \
                  pub use factum_schema as schema;\n    pub use {jiff, uuid};\n}\n";
    fs::write(folder.join("Cargo.toml"), manifest).expect("a file");
    fs::write(folder.join("build.rs"), BUILD_SCRIPT).expect("a file");
    fs::write(folder.join("src/lib.rs"), format!("{facade}{modules}")).expect("a file");
    let lock = crates.parent().expect("the workspace").join("Cargo.lock");
    fs::copy(lock, folder.join("Cargo.lock")).expect("a file");
}

const BUILD_SCRIPT: &str = r#"fn main() -> factum_build::Result {
    factum_build::Builder::new().facade("crate::factum").compile("schemas")
}
"#;

/// Runs the build script as Cargo does, once more and into a folder of its own.
fn run_build_script(folder: &Path) {
    let built = fs::read_dir(folder.join("target/debug/build")).expect("what Cargo has built");
    let scripts = built.map(|entry| entry.expect("an entry").path());
    let script = scripts
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("many-"))
        })
        .map(|path| path.join("build-script-build"))
        .find(|path| path.exists());
    let out = folder.join("out");
    fs::create_dir_all(&out).expect("a folder");
    let mut command = Command::new(script.expect("a build script"));
    command
        .env("CARGO_MANIFEST_DIR", folder)
        .env("OUT_DIR", out);
    command.env("FACTUM_LOCKED", "0");
    assert!(
        command.output().expect("it runs").status.success(),
        "the schemas are in order"
    );
}

fn cargo_build(folder: &Path) {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--offline"])
        .current_dir(folder);
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command.env("FACTUM_LOCKED", "0");
    assert!(
        command.status().expect("cargo runs").success(),
        "what is generated compiles"
    );
}
