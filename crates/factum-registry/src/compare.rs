//! What a registry has of an event, held against the event's own versions. Nothing is registered.

use std::collections::BTreeSet;

use factum_schema::{Mode, Schema, Violation, check};

use crate::deploy::released;
use crate::meaning::{self, parse};
use crate::registry::{Acceptance, Compatibility, Registry, SchemaText};
use crate::{RegistryError, references};

/// A version of an event, as its tree has it.
#[derive(Clone, Copy, Debug)]
pub struct TreeVersion<'a> {
    /// The version, from 1 on.
    pub version: u32,
    /// The schema's JSON, whole.
    pub json: &'a str,
}

/// One thing in which a registry and an event's versions are not alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The registry does not have a version yet. Deploying registers it.
    Missing {
        /// The version.
        version: u32,
    },
    /// The registry has another schema as this version, or under the id with which it answers for it.
    Other {
        /// The version.
        version: u32,
        /// The id in the registry.
        id: u32,
        /// In what it is another.
        why: String,
    },
    /// The registry has a version that the event does not have.
    Extra {
        /// The version's number in the registry.
        registered: u32,
        /// Its id.
        id: u32,
    },
    /// The registry has a version that is no schema to Factum: no Avro, or none that can be read.
    Unreadable {
        /// The version's number in the registry.
        registered: u32,
        /// Its id.
        id: u32,
        /// Why it is none.
        why: String,
    },
    /// A version that is missing breaks what the subject's compatibility level asks for.
    Breach(Box<Breach>),
    /// The registry would not take a version, for a reason that Avro's rules do not know.
    Refused {
        /// The version.
        version: u32,
        /// The level of the subject.
        level: Compatibility,
        /// The registry's words.
        words: Vec<String>,
    },
}

/// How a version breaks its subject's compatibility level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The version.
    pub version: u32,
    /// The level of the subject.
    pub level: Compatibility,
    /// The older version that it does not go with.
    pub older: u32,
    /// That one's id in the registry; `None`: it is missing there, too, and would be registered before.
    pub id: Option<u32>,
    /// What is wrong.
    pub violation: Violation,
}

/// Holds the versions of one event, oldest first, against what the registry has under their subject. Versions whose JSON
/// is no schema are passed over; what the registry has under the ids in `foreign` is another writer's, and no difference.
///
/// # Errors
/// The registry does not answer, or refuses; or what it answers with for a version cannot be read.
pub fn compare(
    registry: &dyn Registry,
    subject: &str,
    versions: &[TreeVersion<'_>],
    foreign: &BTreeSet<u32>,
) -> Result<Vec<Difference>, RegistryError> {
    let registered = registered(registry, subject, foreign)?;
    let comparison = Comparison {
        registry,
        subject,
        differences: registered
            .iter()
            .filter_map(Registered::unreadable)
            .collect(),
        registered,
    };
    comparison.run(versions)
}

/// What a registry has as a version of the subject.
struct Registered {
    number: u32,
    id: u32,
    /// `Err`: why it is none that can be read.
    schema: Result<Schema, String>,
    /// Whether it is one of the event's versions, another writer's, or told of.
    known: bool,
}

impl Registered {
    fn unreadable(&self) -> Option<Difference> {
        let why = self.schema.as_ref().err().filter(|_| !self.known)?;
        Some(Difference::Unreadable {
            registered: self.number,
            id: self.id,
            why: why.clone(),
        })
    }
}

/// A version of the event that the registry does not know by its text.
struct Unknown {
    version: u32,
    text: SchemaText,
    schema: Schema,
}

struct Comparison<'c> {
    registry: &'c dyn Registry,
    subject: &'c str,
    registered: Vec<Registered>,
    differences: Vec<Difference>,
}

impl Comparison<'_> {
    fn run(mut self, versions: &[TreeVersion<'_>]) -> Result<Vec<Difference>, RegistryError> {
        let mut unknown = Vec::new();
        for version in versions {
            unknown.extend(self.look_up(version)?);
        }
        unknown.iter().for_each(|it| self.pass_alike(it));
        unknown.retain(|it| !self.is_other(it));
        self.told_of_extra();
        let missing = unknown.iter().map(|it| Difference::Missing {
            version: it.version,
        });
        self.differences.extend(missing);
        if !unknown.is_empty() && !self.registered.is_empty() {
            self.hold_to_level(&unknown)?;
        }
        Ok(self.differences)
    }

    /// Asks for a version as deploying does: what the registry answers with must be that version. One that it does not
    /// know is handed back.
    fn look_up(&mut self, own: &TreeVersion<'_>) -> Result<Option<Unknown>, RegistryError> {
        let Ok(schema) = parse(own.json) else {
            self.know(own.version); // nobody can tell what it was to be
            return Ok(None);
        };
        let text = released(own.json);
        let found = match self.registry.look_up(self.subject, &text) {
            Ok(found) => found,
            Err(error) if error.is_not_found() => {
                let version = own.version;
                return Ok(Some(Unknown {
                    version,
                    text,
                    schema,
                }));
            }
            Err(error) => return Err(error),
        };
        self.know(found.version);
        // Under its id consumers read it.
        for answer in [found.text, self.registry.schema(found.id)?] {
            let theirs = whole(self.registry, &id_of(found.id), answer)?;
            if let Err(why) = meaning::alike(&theirs, &schema) {
                self.differences.push(Difference::Other {
                    version: own.version,
                    id: found.id,
                    why,
                });
                break;
            }
        }
        Ok(None)
    }

    fn know(&mut self, number: u32) {
        let same = |it: &&mut Registered| it.number == number;
        self.registered
            .iter_mut()
            .filter(same)
            .for_each(|it| it.known = true);
    }

    /// Other tools register schemas with their docs, attributes and spelling: that is the same version, and deploying
    /// adds a text to it.
    fn pass_alike(&mut self, unknown: &Unknown) {
        let is_alike = |it: &&mut Registered| match &it.schema {
            Ok(schema) => meaning::alike(schema, &unknown.schema).is_ok(),
            Err(_) => false,
        };
        let alike = self.registered.iter_mut().filter(is_alike);
        alike.for_each(|it| it.known = true);
    }

    /// Whether the registry has another schema in its place.
    fn is_other(&mut self, unknown: &Unknown) -> bool {
        let mut left = self.registered.iter_mut().filter(|it| !it.known);
        let Some(other) = left.find(|it| it.number == unknown.version) else {
            return false;
        };
        let Ok(schema) = &other.schema else {
            return false; // told of as such
        };
        let Err(why) = meaning::alike(schema, &unknown.schema) else {
            return false;
        };
        other.known = true;
        self.differences.push(Difference::Other {
            version: unknown.version,
            id: other.id,
            why,
        });
        true
    }

    fn told_of_extra(&mut self) {
        let extra = self
            .registered
            .iter()
            .filter(|it| !it.known && it.schema.is_ok());
        self.differences.extend(extra.map(|it| Difference::Extra {
            registered: it.number,
            id: it.id,
        }));
    }

    /// Holds what is missing against the subject's level, in the order in which it would be registered.
    fn hold_to_level(&mut self, missing: &[Unknown]) -> Result<(), RegistryError> {
        let level = self.registry.compatibility(self.subject)?;
        let mode = Mode::from(level);
        for (place, unknown) in missing.iter().enumerate() {
            let breaches = self.breaches(level, &missing[..place], unknown);
            // Under another level a later version is held against the one before it, which is not there yet.
            let is_asked = place == 0 || mode.is_transitive();
            if breaches.is_empty()
                && is_asked
                && let Acceptance::Refused(words) =
                    self.registry.test(self.subject, &unknown.text)?
            {
                self.differences.push(Difference::Refused {
                    version: unknown.version,
                    level,
                    words,
                });
            }
            self.differences.extend(breaches);
        }
        Ok(())
    }

    /// What Avro's rules find, to which a registry holds new versions. What Factum asks beyond them is the build's to say.
    fn breaches(
        &self,
        level: Compatibility,
        before: &[Unknown],
        unknown: &Unknown,
    ) -> Vec<Difference> {
        let there = self.registered.iter();
        let there = there.map(|it| (it.number, Some(it.id), it.schema.as_ref().ok()));
        let coming = before.iter().map(|it| (it.version, None, Some(&it.schema)));
        let history: Vec<_> = there.chain(coming).collect();
        // What cannot be read is in its place all the same: nothing else is the last one then.
        let held = match Mode::from(level).is_transitive() {
            true => &history[..],
            false => &history[history.len().saturating_sub(1)..],
        };
        let readable = |&(number, id, schema)| Some((number, id, schema?));
        let history: Vec<_> = held.iter().filter_map(readable).collect();
        let schemas: Vec<_> = history.iter().map(|(.., schema)| *schema).collect();
        let violations = check(level.into(), &schemas, &unknown.schema).into_iter();
        let told = violations.filter(|it| !it.incompatibility.rule.beyond_avro());
        told.map(|violation| {
            let (older, id, _) = history[violation.older];
            Difference::Breach(Box::new(Breach {
                version: unknown.version,
                level,
                older,
                id,
                violation,
            }))
        })
        .collect()
    }
}

/// Every version of the subject, ascending; none if there is no such subject.
fn registered(
    registry: &dyn Registry,
    subject: &str,
    foreign: &BTreeSet<u32>,
) -> Result<Vec<Registered>, RegistryError> {
    let numbers = match registry.versions(subject) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        numbers => numbers?,
    };
    let mut registered = Vec::new();
    for number in numbers {
        let (id, schema) = match registry.version(subject, number) {
            Ok(found) => (found.id, whole(registry, &id_of(found.id), found.text)),
            Err(error) => match error {
                RegistryError::NotAvro { id, .. } => (id, Err(error)),
                error => return Err(error),
            },
        };
        registered.push(Registered {
            number,
            id,
            schema: readable(schema)?,
            known: foreign.contains(&id),
        });
    }
    Ok(registered)
}

/// A schema, or why it is none; an error if the registry did not answer.
fn readable(
    schema: Result<Schema, RegistryError>,
) -> Result<Result<Schema, String>, RegistryError> {
    match schema {
        Ok(schema) => Ok(Ok(schema)),
        Err(RegistryError::NotAvro { kind, .. }) => {
            Ok(Err(format!("its type is {kind}: Factum reads Avro")))
        }
        Err(RegistryError::Schema { why, .. }) => Ok(Err(why)),
        Err(error) if error.is_not_found() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// A schema with all that it refers to.
fn whole(registry: &dyn Registry, what: &str, text: SchemaText) -> Result<Schema, RegistryError> {
    let json = references::whole(registry, what, text)?;
    parse(&json).map_err(|why| RegistryError::Schema {
        address: registry.address().to_owned(),
        what: what.to_owned(),
        why,
    })
}

fn id_of(id: u32) -> String {
    format!("the schema with the id {id}")
}
