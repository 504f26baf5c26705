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

/// A schema that would be read as another one and is what others are read as: a value is brought into another form
/// once, and never in a circle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "values of the schema {writer:016x} can't be read as {reader:016x}: one of the two has a part already, as what \
     others are read as or as what is read as another"
)]
#[non_exhaustive]
pub struct InTurn {
    /// The fingerprint of the schema that was to be read.
    pub writer: u64,
    /// The fingerprint of the schema that it was to be read as.
    pub reader: u64,
}

/// Takes in how values of the schema with the fingerprint `writer` become values of `reader`, which the build knows.
/// The last word counts.
///
/// # Errors
/// `reader` is itself read as another schema, or `writer` is what another one is read as.
pub fn learn(writer: u64, reader: u64, resolution: Resolution) -> Result<(), InTurn> {
    let known = Arc::new(Known { reader, resolution });
    let mut outcome = Ok(());
    TABLE.rcu(|table| {
        let is_last = !table.contains_key(&reader) && table.values().all(|it| it.reader != writer);
        let mut next = BTreeMap::clone(table);
        outcome = if is_last && reader != writer {
            next.insert(writer, Arc::clone(&known));
            Ok(())
        } else {
            Err(InTurn { writer, reader })
        };
        next
    });
    outcome
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schema;

    #[test]
    fn nothing_is_read_as_what_is_read_as_another() {
        let schema = Schema::parse(r#""long""#).unwrap();
        let to = |writer, reader| {
            let resolution = Resolution::compile(&schema, &schema).unwrap();
            learn(writer, reader, resolution)
        };
        let (own, other, third) = (0xa001, 0xa002, 0xa003);
        to(other, own).unwrap();
        to(other, own).unwrap();
        to(third, own).unwrap();
        for (writer, reader) in [(third, other), (own, third), (own, 0xa004), (own, own)] {
            assert_eq!(to(writer, reader), Err(InTurn { writer, reader }));
        }
        let renewed = renewed(&mut Reader::new(&[2]), third).unwrap();
        assert_eq!(renewed[..2], [0xc3, 0x01]);
        assert_eq!(renewed[2..], [0x01, 0xa0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
