//! Why bytes are not a value.

use std::fmt;

use crate::frame::NoFrame;

/// Why bytes are not a value of the expected schema, and where.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} (byte {})", .0.kind, .0.position)]
pub struct DecodeError(Box<Inner>); // Boxed, so that a result of a number fits in two registers.

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: DecodeErrorKind,
    position: usize,
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end within a value.
    #[error("the bytes end within a {0}")]
    Ended(&'static str),
    /// Bytes are left over after the value.
    #[error("{0} bytes are left over after the value")]
    LeftOver(usize),
    /// A number doesn't fit its type.
    #[error("a number is too large for its type `{0}`")]
    Overflow(&'static str),
    /// A boolean is neither 0 nor 1.
    #[error("a boolean is neither 0 nor 1, but {0}")]
    Boolean(u8),
    /// A string isn't UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A length or a number of items is negative, or more than the remaining bytes can hold.
    #[error("a length or a number of items, {0}, does not fit the bytes that are left")]
    Length(i64),
    /// The items of an array or a map took other bytes than their block says.
    #[error("items take other bytes than their block says")]
    BlockSize,
    /// An enum's or a union's index is out of range.
    #[error("{index} is no index of an enum or union of {count}")]
    Index {
        /// What stands there.
        index: i64,
        /// How many symbols or branches there are.
        count: u32,
    },
    /// Records that contain themselves lie deeper than [`Reader::MAX_DEPTH`](crate::Reader::MAX_DEPTH).
    #[error(
        "records lie within each other deeper than {}",
        crate::Reader::MAX_DEPTH
    )]
    Depth,
    /// Arrays hold more than
    /// [`Reader::MAX_EMPTY_ITEMS`](crate::Reader::MAX_EMPTY_ITEMS) items that take no bytes.
    #[error(
        "arrays hold more than {} items that take no bytes",
        crate::Reader::MAX_EMPTY_ITEMS
    )]
    EmptyItems,
    /// The value holds more than [`Schema::MAX_EMPTY_VALUES`](crate::Schema::MAX_EMPTY_VALUES) values that take no bytes.
    #[error(
        "the value holds more than {} values that take no bytes",
        crate::Schema::MAX_EMPTY_VALUES
    )]
    TooManyValues,
    /// The value would become larger than [`Resolution::max_len`](crate::Resolution::max_len) when
    /// it is brought into the reader's form.
    #[error("the defaults of fields that were not written would make the value too large")]
    TooLarge,
    /// A date, a time, a decimal or a UUID is outside of what its type can hold.
    #[error("not a {0}")]
    Logical(&'static str),
    /// The value begins with no frame that is read.
    #[error(
        "{0}; Avro is expected, in single-object encoding (c3 01, fingerprint) or in Confluent's framing (00, schema id)"
    )]
    UnknownFrame(NoFrame),
    /// The value is in Confluent's framing, and nobody has said which schema its id stands for.
    #[error(
        "the value is in Confluent's framing, and this program does not know the schema id {id}: a newer build may have \
         written it, then build this one anew; or another program, then name the id with `factum_registry::bridge`; or \
         the program has not learned its ids when it started (see docs/wire.md)"
    )]
    UnknownId {
        /// The id that the value's frame carries.
        id: u32,
    },
    /// The value was written with a schema that this build does not know.
    #[error("no released schema known to this build has the fingerprint {fingerprint:016x}")]
    UnknownSchema {
        /// The fingerprint that the value's frame carries.
        fingerprint: u64,
    },
}

impl DecodeError {
    /// An error of the given kind at a position, in bytes from the start of the value.
    #[cold]
    pub fn new(kind: DecodeErrorKind, position: usize) -> Self {
        Self(Box::new(Inner { kind, position }))
    }

    /// What is wrong with the bytes.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Where, in bytes from the start of the value, its frame included.
    pub fn position(&self) -> usize {
        self.0.position
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("kind", &self.0.kind)
            .field("position", &self.0.position)
            .finish()
    }
}
