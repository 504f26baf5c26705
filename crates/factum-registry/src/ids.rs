//! The ids of a program's own schemas: what it writes Confluent's framing with.

use std::collections::HashMap;

use factum_core::Framing;
use factum_schema::frame::{self, Frame};
use factum_schema::{SchemaVersion, ids};

use crate::deploy::released;
use crate::meaning;
use crate::{Cache, KnownSchema, RegistryError, Subjects};

/// The ids of released schemas. Given to an engine, its events are written in Confluent's framing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids(HashMap<u64, u32>);

impl Ids {
    /// Finds the id of each version: in the cache, else by a look-up at the registry. From then on this program
    /// reads their values in Confluent's framing, under every id that the cache has for a schema of their bytes and meaning.
    /// Of other schemas in the cache nothing is learned: they may be newer versions, which only the build that has
    /// them reads, see [`bridge`](crate::bridge). Nothing is registered, and nothing is asked that the cache knows.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]: a version was not registered at deploy, see [`register`](crate::register).
    /// [`RegistryError::Schema`]: what the registry has for a version is another schema.
    /// [`RegistryError::SeveralIds`]. Or the registry is needed and does not answer; or the ids of two registries meet
    /// in one program.
    pub fn find(
        cache: &Cache,
        subjects: &Subjects,
        versions: &[SchemaVersion],
    ) -> Result<Self, RegistryError> {
        let kept = cache.kept()?;
        let mut ids = HashMap::new();
        for version in versions {
            let id = match kept_id(cache, &kept, version)? {
                Some(id) => id,
                None => look_up(cache, subjects, version)?,
            };
            ids.insert(version.fingerprint, id);
        }
        kept.iter()
            .filter(|it| is_own(it, versions))
            .try_for_each(|known| learn(cache, known))?;
        Ok(Self(ids))
    }

    /// The id of the schema with that fingerprint. Of several versions with one fingerprint it is the newest's.
    pub fn of(&self, fingerprint: u64) -> Option<u32> {
        self.0.get(&fingerprint).copied()
    }
}

/// The id that a version was kept under.
fn kept_id(
    cache: &Cache,
    kept: &[KnownSchema],
    version: &SchemaVersion,
) -> Result<Option<u32>, RegistryError> {
    let text = released(version.json).schema;
    let same = kept.iter().filter(|known| known.is(&text));
    let mut ids: Vec<_> = same.map(|known| known.id).collect();
    ids.sort_unstable();
    match *ids {
        [] => Ok(None),
        [id] => Ok(Some(id)),
        _ => Err(RegistryError::SeveralIds {
            address: cache.registry().address().to_owned(),
            event: version.event.to_owned(),
            version: version.version,
            ids,
        }),
    }
}

/// Whether values of a kept schema may be read as one of `versions`. One that only shares the bytes is told.
fn is_own(known: &KnownSchema, versions: &[SchemaVersion]) -> bool {
    meaning::is_own(known, versions).unwrap_or_else(|why| {
        tracing::warn!(
            id = known.id,
            why,
            "the registry has a schema with the fingerprint of a released version that is another: its events in \
             Confluent's framing will be refused"
        );
        false
    })
}

fn look_up(
    cache: &Cache,
    subjects: &Subjects,
    version: &SchemaVersion,
) -> Result<u32, RegistryError> {
    let subject = subjects.of(version.json)?;
    let found = cache
        .registry()
        .look_up(&subject, &released(version.json))?;
    learn(cache, &cache.confirm(found.id, version, found.text)?)?;
    Ok(found.id)
}

pub(crate) fn learn(cache: &Cache, known: &KnownSchema) -> Result<(), RegistryError> {
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
