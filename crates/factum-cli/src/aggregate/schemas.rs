//! The schemas of a folder, to read events with that no code was made for.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factum::schema::frame::Frame;
use factum::schema::{Reader, Schema, Value};

use crate::avsc::{FileError, Files, place};
use crate::output::plain;

/// Why a folder's schemas cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the schemas in {}: {why}", path.display())]
pub(crate) struct SchemasError {
    path: PathBuf,
    why: String,
}

/// Schemas by their fingerprints.
#[derive(Debug, Default)]
pub(crate) struct Schemas(HashMap<u64, Known>);

/// A schema that values can be read with.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The full name of its record: `bank.loan.Submitted`.
    pub name: String,
    /// The schema's fingerprint.
    pub fingerprint: u64,
    /// The event's version, if it is known from a file of a tree.
    pub version: Option<u32>,
    schema: Arc<Schema>,
}

/// An event's value: its name and data; or why it cannot be read.
pub(crate) type Decoded = Result<(String, serde_json::Value), String>;

impl Schemas {
    /// Reads every `.avsc` file of a folder and the folders in it, each with the types that its tree shares. A file that is
    /// no schema is told on standard error: it costs the events that were written with it.
    pub(crate) fn read(dir: &Path) -> Result<Self, SchemasError> {
        if !dir.is_dir() {
            return Err(SchemasError {
                path: dir.to_owned(),
                why: "there is no such folder; name the one that holds the .avsc files with --schemas".to_owned(),
            });
        }
        let mut schemas = Self::default();
        schemas.read_dir(dir, &mut Files::default())?;
        Ok(schemas)
    }

    fn read_dir(&mut self, dir: &Path, files: &mut Files) -> Result<(), SchemasError> {
        let failed = |why| SchemasError {
            path: dir.to_owned(),
            why,
        };
        for entry in fs::read_dir(dir).map_err(|error| failed(error.to_string()))? {
            let path = entry.map_err(|error| failed(error.to_string()))?.path();
            if path.is_dir() {
                self.read_dir(&path, files)?;
            } else if path.extension().is_some_and(|it| it == "avsc") {
                self.read_file(&path, files);
            }
        }
        Ok(())
    }

    /// Takes in an event's file; a shared type is in the events that refer to it.
    fn read_file(&mut self, path: &Path, files: &mut Files) {
        let place = place(path);
        if place.as_ref().is_some_and(|place| place.is_shared_type) {
            return;
        }
        let why = match files.schema(path) {
            Ok(schema) => {
                return self.insert(Known {
                    version: place.map(|place| place.version),
                    ..Known::of(schema)
                });
            }
            Err(FileError::Unreadable(error)) => format!("cannot be read: {error}"),
            Err(FileError::NoSchema(why)) => format!("is no schema: {why}"),
        };
        let why = plain(why.as_bytes());
        eprintln!(
            "{} {why}; events that were written with it cannot be decoded",
            path.display()
        );
    }

    /// Takes in a schema's JSON.
    pub(crate) fn add(&mut self, json: &str) -> Result<(), String> {
        self.insert(Self::known(json)?);
        Ok(())
    }

    /// Of several versions with one fingerprint, whose values nobody can tell apart, the newest counts.
    fn insert(&mut self, known: Known) {
        match self.0.get(&known.fingerprint) {
            Some(other) if other.version > known.version => {}
            _ => drop(self.0.insert(known.fingerprint, known)),
        }
    }

    /// The same schema with the version that it is here, if it is one.
    pub(crate) fn versioned(&self, known: Known) -> Known {
        let version = self.get(known.fingerprint).and_then(|own| own.version);
        Known { version, ..known }
    }

    /// Reads a schema's JSON.
    pub(crate) fn known(json: &str) -> Result<Known, String> {
        let schema = Schema::parse(json).map_err(|error| error.to_string())?;
        Ok(Known::of(schema))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.0.values()
    }

    /// The schema of that fingerprint.
    pub(crate) fn get(&self, fingerprint: u64) -> Option<&Known> {
        self.0.get(&fingerprint)
    }

    /// Reads an event's value with the schema that it was written with.
    pub(crate) fn decode(&self, value: &[u8]) -> Decoded {
        let (frame, datum) = Frame::parse(value).map_err(|none| none.to_string())?;
        let fingerprint = match frame {
            Frame::SingleObject { fingerprint } => fingerprint,
            Frame::Confluent { id } => {
                return Err(format!(
                    "its schema has the id {id} in a registry: `factum events dump --registry` reads it"
                ));
            }
        };
        let known = self.get(fingerprint).ok_or_else(|| {
            format!("its schema, {fingerprint:016x}, is not there: name the folder that has it with --schemas")
        })?;
        let data = serde_json::to_value(known.decode(datum)?).map_err(|error| error.to_string())?;
        Ok((known.short().to_owned(), data))
    }
}

impl Known {
    fn of(schema: Schema) -> Self {
        Self {
            name: schema.root().shape.label().to_owned(),
            fingerprint: schema.fingerprint(),
            version: None,
            schema: Arc::new(schema),
        }
    }

    /// The name without its namespace.
    pub(crate) fn short(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// Its schema.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Reads the bytes behind a frame, all of them.
    pub(crate) fn decode<'a>(&'a self, datum: &'a [u8]) -> Result<Value<'a>, String> {
        let mut input = Reader::new(datum);
        let value = self.schema.value(&mut input);
        let whole = value.and_then(|value| input.finish().map(|()| value));
        whole.map_err(|error| error.to_string())
    }
}
