//! Generates Rust from a folder of Avro schemas, called from `build.rs`:
//!
//! ```no_run
//! fn main() -> factum_build::Result {
//!     factum_build::compile("schemas")
//! }
//! ```
//!
//! The folder holds a file for every version of every event, like migrations:
//! `schemas/<context>/<aggregate>/<Event>/<n>.avsc`, with n = 1, 2, 3, …. For each aggregate one Rust
//! file is written into `OUT_DIR`, called `<context>.<aggregate>.rs`, for `factum::events!` to include:
//! a struct for every event's newest version, the types they use, and an enum over the events that is
//! a `factum::Event`: it writes the newest versions and reads every version as the newest.
//!
//! # Types
//!
//! | Avro | Rust |
//! |---|---|
//! | boolean, int, long, float, double | `bool`, `i32`, `i64`, `f32`, `f64` |
//! | string, bytes, fixed | `String`, `Vec<u8>`, `[u8; N]` |
//! | array, map | `Vec<T>`, `BTreeMap<String, T>` |
//! | record, enum | a struct, an enum |
//! | null | `()` |
//! | a union of null and T, in either order | `Option<T>` |
//! | any other union | an enum, see below; with null among the branches, an `Option` of it |
//! | decimal on bytes or fixed | `factum::schema::Decimal<PRECISION, SCALE>`, of at most 38 digits |
//! | big-decimal on bytes | `factum::schema::BigDecimal` |
//! | uuid on string or fixed(16) | `uuid::Uuid` |
//! | date on int | `jiff::civil::Date` |
//! | time-millis on int, time-micros on long | `jiff::civil::Time` |
//! | timestamp-millis, -micros, -nanos on long | `jiff::Timestamp` |
//! | local-timestamp-millis, -micros, -nanos on long | `jiff::civil::DateTime` |
//! | duration on fixed(12) | `factum::schema::Duration` |
//!
//! `jiff` and `uuid` are `factum::jiff` and `factum::uuid`: `factum::jiff::Timestamp`; the package needs no
//! dependency of its own.
//!
//! Dates and times may be of another crate, and decimals, too: [`Builder::times`], [`Builder::decimals`].
//!
//! | Avro | [`Times::Chrono`], in `chrono` | [`Times::Time`], in `time` |
//! |---|---|---|
//! | date | `NaiveDate` | `Date` |
//! | time-millis, -micros | `NaiveTime` | `Time` |
//! | timestamp-millis, -micros, -nanos | `DateTime<Utc>` | `OffsetDateTime` |
//! | local-timestamp-millis, -micros, -nanos | `NaiveDateTime` | `PrimitiveDateTime` |
//!
//! With [`Decimals::RustDecimal`] a decimal is a `rust_decimal::Decimal`, of at most 28 digits. Bytes and bounds are the
//! same whatever is chosen; what a type holds beyond them can be written, but not read, and the engine, which
//! reads what it is about to append, refuses it. The package depends on `factum` with the features that are called like the
//! crates: `chrono`, `time`, `rust_decimal`.
//!
//! Fields are in snake case and symbols in camel case in Rust. What is finer than a time's unit is cut
//! off, toward the past. A logical type that is unknown, or not valid where it stands, is its plain type,
//! and a warning.
//!
//! A union's enum is called after its record and field: `OrderPayment` for the field `payment` of `Order`.
//! Its variants are called after their types: `Long`, `TimestampMicros`, `Array`, `Card`. A union in an
//! array that is itself a branch of a union gets `Item` behind that name, in a map `Value`.
//!
//! A record that contains itself is boxed where Rust needs it. A value may nest such records 128 deep, and
//! the arrays of a value may hold 65,536 items together that take no bytes, such as nulls. What goes beyond
//! can be written, but not read; the engine, which reads what it is about to append, refuses it.
//!
//! Types of the aggregate's own namespace stand beside its events; all others in modules after their
//! namespace, from the aggregate's own on: for `bank.loan`, `bank.loan.parts.Term` is `parts::Term`, and
//! `bank.Money` is `bank::Money`.
//!
//! Refused is what has no value in Rust: a record that contains itself in every value, an enum without
//! symbols, a union of null alone, a decimal of more digits than its type in Rust holds, and names that would be one in Rust.
//!
//! # Serde
//!
//! With [`Builder::serde`] all types derive `Serialize` and `Deserialize`. In JSON:
//!
//! | Avro | JSON |
//! |---|---|
//! | boolean, string, int, long, float, double, null | as they are; a number that is not finite is `null`, and can't be read |
//! | bytes, fixed | an array of numbers |
//! | array, map, record | an array, an object, an object |
//! | enum | its symbol |
//! | a union of null and T | `null` or a T by itself; a field may be left out, which is `null` |
//! | any other union | an object of one field, which is called after the branch as in Avro's JSON encoding, `{"long": 1}`, `{"bank.Card": {…}}`; or `null` |
//! | decimal, big-decimal | a text, `"19.90"` |
//! | uuid | a text |
//! | duration | `{"months": 1, "days": 2, "millis": 3}` |
//! | date | `"2011-10-01"` |
//! | time-millis, -micros | `"08:00:00.5"`; chrono shows 3, 6 or 9 digits behind the point or none, time one at least |
//! | timestamp-millis, -micros, -nanos | `"2011-10-01T08:00:00.5Z"`; of time `"2011-10-01 08:00:00.5 +00:00:00"` |
//! | local-timestamp-millis, -micros, -nanos | `"2011-10-01T10:00:00.5"`; of time `"2011-10-01 10:00:00.5"` |
//! | an aggregate's event | an object of one field, which is called after the event: `{"Submitted": {…}}` |
//!
//! It is a form for programs of one build, not for what is kept: it knows nothing of versions. A `rust_decimal::Decimal` reads
//! back only from formats that say what they hold, as JSON does.
//!
//! # Types that events share
//!
//! A type that several events use has a folder of its own, in the folder `types` of a context:
//! `schemas/<context>/types/<Name>/<n>.avsc` defines a record, enum or fixed `<context>.<Name>`. Any
//! file may refer to it by that name. It means version 1, unless the attribute `references` of the
//! file's outermost type says otherwise:
//!
//! ```json
//! {"type": "record", "name": "Paid", "namespace": "bank.loan", "references": {"bank.Money": 2},
//!  "fields": [{"name": "amount", "type": "bank.Money"}]}
//! ```
//!
//! So a released event keeps meaning what it meant when the type gets a next version. An event's
//! fingerprint, and its line in `schemas.lock`, are those of the whole schema, with the types in it. The
//! newest versions of one aggregate's events have one version of a type; in Rust each aggregate has the
//! type for itself, as `bank::Money` beside its events.
//!
//! # Events that borrow
//!
//! With [`Builder::borrowed`], `LoanEventRef<'a>` stands beside `LoanEvent`. Its `decode` does not copy
//! text and bytes, for code that looks at events and lets them go:
//!
//! | Avro | Rust, borrowed |
//! |---|---|
//! | string, bytes, fixed | `&'a str`, `&'a [u8]`, `&'a [u8; N]` |
//! | map | `BTreeMap<&'a str, T>`: as in the other form, a key is there once, with its last value |
//! | a record or union of such, `Submitted` | `SubmittedRef<'a>`; `Submitted::from` makes it own its text |
//! | all others | the same types |
//!
//! `decode` takes a buffer beside the value: what an upcaster makes is written there, to be borrowed, too.
//!
//! # Changing an event
//!
//! A released version never changes: `schemas.lock`, in the same folder, remembers it; commit that
//! file. A change is the event's next version file, which must be able to read all older ones, by
//! Avro's rules: a field may be added with a default, removed, reordered, renamed with an alias, made
//! nullable or widened (int to long, float or double; long to float or double; float to double; string
//! to and from bytes); an enum may gain symbols, and lose them if it has a default. Two rules are
//! stricter than Avro's, since values would silently change their meaning: a logical type is read as
//! itself or as the plain type beneath it, and a symbol that is gone needs the default at build time.
//!
//! What no such rule can express is read by Rust code: `schemas.toml`, in the same folder, names the
//! versions, and the package implements `factum::Upcast` for each. It also says which events are no
//! longer produced, and which became others of the same aggregate:
//!
//! ```toml
//! [events."bank/loan/Submitted"]
//! upcast = [1]                  # impl factum::Upcast<submitted::v1::Submitted> for Submitted
//!
//! [events."bank/loan/OfferFaxed"]
//! retired = "No branch has a fax any more."
//!
//! [events."bank/loan/Asked"]
//! became = "Inquired"           # its versions are read as `Inquired`, by Avro's rules or upcasters
//! ```
//!
//! A build adds new versions to the lock. Where it may not, with `FACTUM_LOCKED=1` or `CI=true`, a
//! version that is not in the lock is an error.

mod aggregate;
mod attributes;
mod borrowing;
mod check;
mod compile;
mod default;
mod digits;
mod evolution;
mod finding;
mod form;
mod generate;
mod lock;
mod lower;
mod model;
mod names;
mod nearest;
mod output;
mod place;
mod plan;
mod recursion;
mod resolve;
mod settings;
mod shared;
mod tree;
mod types;
mod variants;

pub use check::{Checked, CheckedVersion, Release};
pub use compile::{Builder, compile};
pub use finding::{Error, Finding, Rule};
pub use output::Generated;
pub use shared::SharedTypes;
pub use types::{Decimals, Times};

/// What a `build.rs` returns.
pub type Result = std::result::Result<(), Error>;
