//! One schema, from a file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use factum::schema::Schema;

use super::SchemaError;

#[derive(Debug, Args)]
pub(super) struct File {
    /// An Avro schema, a file in JSON: schemas/bank/loan/Submitted/1.avsc
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

impl File {
    pub(super) fn schema(&self) -> Result<Schema, SchemaError> {
        read(&self.path)
    }
}

/// Reads a schema.
pub(super) fn read(path: &Path) -> Result<Schema, SchemaError> {
    let text = fs::read_to_string(path).map_err(|source| SchemaError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Schema::parse(&text).map_err(|source| SchemaError::NoSchema {
        path: path.to_owned(),
        source,
    })
}

/// The folder of a tree, if it is there.
pub(super) fn folder(path: &Path) -> Result<&Path, SchemaError> {
    match path.is_dir() {
        true => Ok(path),
        false => Err(SchemaError::NoFolder(path.to_owned())),
    }
}
