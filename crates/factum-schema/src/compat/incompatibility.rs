//! What stands in the way of reading one schema's values as another's.

use std::fmt;

/// One reason why a reader can't read what a writer wrote, or would read something else in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incompatibility {
    /// The rule that is broken.
    pub rule: Rule,
    /// Where in the reader's file, as a JSON pointer; empty for the whole file.
    pub reader: String,
    /// Where in the writer's file, as a JSON pointer; empty for the whole file.
    pub writer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it in the newer of both schemas.
    pub mend: String,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.mend)
    }
}

/// Which of a pair of schemas is the newer one: whose file a finding can be mended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The newer schema reads what the older one wrote.
    Backward,
    /// The older schema reads what the newer one writes.
    Forward,
}

impl Direction {
    /// `backward` or `forward`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule of compatibility: Avro's, named as in Java, and Factum's beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A type can't be read as the other.
    TypeMismatch,
    /// A record, enum or fixed has another name, and no alias says that it is the same.
    NameMismatch,
    /// A fixed has another size.
    FixedSizeMismatch,
    /// An enum lacks symbols that the writer may have written, and has no default for them.
    MissingEnumSymbols,
    /// A union lacks a branch that the writer may have written.
    MissingUnionBranch,
    /// A field that the writer doesn't have has no default.
    ReaderFieldMissingDefaultValue,
    /// A field and its aliases match several of the writer's, or several fields match one.
    AmbiguousField,
    /// A logical type is read as another: the same number or text says something else. Beyond Avro.
    LogicalTypeChanged,
    /// A number is read as a floating-point type that can't hold all of its digits. Beyond Avro.
    LossyPromotion,
    /// Bytes are read as a string: what is not UTF-8 can't be read. Beyond Avro.
    BytesAsText,
}

impl Rule {
    /// Whether Avro lets it pass, and only Factum tells of it.
    pub fn beyond_avro(self) -> bool {
        matches!(
            self,
            Self::LogicalTypeChanged | Self::LossyPromotion | Self::BytesAsText
        )
    }

    /// The rule's stable name for tools: `missing-enum-symbols`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TypeMismatch => "type-mismatch",
            Self::NameMismatch => "name-mismatch",
            Self::FixedSizeMismatch => "fixed-size-mismatch",
            Self::MissingEnumSymbols => "missing-enum-symbols",
            Self::MissingUnionBranch => "missing-union-branch",
            Self::ReaderFieldMissingDefaultValue => "reader-field-missing-default-value",
            Self::AmbiguousField => "ambiguous-field",
            Self::LogicalTypeChanged => "logical-type-changed",
            Self::LossyPromotion => "lossy-promotion",
            Self::BytesAsText => "bytes-as-text",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
