//! Why schemas are not as they should be, or could not be looked at.

use std::io;
use std::path::PathBuf;

use factum_registry::RegistryError;

/// Why a command about schemas failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    /// There is something to mend; it is on standard output.
    #[error("{} in {place}: nothing is released like that", count(*.findings))]
    Findings { findings: usize, place: String },
    /// Two schemas do not go together; why is on standard output.
    #[error("{} under {mode}", count(*.findings))]
    Incompatible {
        findings: usize,
        mode: factum::schema::Mode,
    },
    /// A tree that is not there.
    #[error(
        "there is no folder {}: name the one that holds <context>/<aggregate>/<Event>/<n>.avsc",
        .0.display()
    )]
    NoFolder(PathBuf),
    /// A tree that cannot be checked at all.
    #[error(transparent)]
    Build(#[from] factum_build::Error),
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A folder that cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file that is no schema.
    #[error("{} is no schema: {why}", path.display())]
    NoSchema { path: PathBuf, why: String },
    /// A registry cannot be asked, or does not say what it has.
    #[error("the schemas were not compared with the registry")]
    Registry(#[source] Box<RegistryError>),
    /// Git cannot be run.
    #[error("cannot run git, which --against needs: is it installed?")]
    NoGit(#[source] io::Error),
    /// There is nothing to hold the tree against.
    #[error(
        "{} had no versions in `{reference}`, so nothing was checked against it: was the folder renamed? Versions stay in \
         the folder that they were released in. If nothing was released there yet, say so with --allow-new",
        folder.display()
    )]
    NothingReleased { folder: PathBuf, reference: String },
    /// Git cannot tell what the folder was.
    #[error(
        "git cannot tell what {} was in `{reference}`: {said}. --against takes a branch, tag or commit of the \
         repository that the folder is in; in CI, fetch it first",
        folder.display()
    )]
    Git {
        folder: PathBuf,
        reference: String,
        said: String,
    },
}

impl From<RegistryError> for SchemaError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

fn count(findings: usize) -> String {
    match findings {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    }
}
