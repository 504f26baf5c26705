//! Reading what a writer wrote with a schema that this build doesn't know.
//!
//! The generated code reads its own newest schema straight, and each older version by a plan worked
//! out when it was built. What another service wrote with a schema of its own is brought into that
//! form first: [`Resolution::compile`] works out once how one schema's bytes become another's,
//! [`Resolution::transcode`] does it, value by value.

mod collapse;
mod compile;
mod default;
mod plan;
mod skim;
mod transcode;

use crate::compat::{Direction, Incompatibility, Pairs, report};
use crate::{DecodeError, Reader, Schema};
use plan::{Plan, RecordPlan};
use skim::Skim;

/// How values of one schema are rewritten as values of another, by Avro's schema resolution.
///
/// It holds no reference to the schemas, and serves any number of values and threads. Parts that both
/// schemas write alike are copied, after a look that they are what the writer's schema says.
///
/// ```
/// use factum_schema::{Reader, Resolution, Schema};
///
/// let writer = Schema::parse(
///     r#"{"type": "record", "name": "Paid", "fields": [{"name": "cents", "type": "int"}]}"#,
/// )?;
/// let reader = Schema::parse(
///     r#"{"type": "record", "name": "Paid", "fields": [
///         {"name": "currency", "type": "string", "default": "EUR"},
///         {"name": "amount", "aliases": ["cents"], "type": "long"}]}"#,
/// )?;
/// let resolution = Resolution::compile(&writer, &reader).expect("the reader can read it");
/// let mut out = Vec::new();
/// resolution.transcode(&mut Reader::new(&[14]), &mut out)?;
/// assert_eq!(out, [6, b'E', b'U', b'R', 14]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resolution {
    root: Plan,
    records: Vec<RecordPlan>,
    /// What the writer's records hold, for parts that are copied or passed over.
    skims: Vec<Vec<Skim>>,
}

impl Resolution {
    /// How many levels of records, arrays, maps and unions a value may have.
    pub const MAX_DEPTH: u32 = 1024;

    /// How large the defaults of the fields that were not written may be together, in bytes and in the
    /// number of values: a resolution takes no more memory for them.
    pub const MAX_DEFAULT: usize = 1 << 20;

    /// The bytes that a value of `len` bytes may become at most: defaults add to it.
    pub const fn max_len(len: usize) -> usize {
        len.saturating_mul(64).saturating_add(Self::MAX_DEFAULT)
    }

    /// Works out how what `writer` wrote is rewritten as `reader`.
    ///
    /// # Errors
    /// Everything for which it can't be, as [`crate::incompatibilities`] lists it; or defaults that are
    /// larger than [`Resolution::MAX_DEFAULT`].
    pub fn compile(writer: &Schema, reader: &Schema) -> Result<Self, Vec<Incompatibility>> {
        let pairs = Pairs::settle(reader, writer);
        let findings = report(&pairs, Direction::Backward).incompatibilities;
        if findings.is_empty() {
            compile::resolution(&pairs).map_err(|finding| vec![finding])
        } else {
            Err(findings)
        }
    }

    /// Whether the reader's schema writes the same bytes, so that values are only looked through.
    pub fn is_copy(&self) -> bool {
        matches!(self.root, Plan::Copy(_))
    }

    /// Reads one value of the writer's schema, and appends it to `out` as one of the reader's.
    ///
    /// Safe on any bytes: the depth is bounded by [`Resolution::MAX_DEPTH`], and what is appended by
    /// [`Resolution::max_len`]. Bytes behind the value stay unread, see [`Reader::finish`].
    ///
    /// # Errors
    /// The bytes are no value of the writer's schema; `out` is then as it was.
    pub fn transcode(&self, input: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let before = out.len();
        let result = transcode::run(self, input, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }
}
