//! What schemas wrote that a build does not know: how it becomes what the build reads.
//!
//! A table for the whole program, as that of [`crate::ids`]: generated code looks here before it gives a
//! value up.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use crate::{DecodeError, Reader, Resolution, frame};

static TABLE: LazyLock<ArcSwap<BTreeMap<u64, Arc<Known>>>> = LazyLock::new(ArcSwap::default);

struct Known {
    /// The schema that the build reads.
    reader: u64,
    resolution: Resolution,
}

/// Takes in how values of the schema with the fingerprint `writer` become values of `reader`, which the build knows.
/// The last word counts. Where `reader` is itself a schema that is to be read as another, nothing is learned: a value
/// is brought into another form once, and never in a circle.
pub fn learn(writer: u64, reader: u64, resolution: Resolution) {
    let known = Arc::new(Known { reader, resolution });
    TABLE.rcu(|table| {
        let mut next = BTreeMap::clone(table);
        let is_last = !next.contains_key(&reader) && next.values().all(|it| it.reader != writer);
        if is_last && reader != writer {
            next.insert(writer, Arc::clone(&known));
        }
        next
    });
}

/// The rest of a value behind its frame, which names the schema `writer`, as a whole value in single-object encoding
/// that the build reads. Positions in errors are those of the value as it was written.
///
/// # Errors
/// Nobody has said how that schema is read, or the bytes are no value of it.
#[cold]
pub fn renewed(input: &mut Reader<'_>, writer: u64) -> Result<Vec<u8>, DecodeError> {
    let table = TABLE.load();
    let known = table.get(&writer);
    let known = known.ok_or_else(|| input.unknown_schema(writer))?;
    let mut out = Vec::with_capacity(frame::LEN + input.rest.len());
    frame::write(&mut out, known.reader);
    known.resolution.transcode(input, &mut out)?;
    input.finish()?;
    Ok(out)
}
