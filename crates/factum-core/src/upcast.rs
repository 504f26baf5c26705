//! Old facts, told as today's.

/// Makes an event's newest version from an older one that no rule of Avro can read as it.
///
/// Which versions are read this way is said in `schemas/schemas.toml`; `factum_build` generates
/// their structs, in a module each, and a decoder that calls `upcast` whenever it meets such a
/// version in the log. Nothing is written anew: an old event costs the call each time it is read.
///
/// One event becomes one event, since versions and sequences count them. Total, as `apply` is: what
/// happened has happened, so this cannot fail.
///
/// ```
/// # mod submitted { pub mod v1 { pub struct Submitted { pub euros: i64 } } }
/// # struct Submitted { cents: i64 }
/// # mod factum { pub use factum_core::Upcast; }
/// impl factum::Upcast<submitted::v1::Submitted> for Submitted {
///     fn upcast(old: submitted::v1::Submitted) -> Self {
///         Self { cents: old.euros * 100 }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "an upcaster is missing that `schemas.toml` promises: one that makes `{Self}` from an older version",
    label = "there is no `Upcast` for this older version, `{Old}`",
    note = "write it beside `factum::events!`; for version 1 of an event `Submitted` that is \
            `impl factum::Upcast<submitted::v1::Submitted> for Submitted`",
    note = "or take the version out of `upcast` in `schemas.toml`, if Avro's rules can read it"
)]
pub trait Upcast<Old>: Sized {
    /// The newest version's value for what was recorded as `old`.
    fn upcast(old: Old) -> Self;
}
