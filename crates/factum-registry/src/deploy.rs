//! What is done at deploy: released schemas are registered, and those of others fetched.

use std::collections::BTreeSet;

use factum_schema::{SchemaVersion, undocumented};

use crate::{Cache, RegistryError, SchemaText, Subjects};

/// What became of one released version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The version, as generated code carries it.
    pub version: SchemaVersion,
    /// The subject that it stands under.
    pub subject: String,
    /// Its id.
    pub id: u32,
    /// Whether it was not there before.
    pub new: bool,
}

/// Registers every version that the registry does not have yet, without its docs, in the order given: the oldest of each event first,
/// as `SCHEMAS` of generated code has them. Done twice it changes nothing. The cache then holds all of them, so that
/// a program starts from it without the registry: deploy with the program's own folder, or ship it along. What the
/// registry then has under an id is read, and has to be the version.
///
/// # Errors
/// The first version that is refused, with the registry's own words, or that it has as another schema
/// ([`RegistryError::Schema`]); those before it stay registered.
pub fn register(
    cache: &Cache,
    subjects: &Subjects,
    versions: &[SchemaVersion],
) -> Result<Vec<Deployed>, RegistryError> {
    let one = |version: &SchemaVersion| {
        let subject = subjects.of(version.json)?;
        let text = released(version.json);
        let registry = cache.registry();
        let (id, text, new) = match registry.look_up(&subject, &text) {
            Ok(found) => (found.id, found.text, false),
            Err(error) if error.is_not_found() => {
                let id = registry.register(&subject, &text)?;
                (id, registry.schema(id)?, true)
            }
            Err(error) => return Err(error),
        };
        cache.confirm(id, version, text)?;
        Ok(Deployed {
            version: *version,
            subject,
            id,
            new,
        })
    };
    versions.iter().map(one).collect()
}

/// A version as it is registered, looked up and kept: without docs, as those of a released version may be mended, and
/// a registry takes every text for a version of its own.
pub(crate) fn released(json: &str) -> SchemaText {
    SchemaText::whole(undocumented(json).unwrap_or_else(|| json.to_owned()))
}

/// Takes every version into the cache that the registry has under the subjects of `versions`: also those that other
/// writers registered, so that [`bridge`](crate::bridge) finds them without the registry. None of them is read by that.
///
/// # Errors
/// A subject is not there, or one of its schemas is of no use; or the registry does not answer, or refuses.
pub fn fetch(
    cache: &Cache,
    subjects: &Subjects,
    versions: &[SchemaVersion],
) -> Result<(), RegistryError> {
    let names: Result<BTreeSet<_>, _> = versions.iter().map(|it| subjects.of(it.json)).collect();
    for subject in names? {
        for version in cache.registry().versions(&subject)? {
            let id = cache.registry().version(&subject, version)?.id;
            cache.schema(id)?;
        }
    }
    Ok(())
}
