//! Which of the decoded events are shown.

use std::str::FromStr;

use factum::schema::Value;

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
