//! What is decided otherwise than the oracles do, case by case, and why.

/// A case, and the reason.
type Known = &'static [(&'static str, &'static str)];

const TEXT: &str = "attributes that the specification says are strings are strings here";
const DEFAULT: &str = "a default is checked against its type, which Java does for some types only";
const NAME: &str = "a name is ASCII letters, digits and underscores, as the specification has it";

/// Java's verdict on a text being a schema, or its fingerprints.
pub const SCHEMAS: Known = &[
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "ä", "type": "int"}]}"#,
        NAME,
    ),
    (
        r#"{"type": "record", "name": "record", "fields": []}"#,
        "a reference to it would be a type's name",
    ),
    (r#"{"type": "record", "name": ".R", "fields": []}"#, NAME),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "double", "default": "NaN"}]}"#,
        DEFAULT,
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "bytes", "default": "€"}]}"#,
        DEFAULT,
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["A"]}, "default": "B"}]}"#,
        DEFAULT,
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "fixed", "name": "F", "size": 2}, "default": "a"}]}"#,
        DEFAULT,
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "S"}, {"name": "b", "type": {"type": "record", "name": "S", "fields": []}}]}"#,
        "the specification defines a type before it is used, depth first",
    ),
    (r#"{"type": "int", "logicalType": 5}"#, TEXT),
    (
        r#"{"type": "record", "name": "R", "doc": 5, "fields": []}"#,
        TEXT,
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "order": "sideways"}]}"#,
        "the sort order is of no use here and is not read",
    ),
];

/// Java's verdict on a pair.
pub const VERDICTS: Known = &[(
    "alias that another field has taken",
    "Java's check passes it, but its reader renames the written field and then misses the other one",
)];

const ARRAY: &str = "Java reads numbers into an array of the written type, and can't promote them";
const EMPTY: &str = "Java's reader gives up on arrays of items that take no bytes";
const SHORT: &str =
    "Java's check takes a union's branch by its short name, its reader only by the full one";

/// The values that Java reads of a pair which its check passes.
pub const VALUES: Known = &[
    (
        "exact name that does not fit",
        "Java's check takes the branch that fits, its reader the one of that name",
    ),
    ("int to double in an array", ARRAY),
    ("array of nothing grows", EMPTY),
    ("array of null to a union", EMPTY),
    ("18 as 49", SHORT),
    ("23 as 49", SHORT),
    ("drawn 372", ARRAY),
];

const FIRST: &str =
    "fastavro writes or reads a union's first branch that holds the value, Java the nearest";

/// The values that fastavro reads.
pub const FASTAVRO: Known = &[
    ("promotion in a union, exact first", FIRST),
    ("exact name before short name", FIRST),
    ("3 as 44", FIRST),
    ("6 as 42", FIRST),
    ("44 as 44", FIRST),
    ("drawn 133", FIRST),
    ("drawn 184", FIRST),
    ("drawn 276", FIRST),
];
