//! What to do about a finding, in the newer of both schemas: the older one is released.

use crate::compat::incompatibility::{Direction, Rule};

pub(super) fn mend(rule: Rule, direction: Direction) -> &'static str {
    match direction {
        Direction::Backward => newer_reads(rule),
        Direction::Forward => older_reads(rule),
    }
}

fn newer_reads(rule: Rule) -> &'static str {
    match rule {
        Rule::TypeMismatch => {
            "keep the type, widen it (int to long, float or double), or add a field of a new name with a default"
        }
        Rule::NameMismatch => "keep the name, or put the older one into the type's `aliases`",
        Rule::FixedSizeMismatch => {
            "keep the size, or add a field of a new name with a default for the new fixed"
        }
        Rule::MissingEnumSymbols => {
            "keep the symbols, or give the enum a `default` that they are read as"
        }
        Rule::MissingUnionBranch => {
            "keep the branch: values of it are in the log for as long as the log is"
        }
        Rule::ReaderFieldMissingDefaultValue => {
            "give it a default, or put the older field's name into its `aliases`"
        }
        Rule::AmbiguousField => "let one of them go, or take its name out of the `aliases`",
        Rule::LogicalTypeChanged => {
            "keep the logical type, or add a field of a new name with a default"
        }
        Rule::LossyPromotion => "use a type that holds every digit, or accept the loss",
        Rule::BytesAsText => "keep bytes, or be sure that only text was written",
    }
}

fn older_reads(rule: Rule) -> &'static str {
    match rule {
        Rule::TypeMismatch => "keep the type, or add a field of a new name beside the older one",
        Rule::NameMismatch => "keep the name: the released version has no alias for a new one",
        Rule::FixedSizeMismatch => "keep the size, or add a field of a new name for the new fixed",
        Rule::MissingEnumSymbols => {
            "write only the symbols that the released version has, or release a version with an enum `default` first"
        }
        Rule::MissingUnionBranch => {
            "write only the branches that the released version has, or add a field of a new name"
        }
        Rule::ReaderFieldMissingDefaultValue => {
            "keep the field: the released version has no default to read in its place"
        }
        Rule::AmbiguousField => "let one of them go: the released version reads both as one",
        Rule::LogicalTypeChanged => {
            "keep the logical type, or add a field of a new name beside the older one"
        }
        Rule::LossyPromotion => "keep the type, or accept that released readers lose digits",
        Rule::BytesAsText => "keep the type, or be sure to write only text",
    }
}
