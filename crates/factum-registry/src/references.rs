//! Schemas whose named types stand under other subjects, made whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{Reference, Registry, RegistryError, SchemaText};

/// More than any schema has; a registry that answers with ever new ones is not followed for ever.
const MOST: usize = 1000;
/// How deep types may stand within each other. What reads the whole schema follows no deeper.
const DEEPEST: usize = 100;

/// The JSON of a schema with all the types that it refers to, each where it is used first.
///
/// # Errors
/// The registry has a reference not, or it is no JSON; a name is defined in two ways, or definitions stand too deep
/// within each other.
pub(crate) fn whole(
    registry: &dyn Registry,
    what: &str,
    text: SchemaText,
) -> Result<String, RegistryError> {
    if text.references.is_empty() {
        return Ok(text.schema);
    }
    let wrong = |why: String| RegistryError::Schema {
        address: registry.address().to_owned(),
        what: what.to_owned(),
        why,
    };
    let mut definitions = BTreeMap::new();
    let (mut left, mut seen) = (text.references, BTreeSet::<Reference>::new());
    while let Some(reference) = left.pop() {
        if !seen.insert(reference.clone()) {
            continue;
        }
        if seen.len() > MOST {
            return Err(wrong(format!("it refers to more than {MOST} others")));
        }
        let found = registry.version(&reference.subject, reference.version)?;
        let definition = json(&found.text.schema).map_err(&wrong)?;
        define(&mut definitions, reference.name, definition).map_err(&wrong)?;
        left.extend(found.text.references);
    }
    let mut schema = json(&text.schema).map_err(&wrong)?;
    let mut used = Used {
        definitions: &definitions,
        defined: BTreeSet::new(),
        depth: 0,
    };
    used.fill(&mut schema, "").map_err(wrong)?;
    Ok(schema.to_string())
}

/// One name means one type: two versions of a subject may meet where one reference is reached by two ways.
fn define(
    definitions: &mut BTreeMap<String, Value>,
    name: String,
    definition: Value,
) -> Result<(), String> {
    if definitions.get(&name).is_some_and(|it| *it != definition) {
        return Err(format!(
            "it refers to two different definitions of `{name}`; have all references name one version of it"
        ));
    }
    definitions.insert(name, definition);
    Ok(())
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Puts definitions in place of names.
struct Used<'d> {
    definitions: &'d BTreeMap<String, Value>,
    /// What stands before, and is a name from here on.
    defined: BTreeSet<String>,
    depth: usize,
}

impl Used<'_> {
    fn fill(&mut self, schema: &mut Value, space: &str) -> Result<(), String> {
        if self.depth == DEEPEST {
            return Err(format!(
                "its types stand more than {DEEPEST} deep within each other"
            ));
        }
        self.depth += 1;
        match schema {
            Value::String(name) => {
                if let Some((full, mut definition)) = self.definition(name, space) {
                    // It is put once, also where it defines another name than it is referred to by.
                    self.defined.insert(full.clone());
                    keep_namespace(&mut definition, &full);
                    self.fill(&mut definition, "")?;
                    *schema = definition;
                }
            }
            Value::Array(branches) => branches
                .iter_mut()
                .try_for_each(|it| self.fill(it, space))?,
            Value::Object(object) => self.fill_object(object, space)?,
            _ => {}
        }
        self.depth -= 1;
        Ok(())
    }

    fn fill_object(&mut self, object: &mut Map<String, Value>, space: &str) -> Result<(), String> {
        let space = match full_name(object, space) {
            Some(full) => {
                let space = full
                    .rsplit_once('.')
                    .map_or("", |(space, _)| space)
                    .to_owned();
                self.defined.insert(full);
                space
            }
            None => space.to_owned(),
        };
        for key in ["type", "items", "values"] {
            if let Some(inner) = object.get_mut(key) {
                self.fill(inner, &space)?;
            }
        }
        let fields = object.get_mut("fields").and_then(Value::as_array_mut);
        for field in fields.into_iter().flatten() {
            if let Some(ty) = field.get_mut("type") {
                self.fill(ty, &space)?;
            }
        }
        Ok(())
    }

    /// What a name stands for that is not defined yet, under its full name.
    fn definition(&self, name: &str, space: &str) -> Option<(String, Value)> {
        let within = format!("{space}.{name}");
        let full = [&*within, name]
            .into_iter()
            .find(|it| self.definitions.contains_key(*it) || self.defined.contains(*it))?;
        let definition = self.definitions.get(full)?;
        (!self.defined.contains(full)).then(|| (full.to_owned(), definition.clone()))
    }
}

/// The full name of a record, enum or fixed.
fn full_name(object: &Map<String, Value>, space: &str) -> Option<String> {
    let kind = object.get("type")?.as_str()?;
    if !["record", "error", "enum", "fixed"].contains(&kind) {
        return None;
    }
    let name = object.get("name")?.as_str()?;
    let space = object
        .get("namespace")
        .and_then(Value::as_str)
        .unwrap_or(space);
    Some(match space.is_empty() || name.contains('.') {
        true => name.to_owned(),
        false => format!("{space}.{name}"),
    })
}

/// A definition without a namespace has none, wherever it is put.
fn keep_namespace(definition: &mut Value, full: &str) {
    if let Value::Object(object) = definition
        && !full.contains('.')
    {
        object.entry("namespace").or_insert_with(|| "".into());
    }
}

#[cfg(test)]
mod tests {
    use factum_schema::Schema;
    use serde_json::json;

    use super::*;

    fn filled(definitions: &[(&str, Value)], schema: Value) -> Value {
        try_filled(definitions, schema).unwrap()
    }

    fn try_filled(definitions: &[(&str, Value)], mut schema: Value) -> Result<Value, String> {
        let definitions = definitions
            .iter()
            .map(|(name, it)| ((*name).to_owned(), it.clone()))
            .collect();
        let mut used = Used {
            definitions: &definitions,
            defined: BTreeSet::new(),
            depth: 0,
        };
        used.fill(&mut schema, "").map(|()| schema)
    }

    #[test]
    fn one_name_has_one_definition() {
        let (mut definitions, one) = (
            BTreeMap::new(),
            json!({"type": "fixed", "name": "F", "size": 1}),
        );
        define(&mut definitions, "F".into(), one.clone()).unwrap();
        define(&mut definitions, "F".into(), one).unwrap();
        let other = json!({"type": "fixed", "name": "F", "size": 2});
        let error = define(&mut definitions, "F".into(), other).unwrap_err();
        assert!(error.contains("definitions of `F`"), "{error}");
    }

    #[test]
    fn what_is_too_deep_or_without_end_is_refused() {
        let names: Vec<_> = (0..=MOST).map(|n| format!("t.N{n}")).collect();
        let record = |pair: &[String]| json!({"type": "record", "name": pair[0], "fields": [{"name": "next", "type": pair[1]}]});
        let chain: Vec<_> = names.windows(2).map(|it| (&*it[0], record(it))).collect();
        let error = try_filled(&chain, json!("t.N0")).unwrap_err();
        assert!(error.contains("100 deep"), "{error}");
        assert!(try_filled(&chain[980..], json!("t.N980")).is_ok());
        // It defines nothing of its name.
        let twice = json!(["t.Twice", "t.Twice"]);
        let expected = json!(["t.Twice", "t.Twice"]);
        assert_eq!(filled(&[("t.Twice", twice)], json!("t.Twice")), expected);
    }

    #[test]
    fn each_type_is_defined_where_it_is_used_first() {
        let money = json!({"type": "record", "name": "Money", "namespace": "shop", "fields": [
            {"name": "cents", "type": "long"}, {"name": "unit", "type": "Unit"}]});
        let unit = json!({"type": "enum", "name": "shop.Unit", "symbols": ["EUR"]});
        let bare = json!({"type": "fixed", "name": "Bare", "size": 2});
        let definitions = [("shop.Money", money), ("shop.Unit", unit), ("Bare", bare)];
        let schema = json!({"type": "record", "name": "Sold", "namespace": "shop", "fields": [
            {"name": "a", "type": ["null", "Money"]},
            {"name": "b", "type": {"type": "array", "items": "shop.Money"}},
            {"name": "c", "type": {"type": "map", "values": "Unit"}},
            {"name": "d", "type": "Bare"},
            {"name": "long", "type": "long"}]});
        let expected = json!({"type": "record", "name": "Sold", "namespace": "shop", "fields": [
            {"name": "a", "type": ["null", {"type": "record", "name": "Money", "namespace": "shop", "fields": [
                {"name": "cents", "type": "long"},
                {"name": "unit", "type": {"type": "enum", "name": "shop.Unit", "symbols": ["EUR"]}}]}]},
            {"name": "b", "type": {"type": "array", "items": "shop.Money"}},
            {"name": "c", "type": {"type": "map", "values": "Unit"}},
            {"name": "d", "type": {"type": "fixed", "name": "Bare", "namespace": "", "size": 2}},
            {"name": "long", "type": "long"}]});
        let whole = filled(&definitions, schema);
        assert_eq!(whole, expected);
        Schema::parse(&whole.to_string()).unwrap();
    }

    #[test]
    fn a_type_that_refers_to_itself_ends() {
        let node = json!({"type": "record", "name": "t.Node", "fields": [
            {"name": "next", "type": ["null", "Node"]}]});
        let schema = json!({"type": "array", "items": "t.Node"});
        let expected = json!({"type": "array", "items": {"type": "record", "name": "t.Node", "fields": [
            {"name": "next", "type": ["null", "Node"]}]}});
        assert_eq!(filled(&[("t.Node", node)], schema), expected);
    }
}
