//! Whether a schema from the registry says what one of this program's own says.

use factum_schema::{Schema, SchemaVersion, meaning_changes};

use crate::KnownSchema;

/// What a value that `writer` wrote would say otherwise when it is read as `reader`: Avro itself lets it pass.
pub(crate) fn unchanged(reader: &Schema, writer: &Schema) -> Result<(), String> {
    let changes = meaning_changes(reader, writer);
    match changes.first() {
        None => Ok(()),
        Some(first) => Err(format!("its values would say something else: {first}")),
    }
}

/// Whether values of `writer` may be read as that one of `versions` which has its fingerprint: a fingerprint leaves
/// out logical types. `Ok(false)`: none has it.
pub(crate) fn is_own(writer: &KnownSchema, versions: &[SchemaVersion]) -> Result<bool, String> {
    let written = parse(&writer.json)?;
    let mut outcome = Ok(false);
    let own = versions
        .iter()
        .filter(|it| it.fingerprint == writer.fingerprint);
    for version in own {
        outcome = unchanged(&parse(version.json)?, &written).map(|()| true);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Whether two schemas are alike in bytes, and in what they say to this program and to those who read with the
/// registry's text; else why they are not.
pub(crate) fn same(theirs: &Schema, ours: &Schema) -> Result<(), String> {
    let (their, our) = (theirs.fingerprint(), ours.fingerprint());
    if their != our {
        return Err(format!(
            "its fingerprint is {their:016x}, and that of the version {our:016x}"
        ));
    }
    unchanged(ours, theirs).and_then(|()| unchanged(theirs, ours))
}

pub(crate) fn parse(json: &str) -> Result<Schema, String> {
    Schema::parse(json).map_err(|error| error.to_string())
}
