//! Which of the decoded events are shown.

use std::str::FromStr;

use factum::schema::{self, Body, FullName, Schema, Shape, Type, Value};

/// A field and the text that it must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    path: Vec<String>,
    value: String,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .ok_or("no `=` between the field and its value")?;
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err("a field's name is empty".to_owned());
        }
        Ok(Self {
            path: path.split('.').map(str::to_owned).collect(),
            value: value.to_owned(),
        })
    }
}

impl Field {
    /// The field's path, as it was asked for.
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }

    /// Whether data of the schema may have the field.
    pub(super) fn is_in(&self, schema: &Schema) -> bool {
        is_in(schema, schema.root(), &self.path)
    }

    /// The names of the fields that a schema's record has.
    pub(super) fn names(schema: &Schema) -> impl Iterator<Item = &str> {
        let record = match &schema.root().shape {
            Shape::Named(name) => fields(schema, name),
            _ => &[],
        };
        record.iter().map(|field| &*field.name)
    }

    /// Whether the data has the field, with this value. A list has it if one of its items does.
    pub(super) fn fits(&self, data: &Value<'_>) -> bool {
        self.fits_at(data, &self.path)
    }

    fn fits_at(&self, value: &Value<'_>, path: &[String]) -> bool {
        if let Value::Array(items) = value {
            return items.iter().any(|item| self.fits_at(item, path));
        }
        match path.split_first() {
            Some((name, rest)) => value.get(name).is_some_and(|it| self.fits_at(it, rest)),
            None => self.is_value(value),
        }
    }

    fn is_value(&self, value: &Value<'_>) -> bool {
        let Ok(json) = serde_json::to_string(value) else {
            return false;
        };
        match value {
            Value::Text(text) => **text == self.value,
            // What JSON has no number for, and bytes, are text in quotes.
            _ => json.trim_matches('"') == self.value,
        }
    }
}

fn is_in(schema: &Schema, ty: &Type, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return true;
    };
    match &ty.shape {
        Shape::Array(item) => is_in(schema, item, path),
        Shape::Map(value) => is_in(schema, value, rest), // any key
        Shape::Union(branches) => {
            let mut values = branches
                .iter()
                .filter(|it| !matches!(it.shape, Shape::Null));
            match (values.next(), values.next()) {
                (Some(value), None) => is_in(schema, value, path),
                // The branch's name may stand in between.
                _ => true,
            }
        }
        Shape::Named(record) => {
            let mut fields = fields(schema, record).iter();
            let field = fields.find(|field| field.name == *name);
            field.is_some_and(|field| is_in(schema, &field.ty, rest))
        }
        _ => false,
    }
}

/// The fields of a record; none of what is none.
fn fields<'s>(schema: &'s Schema, name: &FullName) -> &'s [schema::Field] {
    match schema.named(name).map(|it| &it.body) {
        Some(Body::Record(fields)) => fields,
        _ => &[],
    }
}

/// Whether `name` (`bank.loan.Submitted`) is one of the types asked for, by full or short name. None asked for are all.
pub(super) fn is_asked_for(types: &[String], name: &str) -> bool {
    let short = name.rsplit('.').next().unwrap_or(name);
    types.is_empty() || types.iter().any(|it| it == name || it == short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(field: &str) -> bool {
        let who = vec![("name", Value::Text("Anna=1".into())), ("old", Value::Null)];
        let tags = ["a", "b"].map(|tag| Value::Text(tag.into()));
        let data = Value::Object(vec![
            ("amount", Value::Long(20)),
            ("who", Value::Object(who)),
            ("tags", Value::Array(tags.into())),
            ("on", Value::Boolean(true)),
            ("raw", Value::Bytes(b"\x00")),
        ]);
        field.parse::<Field>().unwrap().fits(&data)
    }

    #[test]
    fn fields_are_compared_as_they_are_shown() {
        for field in [
            "amount=20",
            "who.name=Anna=1",
            "who.old=null",
            "tags=b",
            "on=true",
        ] {
            assert!(fits(field), "{field}");
        }
        for field in [
            "amount=2",
            "who.name=Anna",
            "tags=c",
            "who=Anna",
            "no=null",
            "on=yes",
        ] {
            assert!(!fits(field), "{field}");
        }
        for wrong in ["amount", "=1", "a..b=1"] {
            assert!(wrong.parse::<Field>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn types_go_by_short_or_full_name() {
        let types = ["Submitted".to_owned(), "bank.loan.Declined".to_owned()];
        assert!(is_asked_for(&types, "bank.loan.Submitted"));
        assert!(is_asked_for(&types, "bank.loan.Declined"));
        assert!(!is_asked_for(&types, "bank.loan.Sub"));
        assert!(!is_asked_for(&types, "other.loan.Submitted2"));
        assert!(is_asked_for(&[], "x"));
    }
}
