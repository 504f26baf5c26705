//! The generated files, and how they get to their folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use crate::finding::{Error, Finding};
use crate::generate::MARK;
use crate::lock;

/// What [`Builder::generate_into`](crate::Builder::generate_into) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Generated {
    /// The files that are new or whose text has changed.
    pub changed: Vec<PathBuf>,
    /// The files of aggregates that are gone.
    pub removed: Vec<PathBuf>,
    /// What is odd in the newest versions of the schemas, but allowed.
    pub warnings: Vec<Finding>,
}

/// Everything that is to be written, once all is known to be in order.
pub(crate) struct Output {
    pub lock_file: lock::File,
    pub lock: lock::Entries,
    /// Names and texts.
    pub files: Vec<(String, String)>,
    pub warnings: Vec<Finding>,
}

impl Output {
    /// Writes the lock and the files that have changed, and returns the latter.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        self.lock_file.write(&self.lock).map_err(Error::one)?;
        let mut changed = Vec::new();
        for (name, text) in &self.files {
            let path = folder.join(name);
            if write_if_changed(&path, text).map_err(Error::one)? {
                changed.push(path);
            }
        }
        Ok(changed)
    }

    /// Has `factum::events!`, which looks into `out_dir`, include the files in `folder`.
    pub fn forward(&self, folder: &Path, out_dir: &Path) -> Result<(), Error> {
        for (name, _) in &self.files {
            let file = std::path::absolute(folder.join(name)).unwrap_or(folder.join(name));
            let text = format!(
                "{MARK}`{}`. Changes are overwritten.\n\ninclude!({:?});\n",
                name.trim_end_matches(".rs"),
                file.display().to_string()
            );
            write_if_changed(&out_dir.join(name), &text).map_err(Error::one)?;
        }
        Ok(())
    }

    /// Removes the files in `folder` that were generated for aggregates which are gone.
    pub fn remove_others(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let error = |path: &Path, error: io::Error| {
            let message = format!("can't remove what is out of date: {error}");
            Error::one(Finding::new(&path.display().to_string(), "", message))
        };
        let mut removed = Vec::new();
        for entry in fs::read_dir(folder).map_err(|e| error(folder, e))? {
            let path = entry.map_err(|e| error(folder, e))?.path();
            let is_current = self.files.iter().any(|(name, _)| path.ends_with(name));
            if !is_current && is_generated(&path) {
                fs::remove_file(&path).map_err(|e| error(&path, e))?;
                removed.push(path);
            }
        }
        removed.sort();
        Ok(removed)
    }
}

fn is_generated(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
        && fs::read_to_string(path).is_ok_and(|text| text.starts_with(MARK))
}

/// Replaces a file in one step, and leaves it alone if it holds `text` already; says whether it
/// was changed.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> Result<bool, Finding> {
    if fs::read_to_string(path).is_ok_and(|known| known == text) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let replace = || {
        fs::create_dir_all(folder)?;
        let mut file = temporary_file(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path).map(drop).map_err(io::Error::from)
    };
    let written = replace().map_err(|error| {
        let shown = path.display().to_string();
        Finding::new(&shown, "", format!("can't write the file: {error}"))
    });
    written.map(|()| true)
}

/// A file that all may read whom the umask lets; by themselves, temporary files are their owner's alone.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The path to a file from within a folder; both are made absolute first.
pub(crate) fn relative(folder: &Path, file: &Path) -> io::Result<PathBuf> {
    let (folder, file) = (normal(folder)?, normal(file)?);
    let shared = folder.components().zip(file.components());
    let shared = shared.take_while(|(a, b)| a == b).count();
    let up = folder
        .components()
        .skip(shared)
        .map(|_| Component::ParentDir);
    Ok(up.chain(file.components().skip(shared)).collect())
}

/// Whether a path leads to the folder or to what is in it.
pub(crate) fn lies_in(path: &Path, folder: &Path) -> bool {
    matches!((normal(path), normal(folder)), (Ok(path), Ok(folder)) if path.starts_with(&folder))
}

/// An absolute path without `.` and `..`.
fn normal(path: &Path) -> io::Result<PathBuf> {
    let mut normal = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            component => normal.push(component),
        }
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_from_a_folder_to_a_file() {
        let relative = |folder, file| relative(Path::new(folder), Path::new(file)).unwrap();
        assert_eq!(
            relative("/a/src/events", "/a/schemas/x.avsc"),
            Path::new("../../schemas/x.avsc")
        );
        assert_eq!(relative("/a", "/a/x.avsc"), Path::new("x.avsc"));
        assert_eq!(
            relative("src/../b/./c", "s/x.avsc"),
            Path::new("../../s/x.avsc")
        );
    }

    #[test]
    fn a_folder_lies_in_itself_and_in_those_above() {
        let lies_in = |path, folder| lies_in(Path::new(path), Path::new(folder));
        assert!(lies_in("/a/out", "/a/out"));
        assert!(lies_in("/a/out/x/../y", "/a/out"));
        assert!(!lies_in("/a/out/../src", "/a/out"));
        assert!(!lies_in("/a/outer", "/a/out"));
    }
}
