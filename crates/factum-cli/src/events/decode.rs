//! Decoding values with the schemas that their frames name.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factum::schema::frame::{Frame, NoFrame};
use factum_core::chain;
use factum_registry::{Cache, HttpRegistry, RegistryError, Settings};

use super::flags::Sources;
use crate::aggregate::{Known, Schemas, SchemasError};

/// Why no value can be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecoderError {
    #[error(transparent)]
    Schemas(#[from] SchemasError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(
        "there is nowhere to keep what the registry says: neither XDG_CACHE_HOME nor HOME is set. Name a folder with \
         --registry-cache"
    )]
    NoCache,
}

/// The schemas of a folder and of a registry, by what frames say.
pub(super) struct Decoder {
    folder: Schemas,
    registry: Option<Cache>,
    /// What every frame met so far stands for; an id that cannot be found is asked for once.
    met: HashMap<Frame, Result<Arc<Known>, String>>,
}

impl Decoder {
    pub(super) fn open(sources: &Sources) -> Result<Self, DecoderError> {
        let registry = sources.registry.as_deref();
        let registry = registry.map(|address| open(address, sources)).transpose()?;
        let usual = Path::new("schemas");
        let folder = match (sources.schemas.as_deref(), &registry) {
            (None, Some(_)) if !usual.is_dir() => Schemas::default(),
            (named, _) => Schemas::read(named.unwrap_or(usual))?,
        };
        let mut decoder = Self {
            folder,
            registry,
            met: HashMap::new(),
        };
        decoder.take_kept()?;
        Ok(decoder)
    }

    /// Values in single-object encoding can be read with what the registry said earlier, too.
    fn take_kept(&mut self) -> Result<(), DecoderError> {
        let Some(registry) = &self.registry else {
            return Ok(());
        };
        for known in registry.kept()? {
            // The folder's own text goes before it, and what cannot be read is told where it is met.
            if self.folder.get(known.fingerprint).is_none() {
                let _ = self.folder.add(&known.json);
            }
        }
        Ok(())
    }

    /// The schema of a value, and the bytes behind its frame; or why there is none.
    pub(super) fn schema<'v>(&mut self, value: &'v [u8]) -> Result<(Arc<Known>, &'v [u8]), String> {
        let (frame, datum) = Frame::parse(value).map_err(|none: NoFrame| none.to_string())?;
        if !self.met.contains_key(&frame) {
            let known = self.find(frame).map(Arc::new);
            self.met.insert(frame, known);
        }
        Ok((self.met[&frame].clone()?, datum))
    }

    fn find(&mut self, frame: Frame) -> Result<Known, String> {
        match frame {
            Frame::SingleObject { fingerprint } => {
                self.folder.get(fingerprint).cloned().ok_or_else(|| {
                    format!(
                        "its schema, {fingerprint:016x}, is not there: name the folder that has it with --schemas"
                    )
                })
            }
            Frame::Confluent { id } => {
                let registry = self.registry.as_ref().ok_or_else(|| {
                    format!("its schema has the id {id} in a registry: name that with --registry")
                })?;
                let known = registry.schema(id).map_err(|error| chain(&error).to_string())?;
                Schemas::known(&known.json)
            }
        }
    }
}

fn open(address: &str, sources: &Sources) -> Result<Cache, DecoderError> {
    let mut settings = Settings::parse(address)?;
    settings.authority = sources.registry_ca.clone();
    let dir = sources.registry_cache.clone().or_else(own_cache);
    let dir = dir.ok_or(DecoderError::NoCache)?;
    Ok(Cache::open(dir, HttpRegistry::connect(&settings)?)?)
}

/// Where the user's programs keep what they can fetch again.
fn own_cache() -> Option<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("factum/registry"))
}
