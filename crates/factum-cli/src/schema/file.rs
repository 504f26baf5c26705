//! One schema, from a file.

use std::path::{Path, PathBuf};

use clap::Args;
use factum::schema::Schema;

use super::SchemaError;
use crate::avsc::{FileError, Files};

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

/// Reads a schema, with the types that its tree shares.
pub(super) fn read(path: &Path) -> Result<Schema, SchemaError> {
    let path = path.to_owned();
    match Files::default().schema(&path) {
        Ok(schema) => Ok(schema),
        Err(FileError::Unreadable(source)) => Err(SchemaError::Unreadable { path, source }),
        Err(FileError::NoSchema(why)) => Err(SchemaError::NoSchema { path, why }),
    }
}

/// The folder of a tree, if it is there.
pub(super) fn folder(path: &Path) -> Result<&Path, SchemaError> {
    match path.is_dir() {
        true => Ok(path),
        false => Err(SchemaError::NoFolder(path.to_owned())),
    }
}
