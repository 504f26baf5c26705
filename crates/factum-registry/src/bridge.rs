//! Schemas of other writers, read as this program's own where the caller asks for it.

use factum_schema::{Resolution, Schema, SchemaVersion, foreign};

use crate::ids::learn;
use crate::meaning::{self, parse};
use crate::{Cache, KnownSchema, RegistryError};

/// Lets events that another writer wrote with the schema of this id be read as the newest of `versions` that has its
/// name, by Avro's resolution: in both framings, from now on, in the whole program. The schema is taken from the
/// cache, else from the registry.
///
/// Name only ids of writers that are no builds of this program. A newer version of its own events is to be read by the
/// build that has it: bridged, what the newer version says would be dropped or defaulted without a word.
///
/// # Errors
/// Those of [`Cache::schema`]; [`RegistryError::Schema`]: no version has its name, or the newest cannot read it,
/// or only with another meaning, see [`meaning_changes`](factum_schema::meaning_changes).
pub fn bridge(cache: &Cache, id: u32, versions: &[SchemaVersion]) -> Result<(), RegistryError> {
    let known = cache.schema(id)?;
    let bridged = match meaning::is_own(&known, versions) {
        Ok(false) => resolve(&known, versions),
        own => own.map(drop),
    };
    bridged.map_err(|why| cache.wrong(id, why))?;
    learn(cache, &known)
}

fn resolve(writer: &KnownSchema, versions: &[SchemaVersion]) -> Result<(), String> {
    let schema = parse(&writer.json)?;
    let name = schema.root().shape.label();
    let mut readers = versions.iter().rev().filter_map(|version| {
        let reader = Schema::parse(version.json).ok()?;
        (reader.root().shape.label() == name).then_some((version, reader))
    });
    let (version, reader) = readers
        .next()
        .ok_or_else(|| format!("this program has no version of `{name}`"))?;
    let resolution = Resolution::compile(&schema, &reader).map_err(|findings| {
        let first = findings.first().map(ToString::to_string);
        let first = first.unwrap_or_default();
        format!(
            "version {} of `{name}` does not read it: {first}",
            version.version
        )
    })?;
    meaning::unchanged(&reader, &schema)?;
    let learned = foreign::learn(writer.fingerprint, version.fingerprint, resolution);
    learned.map_err(|in_turn| in_turn.to_string())
}
