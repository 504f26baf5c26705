//! The folder on disk where a registry's schemas are kept for ever: a file for each id.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factum_schema::{Schema, crc64_avro};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::{KnownSchema, RegistryError};

/// The schemas of one registry. Another registry's ids mean other schemas, and are kept beside them.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// A file's content.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: u32,
    /// In hexadecimal, for people.
    fingerprint: String,
    /// SHA-256 of the schema's text in hexadecimal: whether it is as it was written. A fingerprint would not see a
    /// damaged default or logical type.
    sha256: String,
    schema: String,
}

impl Folder {
    /// The folder of the registry at `address` below `dir`; made when it is not there.
    pub(crate) fn open(dir: &Path, address: &str) -> Result<Self, RegistryError> {
        let folder = dir.join(name(address));
        fs::create_dir_all(&folder).map_err(|error| RegistryError::folder(&folder, error))?;
        Ok(Self(folder))
    }

    /// The schema of an id, if it is kept. A file that is damaged counts as none, and is told.
    pub(crate) fn read(&self, id: u32) -> Result<Option<KnownSchema>, RegistryError> {
        let path = self.file(id);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Ok(damaged(&path, "no text"));
            }
            Err(error) => return Err(RegistryError::folder(&path, error)),
        };
        Ok(match read(id, &text) {
            Ok(known) => Some(known),
            Err(why) => damaged(&path, &why),
        })
    }

    /// Every schema that is kept.
    pub(crate) fn read_all(&self) -> Result<Vec<KnownSchema>, RegistryError> {
        let failed = |error| RegistryError::folder(&self.0, error);
        let mut known = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name
                .to_str()
                .and_then(|it| it.strip_suffix(".json")?.parse().ok());
            if let Some(id) = id {
                known.extend(self.read(id)?);
            }
        }
        Ok(known)
    }

    /// Keeps a schema. Readers see the whole file or none of it, also after a power failure.
    pub(crate) fn write(&self, known: &KnownSchema) -> Result<(), RegistryError> {
        let path = self.file(known.id);
        let kept = Kept {
            id: known.id,
            fingerprint: format!("{:016x}", known.fingerprint),
            sha256: sha256(&known.json),
            schema: known.json.to_string(),
        };
        let write = || -> std::io::Result<()> {
            let mut file = NamedTempFile::new_in(&self.0)?;
            serde_json::to_writer(&mut file, &kept)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|error| RegistryError::folder(&path, error))
    }

    /// Forgets an id. One that is not kept, or no more, is none to forget.
    pub(crate) fn remove(&self, id: u32) -> Result<(), RegistryError> {
        let path = self.file(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RegistryError::folder(&path, error))
            }
            _ => Ok(()),
        }
    }

    fn file(&self, id: u32) -> PathBuf {
        self.0.join(format!("{id}.json"))
    }
}

/// A folder's name that tells people which registry it is, and never two alike.
fn name(address: &str) -> String {
    let readable = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let words: String = address.chars().take(60).map(readable).collect();
    format!("{words}-{:016x}", crc64_avro(address.as_bytes()))
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn damaged(path: &Path, why: &str) -> Option<KnownSchema> {
    tracing::warn!(file = %path.display(), why, "a schema kept from the registry is damaged: asking the registry again");
    None
}

fn read(id: u32, text: &str) -> Result<KnownSchema, String> {
    let kept: Kept = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if kept.id != id || kept.sha256 != sha256(&kept.schema) {
        return Err("it holds another schema than it says".to_owned());
    }
    let schema = Schema::parse(&kept.schema).map_err(|error| error.to_string())?;
    Ok(KnownSchema {
        id,
        fingerprint: schema.fingerprint(),
        json: Arc::from(kept.schema),
    })
}
