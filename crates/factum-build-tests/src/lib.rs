//! The code that `factum-build` generates, compiled, so that `tests/` can run it.

/// What generated code sees of the facade.
pub mod factum {
    pub use factum_core::{DecodeError, Event, Upcast};
    pub use factum_schema as schema;
    pub use {chrono, jiff, rust_decimal, time, uuid};
}

/// The events of the loans in `schemas/`.
pub mod loan {
    include!(concat!(env!("OUT_DIR"), "/bank.loan.rs"));
}

/// Every type that code is generated for.
pub mod everything {
    include!(concat!(env!("OUT_DIR"), "/test.everything.rs"));
}

/// Every change that an older version may have behind it.
pub mod evolution {
    include!(concat!(env!("OUT_DIR"), "/test.evolution.rs"));
}

/// An event to measure with.
pub mod speed {
    include!(concat!(env!("OUT_DIR"), "/test.speed.rs"));
}

/// Names that mean something to Rust already.
pub mod names {
    include!(concat!(env!("OUT_DIR"), "/test.names.rs"));
}

/// Events that Rust code reads, that became others, and that are retired.
pub mod upcast {
    use super::factum::Upcast;

    include!(concat!(env!("OUT_DIR"), "/test.upcast.rs"));

    /// Whole euros, and a name in one piece.
    impl Upcast<priced::v1::Priced> for Priced {
        fn upcast(old: priced::v1::Priced) -> Self {
            let (given, family) = old.payer.name.split_once(' ').unwrap_or_default();
            Self {
                note: None,
                payer: Payer {
                    given: given.to_owned(),
                    family: family.to_owned(),
                },
                term: old.term, // unchanged, so of the same type
                amount: old.euros.saturating_mul(100), // bytes may say anything
            }
        }
    }

    /// Who was loud shouted.
    impl Upcast<asked::v1::Asked> for Inquired {
        fn upcast(old: asked::v1::Asked) -> Self {
            Self {
                loud: old.text.ends_with('!'),
                question: old.text,
                by: "somebody".to_owned(),
            }
        }
    }
}

/// Unions, records that contain themselves, and every logical type.
pub mod rich {
    include!(concat!(env!("OUT_DIR"), "/test.rich.rs"));
}

/// Types of several namespaces, some of one name.
pub mod spaces {
    include!(concat!(env!("OUT_DIR"), "/test.spaces.rs"));
}

/// Unions and recursion with an older version.
pub mod unions {
    include!(concat!(env!("OUT_DIR"), "/test.unions.rs"));
}

/// A type that is shared, in two versions.
pub mod deals {
    include!(concat!(env!("OUT_DIR"), "/test.deals.rs"));
}

/// Every type, with the types of each crate that there is a choice of, and with serde's derives.
pub mod typed {
    /// Times of jiff, decimals of Factum.
    pub mod jiff {
        include!(concat!(env!("OUT_DIR"), "/jiff/test.typed.rs"));
    }

    /// Times of chrono.
    pub mod chrono {
        include!(concat!(env!("OUT_DIR"), "/chrono/test.typed.rs"));
    }

    /// Times of time.
    pub mod time {
        include!(concat!(env!("OUT_DIR"), "/time/test.typed.rs"));
    }

    /// Decimals of rust_decimal.
    pub mod rust_decimal {
        include!(concat!(env!("OUT_DIR"), "/rust_decimal/test.typed.rs"));
    }
}
