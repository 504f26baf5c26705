//! What is asked of a registry, whoever answers.

use factum_schema::Mode;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

/// A Confluent-compatible schema registry.
pub trait Registry: Send + Sync {
    /// Where it is, without its password: for messages, and to tell the ids of one from another's.
    fn address(&self) -> &str;

    /// Registers a schema as the newest version of a subject, unless the subject has it already. Returns its id.
    ///
    /// # Errors
    /// [`RegistryError::Incompatible`] with what the subject's earlier versions; [`RegistryError::Invalid`]; or
    /// the registry does not answer, or refuses.
    fn register(&self, subject: &str, schema: &SchemaText) -> Result<u32, RegistryError>;

    /// The version that a schema is of a subject. Nothing is registered.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]: there is no such subject, or it has no such schema. Or the registry does not
    /// answer, or refuses.
    fn look_up(&self, subject: &str, schema: &SchemaText) -> Result<SubjectVersion, RegistryError>;

    /// The schema of an id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], or [`RegistryError::NotAvro`]; or the registry does not answer, or refuses.
    fn schema(&self, id: u32) -> Result<SchemaText, RegistryError>;

    /// A version of a subject.
    ///
    /// # Errors
    /// Those of [`Registry::schema`].
    fn version(&self, subject: &str, version: u32) -> Result<SubjectVersion, RegistryError>;

    /// The numbers of a subject's versions, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; or the registry does not answer, or refuses.
    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError>;

    /// The names of all subjects that begin with `prefix`; others may be among them, and such as were deleted.
    ///
    /// # Errors
    /// [`RegistryError::Cut`]: there may be more. Or the registry does not answer, or refuses.
    fn subjects(&self, prefix: &str) -> Result<Vec<String>, RegistryError>;

    /// Whether the registry would take a schema as the newest version of a subject that has versions. Nothing is
    /// registered.
    ///
    /// # Errors
    /// The registry does not answer, or refuses to say.
    fn test(&self, subject: &str, schema: &SchemaText) -> Result<Acceptance, RegistryError>;

    /// The compatibility that the registry holds new versions of a subject to, its own default included.
    ///
    /// # Errors
    /// The registry does not answer, or refuses.
    fn compatibility(&self, subject: &str) -> Result<Compatibility, RegistryError>;
}

/// A schema as a registry keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaText {
    /// The schema's JSON.
    pub schema: String,
    /// Where named types stand that it uses and does not define.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

impl SchemaText {
    /// A schema that is whole in itself.
    pub fn whole(json: impl Into<String>) -> Self {
        Self {
            schema: json.into(),
            references: Vec::new(),
        }
    }
}

/// A version of a subject that defines a named type for others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The type's full name.
    pub name: String,
    /// The subject.
    pub subject: String,
    /// The subject's version.
    pub version: u32,
}

/// A schema's place in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectVersion {
    /// The schema's id, alike under every subject.
    pub id: u32,
    /// The subject's version, from 1 on.
    pub version: u32,
    /// The schema.
    pub text: SchemaText,
}

/// What a registry says of a schema before it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It would be taken.
    Taken,
    /// It would not, in the registry's own words.
    Refused(Vec<String>),
    /// The registry cannot be asked that.
    Untold,
}

/// What new versions of a subject are held to. The names are the registry's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    /// Nothing.
    None,
    /// The new version reads what the last one wrote.
    Backward,
    /// The new version reads what any earlier one wrote.
    BackwardTransitive,
    /// The last version reads what the new one writes.
    Forward,
    /// Every earlier version reads what the new one writes.
    ForwardTransitive,
    /// Both, with the last version.
    Full,
    /// Both, with every earlier version.
    FullTransitive,
}

impl From<Compatibility> for Mode {
    fn from(level: Compatibility) -> Self {
        match level {
            Compatibility::None => Self::None,
            Compatibility::Backward => Self::Backward,
            Compatibility::BackwardTransitive => Self::BackwardTransitive,
            Compatibility::Forward => Self::Forward,
            Compatibility::ForwardTransitive => Self::ForwardTransitive,
            Compatibility::Full => Self::Full,
            Compatibility::FullTransitive => Self::FullTransitive,
        }
    }
}
