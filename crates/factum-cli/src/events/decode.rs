//! Decoding values with the schemas that their frames name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, thread};

use factum::schema::frame::{Frame, NoFrame};
use factum_core::chain;
use factum_registry::{Cache, HttpRegistry, RegistryError};
use tokio::sync::oneshot;

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
        "there are no schemas to read events with: there is no folder `schemas` here. Name the folder that holds the .avsc \
         files with --schemas, or a schema registry with --registry"
    )]
    NoSource,
    #[error(
        "there is nowhere to keep what the registry says: neither XDG_CACHE_HOME nor HOME is set. Name a folder with \
         --registry-cache"
    )]
    NoCache,
}

/// The schemas of a folder and of a registry, by what frames say.
pub(super) struct Decoder {
    folder: Schemas,
    registry: Option<Arc<Cache>>,
    /// What every frame met so far stands for; an id that cannot be found is asked for once.
    met: HashMap<Frame, Result<Arc<Known>, String>>,
}

impl Decoder {
    pub(super) fn open(sources: &Sources) -> Result<Self, DecoderError> {
        let client = sources.registry.client()?;
        let registry = client.map(|it| keep(it, sources)).transpose()?;
        let registry = registry.map(Arc::new);
        let usual = Path::new("schemas");
        let folder = match (sources.schemas.as_deref(), &registry) {
            (None, Some(_)) if !usual.is_dir() => Schemas::default(),
            (None, None) if !usual.is_dir() => return Err(DecoderError::NoSource),
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

    /// Whether all schemas that there are are known: no registry has others.
    pub(super) fn is_complete(&self) -> bool {
        self.registry.is_none()
    }

    /// The schemas that are known so far.
    pub(super) fn known(&self) -> impl Iterator<Item = &Known> {
        let met = self.met.values().flatten().map(|known| &**known);
        self.folder.iter().chain(met)
    }

    /// The id that a value names its schema by, if the registry is to be asked for it first.
    pub(super) fn unasked(&self, value: &[u8]) -> Option<u32> {
        let frame = self.registry.as_ref().and(Frame::parse(value).ok())?.0;
        match frame {
            Frame::Confluent { id } if !self.met.contains_key(&frame) => Some(id),
            _ => None,
        }
    }

    /// Asks the registry for a schema. It blocks, and tries for long: on a thread of its own, so that nobody has to
    /// wait for it who is told to stop.
    pub(super) async fn ask(&mut self, id: u32) {
        let Some(registry) = self.registry.clone() else {
            return;
        };
        let (tell, told) = oneshot::channel();
        thread::spawn(move || {
            let known = registry
                .schema(id)
                .map_err(|error| chain(&error).to_string());
            let _ = tell.send(known); // unless nobody waits for it any more
        });
        let known = told.await.unwrap_or_else(|gone| Err(gone.to_string()));
        let known = known.and_then(|known| Schemas::known(&known.json));
        let known = known.map(|known| Arc::new(self.folder.versioned(known)));
        self.met.insert(Frame::Confluent { id }, known);
    }

    /// The schema of a value, and the bytes behind its frame; or why there is none. An id that is
    /// [unasked](Self::unasked) has none.
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
            Frame::Confluent { id } if self.registry.is_some() => Err(format!(
                "the registry was not asked for its schema, which has the id {id}"
            )),
            Frame::Confluent { id } => Err(format!(
                "its schema has the id {id} in a registry: name that with --registry"
            )),
        }
    }
}

/// What the registry says is kept.
fn keep(client: HttpRegistry, sources: &Sources) -> Result<Cache, DecoderError> {
    let dir = sources.registry_cache.clone().or_else(own_cache);
    let dir = dir.ok_or(DecoderError::NoCache)?;
    Ok(Cache::open(dir, client)?)
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
