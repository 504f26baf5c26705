//! The shape of a state, as its `Deserialize` tells it: the names of structs, fields and variants,
//! and the types of what they hold.
//!
//! The tracer deserializes the type from nothing, again and again until every variant of every enum
//! was taken, and writes down what it was asked for. Where a type refuses a made-up value, as a
//! timestamp refuses an empty text, the next of a few samples is tried.

mod explore;
mod trace;

use factum_core::Event;
use serde::de::DeserializeOwned;

use explore::Explorer;

/// A state that the checkpoints' format cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "its `Deserialize` asks what comes next, as `#[serde(flatten)]`, `#[serde(untagged)]`, `#[serde(tag)]` and \
     `serde_json::Value` do, and the compact format of checkpoints does not say: write the state without them"
)]
pub struct NotCompact;

/// How often a type is deserialized at most: far more than any state has variants.
const RUNS: usize = 10_000;

/// A number that stands for the shape of a type; another shape has another one.
pub(crate) fn shape_of<T: DeserializeOwned>() -> Result<u64, NotCompact> {
    Ok(fnv(lines_of::<T>()?.join("\n").as_bytes()))
}

/// A number that stands for how events are read; zero where Avro's rules alone say it.
pub(crate) fn readings_of<E: Event>() -> u64 {
    if E::READINGS.is_empty() {
        return 0;
    }
    let mut readings = E::READINGS.to_vec();
    readings.sort_unstable();
    fnv(readings.join("\n").as_bytes())
}

/// The shape, a line for each place, in order. Where no sample satisfies a value, the trace ends: what
/// would have come behind it is missing.
fn lines_of<T: DeserializeOwned>() -> Result<Vec<String>, NotCompact> {
    let mut explorer = Explorer::default();
    for _ in 0..RUNS {
        explorer.restart();
        let refused = T::deserialize(trace::Tracer::new(&mut explorer)).is_err();
        if explorer.asked {
            return Err(NotCompact);
        }
        let go_on = match refused {
            true => explorer.try_another_sample(),
            false => explorer.has_more(),
        };
        if !go_on {
            break;
        }
    }
    Ok(explorer.into_lines())
}

/// FNV-1a: small, and the same on every machine and in every build.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;

    fn differ<A: DeserializeOwned, B: DeserializeOwned>() -> bool {
        shape_of::<A>().unwrap() != shape_of::<B>().unwrap()
    }

    /// Two states of the same name, in modules of their own.
    macro_rules! pair {
        ({ $($before:tt)* } { $($after:tt)* }) => {{
            mod before { #![allow(dead_code)] #[allow(unused_imports)] use super::*; $($before)* }
            mod after { #![allow(dead_code)] #[allow(unused_imports)] use super::*; $($after)* }
            differ::<before::State, after::State>()
        }};
    }

    #[test]
    fn the_same_shape_is_the_same() {
        assert!(!pair!(
            { #[derive(Deserialize)] pub struct State { a: u64, b: Option<String> } }
            { #[derive(Deserialize)] pub struct State { a: u64, b: Option<String> } }
        ));
    }

    #[test]
    fn a_change_of_a_field_shows() {
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State { a: u64 } }
            { #[derive(Deserialize)] pub struct State { b: u64 } }
        ));
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State { a: u64 } }
            { #[derive(Deserialize)] pub struct State { a: u32 } }
        ));
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State { a: u64, b: u64 } }
            { #[derive(Deserialize)] pub struct State { b: u64, a: u64 } }
        ));
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State { a: Vec<Option<u64>> } }
            { #[derive(Deserialize)] pub struct State { a: Vec<u64> } }
        ));
    }

    #[test]
    fn a_change_deep_inside_shows() {
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State { a: BTreeMap<String, Inner> }
              #[derive(Deserialize)] pub enum Inner { A, B { x: (u8, u8) } } }
            { #[derive(Deserialize)] pub struct State { a: BTreeMap<String, Inner> }
              #[derive(Deserialize)] pub enum Inner { A, B { x: (u8, i8) } } }
        ));
        assert!(pair!(
            { #[derive(Deserialize)] pub struct State(Timestamp, Inner);
              #[derive(Deserialize)] pub enum Inner { A, B } }
            { #[derive(Deserialize)] pub struct State(Timestamp, Inner);
              #[derive(Deserialize)] pub enum Inner { B, A } }
        ));
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    enum Term {
        Both(Box<Term>, Box<Term>),
        Negated { term: Box<Term>, others: Vec<Term> },
        Number(i64),
    }

    #[test]
    fn a_type_that_holds_itself_has_an_end() {
        let lines = lines_of::<Term>().unwrap();
        assert!(
            lines.contains(&"Term::Number.0: i64".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"Term::Negated.others[]: enum Term(Both, Negated, Number)".to_owned()),
            "{lines:?}"
        );
    }

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Picky {
        at: Timestamp,
        id: Uuid,
        count: std::num::NonZeroU16,
        #[serde(deserialize_with = "second_half")]
        late: u32,
        last: bool,
    }

    /// Takes no number that anyone would guess.
    fn second_half<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let number = u32::deserialize(from)?;
        (number > u32::MAX / 2)
            .then_some(number)
            .ok_or_else(|| serde::de::Error::custom("too early"))
    }

    #[test]
    fn samples_satisfy_most_types_and_the_rest_ends_the_trace() {
        let lines = lines_of::<Picky>().unwrap();
        for expected in [
            ": struct Picky(at, id, count, late, last)",
            "Picky.at: str",
            "Picky.count: u16",
        ] {
            assert!(
                lines.iter().any(|line| line == expected),
                "{expected} in {lines:?}"
            );
        }
        assert!(
            lines.contains(&"Picky.late: opaque".to_owned()),
            "{lines:?}"
        );
        assert!(!lines.contains(&"Picky.last: bool".to_owned()), "{lines:?}");
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Untagged {
        A(u64),
        B(String),
    }

    #[test]
    fn what_the_format_cannot_carry_is_told_beforehand() {
        assert_eq!(shape_of::<Option<Untagged>>(), Err(NotCompact));
    }
}
