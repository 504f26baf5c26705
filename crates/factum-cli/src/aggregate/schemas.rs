//! The schemas of a folder, to read events with that no code was made for.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use factum::schema::{Reader, frame};
use serde_json::Value;

use super::json::json;

/// Why a folder's schemas cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the schemas in {}: {why}", path.display())]
pub(crate) struct SchemasError {
    path: PathBuf,
    why: String,
}

/// Schemas by their fingerprints.
#[derive(Debug, Default)]
pub(crate) struct Schemas(HashMap<u64, Schema>);

/// An event's value: its name and data; or why it cannot be read.
pub(crate) type Decoded = Result<(String, Value), String>;

impl Schemas {
    /// Reads every `.avsc` file of a folder and the folders in it.
    pub(crate) fn read(dir: &Path) -> Result<Self, SchemasError> {
        let mut schemas = Self::default();
        schemas.read_dir(dir)?;
        Ok(schemas)
    }

    fn read_dir(&mut self, dir: &Path) -> Result<(), SchemasError> {
        let failed = |why| SchemasError {
            path: dir.to_owned(),
            why,
        };
        for entry in fs::read_dir(dir).map_err(|error| failed(error.to_string()))? {
            let path = entry.map_err(|error| failed(error.to_string()))?.path();
            if path.is_dir() {
                self.read_dir(&path)?;
            } else if path.extension().is_some_and(|it| it == "avsc") {
                self.read_file(&path)
                    .map_err(|why| SchemasError { path, why })?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let parsed = factum::schema::Schema::parse(&text).map_err(|error| error.to_string())?;
        let schema = Schema::parse_str(&text).map_err(|error| error.to_string())?;
        self.0.insert(parsed.fingerprint(), schema);
        Ok(())
    }

    /// Reads an event's value with the schema that it was written with.
    pub(crate) fn decode(&self, value: &[u8]) -> Decoded {
        let fingerprint = Reader::new(value)
            .frame()
            .map_err(|error| error.to_string())?;
        let schema = self.0.get(&fingerprint).ok_or_else(|| {
            format!("its schema, {fingerprint:016x}, is not there: name the folder that has it with --schemas")
        })?;
        let name = schema.name().map(|name| name.name().to_owned());
        let mut datum = &value[frame::LEN..];
        let reader = GenericDatumReader::builder(schema).build();
        let read = reader.and_then(|reader| reader.read_value(&mut datum));
        let data = read.map_err(|error| error.to_string())?;
        Ok((name.unwrap_or_default(), json(data)))
    }
}
