//! The file of a schema, made whole with the types that its tree shares.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use factum::schema::Schema;
use factum_build::SharedTypes;

/// The folder of a context that holds the types that files share.
const TYPES: &str = "types";

/// Why a file gives no schema.
#[derive(Debug)]
pub(crate) enum FileError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is no schema, for this reason.
    NoSchema(String),
}

/// Reads files, of one tree or of several.
#[derive(Debug, Default)]
pub(crate) struct Files(HashMap<PathBuf, SharedTypes>);

impl Files {
    /// The schema in a file. Where that lies in a tree, `<context>/<aggregate>/<Event>/<n>.avsc`, the shared types that it
    /// refers to are in it, as in a build.
    pub(crate) fn schema(&mut self, path: &Path) -> Result<Schema, FileError> {
        let text = fs::read_to_string(path).map_err(FileError::Unreadable)?;
        let text = match place(path) {
            Some(Place { tree, .. }) => self.whole(path, &text, tree)?,
            None => text,
        };
        Schema::parse(&text).map_err(|error| FileError::NoSchema(error.to_string()))
    }

    fn whole(&mut self, path: &Path, text: &str, tree: PathBuf) -> Result<String, FileError> {
        let read = |tree: &PathBuf| SharedTypes::read(tree);
        let types = self.0.entry(tree).or_insert_with_key(read);
        types
            .whole(&path.display().to_string(), text)
            .map_err(|findings| {
                let said = findings
                    .iter()
                    .map(|it| format!("{}: {}", it.pointer, it.message));
                FileError::NoSchema(said.collect::<Vec<_>>().join("; "))
            })
    }
}

/// Where a version file lies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder of the tree.
    tree: PathBuf,
    /// The version that the file is named after.
    pub version: u32,
    /// Whether it is one of a shared type, not of an event.
    pub is_shared_type: bool,
}

/// The place of a file that lies as those of a tree do.
pub(crate) fn place(path: &Path) -> Option<Place> {
    let whole = path.canonicalize().ok()?;
    let version = whole.file_stem()?.to_str()?.parse().ok()?;
    let aggregate = whole.parent()?.parent()?;
    Some(Place {
        version,
        is_shared_type: aggregate.file_name()? == TYPES,
        tree: aggregate.parent()?.parent()?.to_owned(),
    })
}
