//! What can go wrong with a registry, and what to do about it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shared, as those who ask for one id at once get one answer.
type Source = Arc<dyn Error + Send + Sync>;

/// Why a registry was of no use.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// An address or a certificate that cannot be used.
    #[error("the schema registry's {what} is of no use: {why}")]
    Settings {
        /// Which setting.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It does not answer, or only with errors of its own.
    #[error(
        "the schema registry at {address} does not answer, asked {attempts} times. A program starts without it once \
         its cache holds the ids of its schemas"
    )]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// How often it was asked.
        attempts: u32,
        /// What the last question led to.
        source: Source,
    },
    /// The connection cannot be made safe.
    #[error(
        "the schema registry at {address} cannot be spoken to over TLS: name the authority that signed its certificate"
    )]
    Tls {
        /// Where it is.
        address: String,
        /// What is wrong.
        source: Source,
    },
    /// It wants to know who asks, or who asks may not.
    #[error(
        "the schema registry at {address} refuses this user ({refusal}): check the name and the password"
    )]
    Denied {
        /// Where it is.
        address: String,
        /// Its words.
        refusal: Refusal,
    },
    /// There is no such subject, version or id.
    #[error("the schema registry at {address} has no {what} ({refusal})")]
    NotFound {
        /// Where it is.
        address: String,
        /// What was asked for.
        what: String,
        /// Its words.
        refusal: Refusal,
    },
    /// A schema does not go with the earlier ones of its subject.
    #[error(
        "the schema registry at {address} refuses {what}: it does not go with what is there ({refusal}). \
         `factum schema check` tells the same before it is deployed"
    )]
    Incompatible {
        /// Where it is.
        address: String,
        /// What was to be registered.
        what: String,
        /// Its words.
        refusal: Refusal,
    },
    /// It cannot read a schema.
    #[error("the schema registry at {address} cannot read {what} ({refusal})")]
    Invalid {
        /// Where it is.
        address: String,
        /// What was sent.
        what: String,
        /// Its words.
        refusal: Refusal,
    },
    /// It says no to something else.
    #[error("the schema registry at {address} refuses {what} ({refusal})")]
    Refused {
        /// Where it is.
        address: String,
        /// What was asked for.
        what: String,
        /// Its words.
        refusal: Refusal,
    },
    /// What answers is no registry.
    #[error(
        "what answers at {address} is no schema registry: {why}. Does the address lack a path, as /apis/ccompat/v7?"
    )]
    NoRegistry {
        /// Where it was looked for.
        address: String,
        /// What came in place of an answer.
        why: String,
    },
    /// An id stands for a schema of another kind.
    #[error(
        "the schema registry at {address} has a schema of the type {kind} for {what}: Factum reads Avro"
    )]
    NotAvro {
        /// Where it is.
        address: String,
        /// What was asked for.
        what: String,
        /// `JSON` or `PROTOBUF`.
        kind: String,
        /// Its id.
        id: u32,
    },
    /// It may list only some of its subjects.
    #[error(
        "the schema registry at {address} may list only some of its subjects: {why}. Raise its limit (Apicurio 2: \
         registry.ccompat.max-subjects, 3: apicurio.ccompat.max-subjects; Confluent: subject.search.default.limit), and \
         say what it is with --subject-limit (`Settings::subject_limit`)"
    )]
    Cut {
        /// Where it is.
        address: String,
        /// What tells so.
        why: String,
    },
    /// A schema from the registry cannot be read.
    #[error("{what} in the schema registry at {address} is of no use: {why}")]
    Schema {
        /// Where it is.
        address: String,
        /// Which one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// An id has two meanings.
    #[error("the schema registry at {address} gives an id that this program knows already")]
    TwoMeanings {
        /// Where it is.
        address: String,
        /// Which one, and what it stands for.
        source: factum_schema::ids::TwoMeanings,
    },
    /// A released version was kept under several ids.
    #[error(
        "version {version} of `{event}` was kept under the ids {ids:?} of the schema registry at {address}: it was \
         emptied or restored in between. Register the versions again, which forgets the older id, or name a new folder"
    )]
    SeveralIds {
        /// Where it is.
        address: String,
        /// The event.
        event: String,
        /// Its version.
        version: u32,
        /// The ids, ascending.
        ids: Vec<u32>,
    },
    /// The folder of the cache cannot be used.
    #[error("cannot use {} to keep schemas from the registry", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: Source,
    },
}

impl RegistryError {
    /// Whether the same call may succeed later without anyone mending anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether the registry answered that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(crate) fn folder(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Folder {
            path: path.to_owned(),
            source: Arc::from(source.into()),
        }
    }
}

/// A registry's own words: the status of its answer, its error code and its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The registry's code, as 40401; 0 where it told none.
    pub code: u32,
    /// What it says.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.code {
            0 => u32::from(self.status),
            code => code,
        };
        write!(f, "{code}: {}", self.message)
    }
}
