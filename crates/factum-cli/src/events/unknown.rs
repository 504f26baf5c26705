//! Names that were asked for, and that no schema has: nothing can be shown for them.

use std::collections::BTreeSet;

use factum::schema::Schema;

use super::filter::{Field, is_asked_for};
use crate::aggregate::Known;

/// So many names are listed.
const LISTED: usize = 20;

/// What is to be said of types and fields that were asked for; a line each.
pub(super) fn names<'k>(
    types: &[String],
    fields: &[Field],
    known: impl Iterator<Item = &'k Known>,
) -> Vec<String> {
    let known: Vec<_> = known.collect();
    let names = known.iter().map(|it| &*it.name).collect();
    let asked = known.iter().filter(|it| is_asked_for(types, &it.name));
    let asked: Vec<_> = asked.map(|it| it.schema()).collect();
    let lines = [unknown_types(types, &names), unknown_fields(fields, &asked)];
    lines.into_iter().flatten().collect()
}

/// Which of the types that are asked for no schema has.
fn unknown_types(types: &[String], names: &BTreeSet<&str>) -> Option<String> {
    let is_known = |it: &&String| {
        let asked = std::slice::from_ref(*it);
        names.iter().any(|name| is_asked_for(asked, name))
    };
    let unknown: Vec<_> = types.iter().filter(|it| !is_known(it)).cloned().collect();
    let line = || {
        format!(
            "no schema has the name {}: {}",
            unknown.join(", "),
            listed(names)
        )
    };
    (!unknown.is_empty()).then(line)
}

/// Which of the fields that are asked for none of the schemas has that may be shown. Without such a schema the types say
/// enough.
fn unknown_fields(fields: &[Field], asked: &[&Schema]) -> Option<String> {
    let is_known = |field: &&Field| asked.iter().any(|schema| field.is_in(schema));
    let unknown: Vec<_> = fields.iter().filter(|it| !is_known(it)).collect();
    if unknown.is_empty() || asked.is_empty() {
        return None;
    }
    let unknown: Vec<_> = unknown.iter().map(|it| it.name()).collect();
    let names = asked.iter().flat_map(|schema| Field::names(schema));
    Some(format!(
        "no schema of the events asked for has the field {}: {}",
        unknown.join(", "),
        listed(&names.collect())
    ))
}

/// The first of the names that there are.
fn listed(names: &BTreeSet<&str>) -> String {
    let listed: Vec<_> = names.iter().take(LISTED).copied().collect();
    let more = match names.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match &listed[..] {
        [] => "no schema is known".to_owned(),
        listed => format!("there are {}{more}", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_schema_has_are_told_with_those_that_there_are() {
        let names = BTreeSet::from(["bank.loan.Declined", "bank.loan.Submitted"]);
        let told = |types: &[&str]| {
            let types: Vec<_> = types.iter().map(ToString::to_string).collect();
            unknown_types(&types, &names)
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["Submitted", "bank.loan.Declined"]), None);
        assert_eq!(
            told(&["Submited", "Declined"]).unwrap(),
            "no schema has the name Submited: there are bank.loan.Declined, bank.loan.Submitted"
        );
        let many: Vec<_> = (0..25).map(|it| format!("a.E{it:02}")).collect();
        let many = many.iter().map(String::as_str).collect();
        let line = unknown_types(&["X".to_owned()], &many).unwrap();
        assert!(line.ends_with("a.E19 and 5 more"), "{line}");
        let line = unknown_types(&["X".to_owned()], &BTreeSet::new()).unwrap();
        assert!(line.ends_with("no schema is known"), "{line}");
    }

    #[test]
    fn fields_that_no_schema_has_are_told() {
        let schema = Schema::parse(
            r#"{"type": "record", "name": "A", "fields": [
                {"name": "number", "type": "long"},
                {"name": "who", "type": ["null", {"type": "record", "name": "Who", "fields": [
                    {"name": "name", "type": "string"},
                    {"name": "next", "type": ["null", "Who"]}]}]},
                {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "Who"}}},
                {"name": "paid", "type": ["Who", {"type": "record", "name": "Card", "fields": []}]}]}"#,
        )
        .unwrap();
        let told = |path: &str| {
            let field = format!("{path}=1").parse().unwrap();
            unknown_fields(&[field], &[&schema])
        };
        // A union of several branches may show the branch's name in between: of what is below, nothing is said.
        for path in [
            "number",
            "who",
            "who.next.next.name",
            "tags.any.name",
            "paid.card",
        ] {
            assert_eq!(told(path), None, "{path}");
        }
        for path in ["numbre", "who.nmae", "number.name", "tags.any.nmae"] {
            let line = format!(
                "no schema of the events asked for has the field {path}: there are number, paid, tags, who"
            );
            assert_eq!(told(path), Some(line));
        }
        assert_eq!(unknown_fields(&["a=1".parse().unwrap()], &[]), None);
    }
}
