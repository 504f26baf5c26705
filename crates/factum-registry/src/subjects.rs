//! Under which subject a schema is registered.

use factum_schema::Schema;

use crate::RegistryError;

/// How subjects are named. A topic holds events of many types, so a subject named by the topic alone will not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// By the record's full name, `bank.loan.Submitted`: Confluent's `RecordNameStrategy`.
    #[default]
    Record,
    /// By topic and full name, `bank.loan.events-bank.loan.Submitted`: Confluent's `TopicRecordNameStrategy`.
    TopicRecord {
        /// The topic.
        topic: String,
    },
}

impl Subjects {
    /// The subject of a schema.
    ///
    /// # Errors
    /// [`RegistryError::Settings`]: the JSON is no schema of a named type.
    pub fn of(&self, json: &str) -> Result<String, RegistryError> {
        let wrong = |why: String| RegistryError::Settings {
            what: "schema",
            why,
        };
        let schema = Schema::parse(json).map_err(|error| wrong(error.to_string()))?;
        let record = match &schema.root().shape {
            factum_schema::Shape::Named(name) => name.as_str(),
            other => return Err(wrong(format!("it has no name: it is a {}", other.label()))),
        };
        Ok(self.named(record))
    }

    /// The subject of the record with that full name.
    pub fn named(&self, record: &str) -> String {
        match self {
            Self::Record => record.to_owned(),
            Self::TopicRecord { topic } => format!("{topic}-{record}"),
        }
    }
}
