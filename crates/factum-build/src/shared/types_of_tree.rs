//! The shared types of a tree, for who looks at single files of it.

use std::path::Path;

use super::{Types, types, whole};
use crate::finding::Finding;
use crate::tree;

/// The types that the files of a tree share. Tools make single files whole with them, as a build does.
///
/// What is wrong with a type's own file is not told here: a file that refers to it stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SharedTypes(Types);

impl SharedTypes {
    /// Reads every `<context>/types/<Name>/<n>.avsc` of the tree in `folder`.
    pub fn read(folder: &Path) -> Self {
        Self(types(&tree::shared_types(folder)))
    }

    /// The schema in `text`, with the shared types that it refers to in it. `file` is what findings call it.
    ///
    /// # Errors
    /// It refers to a version that there is not, or to two versions of one type.
    pub fn whole(&self, file: &str, text: &str) -> Result<String, Vec<Finding>> {
        let Ok(json) = serde_json::from_str(text) else {
            return Ok(text.to_owned()); // whoever parses it says so
        };
        let mut findings = Vec::new();
        let whole = whole(&self.0, file, text, json, &mut findings);
        match findings.is_empty() {
            true => Ok(whole.unwrap_or_else(|| text.to_owned())),
            false => Err(findings),
        }
    }
}
