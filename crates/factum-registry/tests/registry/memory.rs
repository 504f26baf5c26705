//! A registry in memory, which compares texts as a real one does, and lies where a test says so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use factum_registry::{
    Acceptance, Compatibility, Refusal, Registry, RegistryError, SchemaText, SubjectVersion,
};

/// A subject, and a schema under it. Its id is its place behind the first.
type Entry = (String, SchemaText);

#[derive(Clone)]
pub struct Memory {
    first: u32,
    entries: Arc<Mutex<Vec<Entry>>>,
    /// What it answers with in place of what was registered.
    lie: Option<SchemaText>,
    /// What it answers with for every id.
    lie_by_id: Option<SchemaText>,
    level: Compatibility,
    /// What it says to every test.
    word: Acceptance,
    /// The id of a schema that is no Avro.
    protobuf: Option<u32>,
    /// How many subjects it lists.
    limit: usize,
}

impl Memory {
    /// Ids from `first` on: a program can use one registry only.
    pub fn from(first: u32) -> Self {
        Self {
            first,
            entries: Arc::default(),
            lie: None,
            lie_by_id: None,
            level: Compatibility::None,
            word: Acceptance::Untold,
            protobuf: None,
            limit: usize::MAX,
        }
    }

    /// The same registry, which has the schema of this id as Protobuf.
    pub fn protobuf(&self, id: u32) -> Self {
        Self {
            protobuf: Some(id),
            ..self.clone()
        }
    }

    /// The same registry, which lists no more subjects than that.
    pub fn listing(&self, limit: usize) -> Self {
        Self {
            limit,
            ..self.clone()
        }
    }

    /// The same registry, which holds all subjects to this level, and says this to every test.
    pub fn holding(&self, level: Compatibility, word: Acceptance) -> Self {
        Self {
            level,
            word,
            ..self.clone()
        }
    }

    /// The same registry, which answers every question for a schema with this one.
    pub fn lying(&self, text: SchemaText) -> Self {
        Self {
            lie: Some(text),
            ..self.clone()
        }
    }

    /// The same registry, which has this one under every id.
    pub fn misleading(&self, text: SchemaText) -> Self {
        Self {
            lie_by_id: Some(text),
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
        let before = entries[..place].iter().filter(|it| it.0 == subject);
        Ok(SubjectVersion {
            id: self.first + place as u32,
            version: before.count() as u32 + 1,
            text: self.said(text.clone()),
        })
    }

    fn schema(&self, id: u32) -> Result<SchemaText, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let place = id
            .checked_sub(self.first)
            .and_then(|it| entries.get(it as usize));
        let by_id = |text: SchemaText| self.lie_by_id.clone().unwrap_or(text);
        place
            .map(|it| by_id(self.said(it.1.clone())))
            .ok_or_else(|| Self::missing("id"))
    }

    fn version(&self, subject: &str, version: u32) -> Result<SubjectVersion, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let mut own = (self.first..).zip(&*entries).filter(|it| it.1.0 == subject);
        let (id, entry) = own
            .nth(version as usize - 1)
            .ok_or_else(|| Self::missing(subject))?;
        if self.protobuf == Some(id) {
            return Err(RegistryError::NotAvro {
                address: "memory:".into(),
                what: subject.into(),
                kind: "PROTOBUF".into(),
                id,
            });
        }
        Ok(SubjectVersion {
            id,
            version,
            text: entry.1.clone(),
        })
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let entries = self.entries.lock().unwrap();
        match entries.iter().filter(|it| it.0 == subject).count() {
            0 => Err(Self::missing(subject)),
            count => Ok((1..=count as u32).collect()),
        }
    }

    /// As Apicurio 2: whatever the prefix, and no more than its limit.
    fn subjects(&self, _: &str) -> Result<Vec<String>, RegistryError> {
        let entries = self.entries.lock().unwrap();
        let names: BTreeSet<_> = entries.iter().map(|it| it.0.clone()).collect();
        Ok(names.into_iter().take(self.limit).collect())
    }

    fn test(&self, _: &str, _: &SchemaText) -> Result<Acceptance, RegistryError> {
        Ok(self.word.clone())
    }

    fn compatibility(&self, _: &str) -> Result<Compatibility, RegistryError> {
        Ok(self.level)
    }
}
