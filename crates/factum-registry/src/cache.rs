//! What a registry said, kept for ever: a schema's id never changes its meaning.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use factum_schema::{Schema, SchemaVersion};

use crate::deploy::released;
use crate::folder::Folder;
use crate::meaning::{self, parse};
use crate::references;
use crate::{Registry, RegistryError, SchemaText};

/// A schema and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSchema {
    /// The id in the registry.
    pub id: u32,
    /// The fingerprint of the canonical form, see [`Schema::fingerprint`].
    pub fingerprint: u64,
    /// The schema's JSON, whole: it refers to nothing outside.
    pub json: Arc<str>,
}

impl KnownSchema {
    /// Whether it is that schema, to the last attribute: what fingerprints leave out counts, white space does not.
    pub(crate) fn is(&self, json: &str) -> bool {
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        value(&self.json) == value(json)
    }
}

type Found = Result<Arc<KnownSchema>, RegistryError>;

/// A registry behind what is known of it: in memory, then on disk, then by asking. Whoever asks for an id that
/// another thread asks for already waits for its answer.
pub struct Cache {
    registry: Box<dyn Registry>,
    folder: Folder,
    slots: Mutex<HashMap<u32, Arc<OnceLock<Found>>>>,
}

impl Cache {
    /// Keeps what `registry` says in a folder of its own below `dir`. Several processes may share it. Nothing is
    /// asked yet.
    ///
    /// # Errors
    /// [`RegistryError::Folder`].
    pub fn open(
        dir: impl AsRef<Path>,
        registry: impl Registry + 'static,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            folder: Folder::open(dir.as_ref(), registry.address())?,
            registry: Box::new(registry),
            slots: Mutex::default(),
        })
    }

    /// The registry itself.
    pub fn registry(&self) -> &dyn Registry {
        &*self.registry
    }

    /// The schema of an id. An answer is kept for ever, an error is not.
    ///
    /// # Errors
    /// Those of [`Registry::schema`] and [`Registry::version`]; [`RegistryError::Schema`].
    pub fn schema(&self, id: u32) -> Result<Arc<KnownSchema>, RegistryError> {
        let slot = Arc::clone(self.slots().entry(id).or_default());
        let found = slot.get_or_init(|| self.find(id)).clone();
        if found.is_err()
            && let Entry::Occupied(entry) = self.slots().entry(id)
            && Arc::ptr_eq(entry.get(), &slot)
        {
            entry.remove();
        }
        found
    }

    /// Every schema that is on disk. The registry is not asked.
    ///
    /// # Errors
    /// [`RegistryError::Folder`].
    pub fn kept(&self) -> Result<Vec<KnownSchema>, RegistryError> {
        self.folder.read_all()
    }

    /// Takes in a released version that the registry answered with `text` under this id.
    ///
    /// # Errors
    /// [`RegistryError::Schema`]: that text is another schema. It would be written into the log for ever.
    pub(crate) fn confirm(
        &self,
        id: u32,
        version: &SchemaVersion,
        text: SchemaText,
    ) -> Result<KnownSchema, RegistryError> {
        let answered = self.answered(id, text)?;
        let both = (parse(&answered.json), parse(version.json));
        let same = match both {
            (Ok(theirs), Ok(ours)) => meaning::same(&theirs, &ours),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        same.map_err(|why| self.wrong(id, another(version, &why)))?;
        self.keep(id, &released(version.json).schema)
    }

    /// An older id of the same text is forgotten: the registry was emptied or restored since.
    fn keep(&self, id: u32, json: &str) -> Result<KnownSchema, RegistryError> {
        let known = self.known(id, json.to_owned())?;
        self.write(&known);
        for stale in self.folder.read_all()? {
            if stale.id != id && stale.is(json) {
                tracing::warn!(
                    id = stale.id,
                    new = id,
                    "the registry has a kept schema under a new id now"
                );
                self.folder.remove(stale.id)?;
                self.slots().remove(&stale.id);
            }
        }
        Ok(known)
    }

    fn find(&self, id: u32) -> Found {
        if let Some(known) = self.folder.read(id)? {
            return Ok(Arc::new(known));
        }
        let known = self.answered(id, self.registry.schema(id)?)?;
        self.write(&known);
        Ok(Arc::new(known))
    }

    /// What the registry answered for an id, made whole. It is not kept.
    pub(crate) fn answered(&self, id: u32, text: SchemaText) -> Result<KnownSchema, RegistryError> {
        let whole = references::whole(&*self.registry, &what(id), text)?;
        self.known(id, whole)
    }

    /// A full disk is no reason not to read an event.
    fn write(&self, known: &KnownSchema) {
        if let Err(error) = self.folder.write(known) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "the registry has to be asked again after a restart");
        }
    }

    fn known(&self, id: u32, json: String) -> Result<KnownSchema, RegistryError> {
        let schema = Schema::parse(&json).map_err(|error| self.wrong(id, error.to_string()))?;
        Ok(KnownSchema {
            id,
            fingerprint: schema.fingerprint(),
            json: Arc::from(json),
        })
    }

    /// Why the schema of an id cannot be used.
    pub(crate) fn wrong(&self, id: u32, why: String) -> RegistryError {
        RegistryError::Schema {
            address: self.registry.address().to_owned(),
            what: what(id),
            why,
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<u32, Arc<OnceLock<Found>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn another(version: &SchemaVersion, why: &str) -> String {
    let (event, number) = (version.event, version.version);
    format!(
        "the registry answers with it for version {number} of `{event}`, and it is another: {why}"
    )
}

fn what(id: u32) -> String {
    format!("the schema with the id {id}")
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("registry", &self.registry.address())
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
