//! A registry in memory, which compares texts as a real one does, and lies where a test says so.

use std::sync::{Arc, Mutex};

use factum_registry::{
    Compatibility, Refusal, Registry, RegistryError, SchemaText, SubjectVersion,
};

/// A subject, and a schema under it. Its id is its place behind the first.
type Entry = (String, SchemaText);

#[derive(Clone)]
pub struct Memory {
    first: u32,
    entries: Arc<Mutex<Vec<Entry>>>,
    /// What it answers with in place of what was registered.
    lie: Option<SchemaText>,
}

impl Memory {
    /// Ids from `first` on: a program can use one registry only.
    pub fn from(first: u32) -> Self {
        Self {
            first,
            entries: Arc::default(),
            lie: None,
        }
    }

    /// The same registry, which answers every question for a schema with this one.
    pub fn lying(&self, text: SchemaText) -> Self {
        Self {
            lie: Some(text),
            ..self.clone()
        }
    }

    fn said(&self, text: SchemaText) -> SchemaText {
        self.lie.clone().unwrap_or(text)
    }

    fn missing(what: &str) -> RegistryError {
        let refusal = Refusal {
            status: 404,
            code: 40403,
            message: String::new(),
        };
        RegistryError::NotFound {
            address: "memory:".into(),
            what: what.into(),
            refusal,
        }
    }
}

impl Registry for Memory {
    fn address(&self) -> &str {
        "memory:"
    }

    fn register(&self, subject: &str, schema: &SchemaText) -> Result<u32, RegistryError> {
        let mut entries = self.entries.lock().unwrap();
        entries.push((subject.to_owned(), schema.clone()));
        Ok(self.first + entries.len() as u32 - 1)
    }

    fn look_up(&self, subject: &str, text: &SchemaText) -> Result<SubjectVersion, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let same = |it: &Entry| it.0 == subject && it.1 == *text;
        let place = entries
            .iter()
            .position(same)
            .ok_or_else(|| Self::missing(subject))?;
        let id = self.first + place as u32;
        Ok(SubjectVersion {
            id,
            version: 1,
            text: self.said(text.clone()),
        })
    }

    fn schema(&self, id: u32) -> Result<SchemaText, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let place = id
            .checked_sub(self.first)
            .and_then(|it| entries.get(it as usize));
        place
            .map(|it| self.said(it.1.clone()))
            .ok_or_else(|| Self::missing("id"))
    }

    fn version(&self, subject: &str, version: u32) -> Result<SubjectVersion, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let mut own = (self.first..).zip(&*entries).filter(|it| it.1.0 == subject);
        let (id, entry) = own
            .nth(version as usize - 1)
            .ok_or_else(|| Self::missing(subject))?;
        Ok(SubjectVersion {
            id,
            version,
            text: entry.1.clone(),
        })
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let entries = self.entries.lock().unwrap();
        Ok((1..)
            .zip(entries.iter().filter(|it| it.0 == subject))
            .map(|it| it.0)
            .collect())
    }

    fn compatibility(&self, _: &str) -> Result<Compatibility, RegistryError> {
        Ok(Compatibility::None)
    }
}
