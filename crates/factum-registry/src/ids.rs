//! The ids of a program's own schemas: what it writes Confluent's framing with.

use std::collections::HashMap;

use factum_core::Framing;
use factum_schema::frame::{self, Frame};
use factum_schema::{Resolution, Schema, SchemaVersion, foreign, ids};

use crate::{Cache, KnownSchema, RegistryError, SchemaText, Subjects};

/// The ids of released schemas. Given to an engine, its events are written in Confluent's framing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids(HashMap<u64, u32>);

impl Ids {
    /// Finds the id of each version: in the cache, else by a look-up at the registry. From then on this program
    /// reads their values in Confluent's framing, and those of every other schema that the cache holds: what another
    /// writer wrote with a schema of its own is read as the newest version of the same name, if Avro's resolution
    /// can. Nothing is registered, and nothing is asked that the cache knows.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]: a version was not registered at deploy, see [`register`](crate::register). Or
    /// the registry is needed and does not answer; or the ids of two registries meet in one program.
    pub fn find(
        cache: &Cache,
        subjects: &Subjects,
        versions: &[SchemaVersion],
    ) -> Result<Self, RegistryError> {
        let kept = cache.kept()?;
        kept.iter().try_for_each(|known| learn(cache, known))?;
        let mut ids = HashMap::new();
        for version in versions {
            let id = match kept.iter().find(|known| is(known, version)) {
                Some(known) => known.id,
                None => look_up(cache, subjects, version)?,
            };
            ids.insert(version.fingerprint, id);
        }
        let foreign = kept.iter().filter(|it| !ids.contains_key(&it.fingerprint));
        foreign.for_each(|writer| bridge(writer, versions));
        Ok(Self(ids))
    }

    /// The id of the schema with that fingerprint. Of several versions with one fingerprint it is the newest's.
    pub fn of(&self, fingerprint: u64) -> Option<u32> {
        self.0.get(&fingerprint).copied()
    }
}

/// Fingerprints leave out what some readers go by, as logical types: the whole text is compared.
fn is(known: &KnownSchema, version: &SchemaVersion) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    known.fingerprint == version.fingerprint && json(&known.json) == json(version.json)
}

/// Lets what a foreign schema wrote be read as the newest version of its name, if it can be.
fn bridge(writer: &KnownSchema, versions: &[SchemaVersion]) {
    let Ok(schema) = Schema::parse(&writer.json) else {
        return;
    };
    let name = schema.root().shape.label();
    let mut readers = versions.iter().rev().filter_map(|version| {
        let reader = Schema::parse(version.json).ok()?;
        (reader.root().shape.label() == name).then_some((version, reader))
    });
    let Some((version, reader)) = readers.next() else {
        return;
    };
    match Resolution::compile(&schema, &reader) {
        Ok(resolution) => foreign::learn(writer.fingerprint, version.fingerprint, resolution),
        Err(findings) => tracing::warn!(
            id = writer.id,
            name,
            version = version.version,
            finding = findings.first().map(ToString::to_string),
            "the registry has a schema of this name that the newest version does not read: its events will be refused"
        ),
    }
}

fn look_up(
    cache: &Cache,
    subjects: &Subjects,
    version: &SchemaVersion,
) -> Result<u32, RegistryError> {
    let subject = subjects.of(version.json)?;
    let text = SchemaText::whole(version.json);
    let found = cache.registry().look_up(&subject, &text)?;
    learn(cache, &cache.keep(found.id, version.json)?)?;
    Ok(found.id)
}

fn learn(cache: &Cache, known: &KnownSchema) -> Result<(), RegistryError> {
    ids::learn(known.id, known.fingerprint).map_err(|source| RegistryError::TwoMeanings {
        address: cache.registry().address().to_owned(),
        source,
    })
}

impl Framing for Ids {
    /// Puts the id in the fingerprint's place. A value whose schema has no id here keeps the frame that it has, which
    /// every reader takes, too.
    fn reframe(&self, out: &mut Vec<u8>, start: usize) {
        let Some(Ok((Frame::SingleObject { fingerprint }, _))) = out.get(start..).map(Frame::parse)
        else {
            return;
        };
        let Some(id) = self.of(fingerprint) else {
            return;
        };
        out.drain(start..start + frame::LEN - frame::CONFLUENT_LEN);
        out[start] = frame::CONFLUENT_MARKER;
        out[start + 1..start + frame::CONFLUENT_LEN].copy_from_slice(&id.to_be_bytes());
    }
}
