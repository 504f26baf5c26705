//! Parsing, fingerprints, compatibility and resolution, held against what Java's Avro and fastavro say
//! (`README.md`). What differs on purpose is listed with its reason, and nothing else may.

mod cases;
mod differences;

use std::collections::BTreeSet;

use cases::{Cases, Pair, cases, fastavro, hex, java};
use factum_schema::{Reader, Resolution, Schema, incompatibilities};

/// What the oracle and this crate say differently, and what was said to differ and doesn't.
#[derive(Default)]
struct Differences {
    unexpected: Vec<String>,
    met: BTreeSet<String>,
}

impl Differences {
    fn note(&mut self, case: &str, list: &[(&str, &str)], says: impl FnOnce() -> String) {
        if list.iter().any(|(known, _)| *known == case) {
            self.met.insert(case.to_owned());
        } else {
            self.unexpected.push(format!("{case}: {}", says()));
        }
    }

    fn finish(self, list: &[(&str, &str)]) {
        assert!(self.unexpected.is_empty(), "{}", self.unexpected.join("\n"));
        let all = list.iter().map(|(case, _)| (*case).to_owned()).collect();
        assert_eq!(self.met, all, "these are listed");
    }
}

type Identity = Option<(String, String, String)>;

fn identity(text: &str) -> Identity {
    let schema = Schema::parse(text).ok()?;
    let crc = format!("{:016x}", schema.fingerprint());
    let sha = hex(&schema.fingerprint_sha256());
    Some((schema.canonical_form(), crc, sha))
}

#[test]
fn schemas_and_their_fingerprints_are_javas() {
    let (Cases { schemas, texts, .. }, java) = (cases(), java());
    let mut differences = Differences::default();
    let texts = schemas
        .iter()
        .map(serde_json::Value::to_string)
        .chain(texts);
    for (text, expected) in texts.zip(java.schemas.iter().chain(&java.texts)) {
        let ours = identity(&text);
        if ours != *expected {
            differences.note(&text, differences::SCHEMAS, || {
                format!("Java {expected:?}, here {ours:?}")
            });
        }
    }
    differences.finish(differences::SCHEMAS);
}

#[test]
fn fingerprints_are_fastavros() {
    let mut compared = 0;
    for (schema, expected) in cases().schemas.iter().zip(fastavro().fingerprints) {
        if let (Ok(schema), Some(expected)) = (Schema::parse(&schema.to_string()), expected) {
            assert_eq!(format!("{:016x}", schema.fingerprint()), expected);
            compared += 1;
        }
    }
    assert!(compared > 780, "{compared}");
}

#[test]
fn verdicts_are_javas() {
    let (cases, java) = (cases(), java());
    let mut differences = Differences::default();
    let mut judged = [0; 2];
    for (pair, answer) in cases.parsed().zip(&java.pairs) {
        let (
            Some(Pair {
                name,
                writer,
                reader,
                ..
            }),
            Some((rules, _)),
        ) = (pair, answer)
        else {
            continue;
        };
        let ours = incompatibilities(&reader, &writer);
        judged[usize::from(ours.is_empty())] += 1;
        if ours.is_empty() != rules.is_empty() {
            differences.note(name, differences::VERDICTS, || {
                format!("Java {rules:?}, here {ours:?}")
            });
        }
    }
    differences.finish(differences::VERDICTS);
    assert!(judged[0] > 2200 && judged[1] > 650, "{judged:?}");
}

/// The pair's values, as the reader writes them; `None` for those that can't be read.
fn reread(pair: &Pair<'_>) -> Option<Vec<Option<String>>> {
    let resolution = Resolution::compile(&pair.writer, &pair.reader).ok()?;
    let read = pair.values.iter().map(|value| {
        let mut out = Vec::new();
        let mut input = Reader::new(value);
        resolution
            .transcode(&mut input, &mut out)
            .and_then(|()| input.finish())
            .ok()?;
        Some(hex(&out))
    });
    Some(read.collect())
}

#[test]
fn values_are_javas() {
    let (cases, java) = (cases(), java());
    let mut differences = Differences::default();
    let mut read = 0;
    for (pair, answer) in cases.parsed().zip(&java.pairs) {
        let (Some(pair), Some((_, expected))) = (pair, answer) else {
            continue;
        };
        let Some(ours) = reread(&pair) else { continue };
        read += ours.len();
        if ours != *expected {
            let says = || format!("Java {expected:?}, here {ours:?}");
            differences.note(pair.name, differences::VALUES, says);
        }
    }
    differences.finish(differences::VALUES);
    assert!(read > 1500, "{read}");
}

/// What fastavro can't read, or can't write again, says nothing.
#[test]
fn values_are_fastavros() {
    let (cases, fastavro) = (cases(), fastavro());
    let mut differences = Differences::default();
    let mut same = 0;
    for (pair, expected) in cases.parsed().zip(&fastavro.pairs) {
        let Some(pair) = pair else { continue };
        let Some(ours) = reread(&pair) else { continue };
        let differs =
            |(ours, theirs): (&Option<String>, &Option<String>)| theirs.is_some() && ours != theirs;
        if ours.iter().zip(expected).any(differs) {
            let says = || format!("fastavro {expected:?}, here {ours:?}");
            differences.note(pair.name, differences::FASTAVRO, says);
        } else {
            same += expected.iter().flatten().count();
        }
    }
    differences.finish(differences::FASTAVRO);
    assert!(same > 1400, "{same}");
}
