//! A registry over HTTP.

use std::sync::Arc;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use url::{Url, form_urlencoded};

use crate::answer::Answer;
use crate::registry::{Acceptance, Compatibility, Reference, Registry, SchemaText, SubjectVersion};
use crate::{RegistryError, Settings, tls};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json;q=0.9";

/// A registry at an HTTP address. Connections are kept and used again.
pub struct HttpRegistry {
    settings: Settings,
    agent: Agent,
    authorization: Option<String>,
}

/// What is asked for.
struct Question<'q> {
    /// In words, for messages.
    what: String,
    path: &'q [&'q str],
    query: Option<&'q str>,
    body: Option<String>,
}

impl HttpRegistry {
    /// Gets ready to ask the registry. Nothing is asked yet.
    ///
    /// # Errors
    /// The file of certificates cannot be read.
    pub fn connect(settings: &Settings) -> Result<Self, RegistryError> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(settings.timeout));
        if settings.url.scheme() == "https" {
            config = config.tls_config(tls::config(settings.authority.as_deref())?);
        }
        let basic = |(name, password): &(String, String)| {
            let pair = BASE64_STANDARD.encode(format!("{name}:{password}"));
            format!("Basic {pair}")
        };
        Ok(Self {
            agent: config.build().into(),
            authorization: settings.user.as_ref().map(basic),
            settings: settings.clone(),
        })
    }

    /// Asks until there is an answer, or patience ends.
    fn ask<T: DeserializeOwned>(&self, question: &Question<'_>) -> Result<T, RegistryError> {
        let (mut url, mut attempt) = (self.settings.resource(question.path), 1);
        url.set_query(question.query);
        loop {
            let (cause, asked_for): (Box<dyn std::error::Error + Send + Sync>, _) =
                match self.ask_once(&url, question.body.as_deref()) {
                    Ok(answer) if !answer.may_pass() => {
                        return answer.read(self.address(), &question.what);
                    }
                    Ok(answer) => (answer.refusal().to_string().into(), answer.retry_after),
                    Err(error) if is_tls(&error) => return Err(self.tls(error)),
                    Err(error) => (error.into(), None),
                };
            let Some(pause) = self.settings.retry.pause(attempt, asked_for) else {
                return Err(RegistryError::Unreachable {
                    address: self.address().to_owned(),
                    attempts: attempt,
                    source: Arc::from(cause),
                });
            };
            tracing::debug!(address = self.address(), attempt, %cause, "the schema registry does not answer: asking again");
            thread::sleep(pause);
            attempt += 1;
        }
    }

    fn ask_once(&self, url: &Url, body: Option<&str>) -> Result<Answer, ureq::Error> {
        let authorization = self.authorization.iter();
        match body {
            None => {
                let request = self.agent.get(url.as_str()).header(ACCEPT, ACCEPTED);
                let request =
                    authorization.fold(request, |it, value| it.header(AUTHORIZATION, value));
                Answer::take(request.call()?)
            }
            Some(body) => {
                let request = self.agent.post(url.as_str()).header(ACCEPT, ACCEPTED);
                let request =
                    authorization.fold(request, |it, value| it.header(AUTHORIZATION, value));
                Answer::take(request.header(CONTENT_TYPE, MEDIA_TYPE).send(body)?)
            }
        }
    }

    fn tls(&self, error: ureq::Error) -> RegistryError {
        RegistryError::Tls {
            address: self.address().to_owned(),
            source: Arc::new(error),
        }
    }

    fn not_avro(&self, what: &str, kind: String, id: u32) -> RegistryError {
        RegistryError::NotAvro {
            address: self.address().to_owned(),
            what: what.to_owned(),
            kind,
            id,
        }
    }
}

impl std::fmt::Debug for HttpRegistry {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpRegistry").field(&self.settings).finish()
    }
}

/// Whether no further attempt will help: the certificate is not trusted.
fn is_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        // rustls tells a refused certificate in the middle of reading or writing.
        ureq::Error::Io(error) => error
            .get_ref()
            .is_some_and(|cause| cause.is::<rustls::Error>()),
        _ => false,
    }
}

#[derive(Deserialize)]
struct Id {
    id: u32,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "compatibilityLevel")]
    level: Compatibility,
}

#[derive(Deserialize)]
struct Tested {
    #[serde(rename = "is_compatible")]
    taken: bool,
    /// Confluent's words.
    messages: Option<Vec<String>>,
    /// Apicurio's.
    reason: Option<String>,
}

/// Whether the registry does not know what it was asked at all.
fn is_no_such_resource(error: &RegistryError) -> bool {
    match error {
        RegistryError::NoRegistry { .. } => true,
        RegistryError::Refused { refusal, .. } => refusal.status == 405,
        _ => false,
    }
}

/// A schema as a registry sends it; it leaves out the type of an Avro schema.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: Option<u32>,
    version: Option<u32>,
    schema: String,
    schema_type: Option<String>,
    references: Option<Vec<Reference>>,
}

impl Sent {
    /// The schema, if it is Avro; else its type.
    fn avro(self) -> Result<SchemaText, String> {
        match self.schema_type.filter(|kind| kind != "AVRO") {
            Some(kind) => Err(kind),
            None => Ok(SchemaText {
                schema: self.schema,
                references: self.references.unwrap_or_default(),
            }),
        }
    }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("texts and numbers become JSON")
}

impl Registry for HttpRegistry {
    fn address(&self) -> &str {
        self.settings.address()
    }

    fn register(&self, subject: &str, schema: &SchemaText) -> Result<u32, RegistryError> {
        let registered: Id = self.ask(&Question {
            what: format!("a new version of the subject {subject}"),
            path: &["subjects", subject, "versions"],
            query: None,
            body: Some(json(schema)),
        })?;
        Ok(registered.id)
    }

    fn look_up(&self, subject: &str, schema: &SchemaText) -> Result<SubjectVersion, RegistryError> {
        let what = format!("such a schema under the subject {subject}");
        let found: Sent = self.ask(&Question {
            what: what.clone(),
            path: &["subjects", subject],
            query: None,
            body: Some(json(schema)),
        })?;
        self.subject_version(found, &what)
    }

    fn schema(&self, id: u32) -> Result<SchemaText, RegistryError> {
        let what = format!("schema with the id {id}");
        let sent: Sent = self.ask(&Question {
            what: what.clone(),
            path: &["schemas", "ids", &id.to_string()],
            query: None,
            body: None,
        })?;
        sent.avro().map_err(|kind| self.not_avro(&what, kind, id))
    }

    fn version(&self, subject: &str, version: u32) -> Result<SubjectVersion, RegistryError> {
        let what = format!("version {version} of the subject {subject}");
        let sent: Sent = self.ask(&Question {
            what: what.clone(),
            path: &["subjects", subject, "versions", &version.to_string()],
            query: None,
            body: None,
        })?;
        self.subject_version(sent, &what)
    }

    fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        self.ask(&Question {
            what: format!("subject {subject}"),
            path: &["subjects", subject, "versions"],
            query: None,
            body: None,
        })
    }

    /// Registries cut the list without a word, Confluent's what begins with the prefix, Apicurio's all. What was deleted
    /// is asked for, too: Apicurio 2 counts it, and would list less than its limit. Whether there is more, a further page
    /// tells; a registry that has none answers with the first again.
    fn subjects(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let (mut all, mut last) = (Vec::new(), Vec::new());
        loop {
            let mut page = self.page(prefix, all.len())?;
            page.sort();
            if page.is_empty() {
                return Ok(all);
            }
            if page == last {
                return self.uncut(all);
            }
            all.extend_from_slice(&page);
            last = page;
        }
    }

    fn test(&self, subject: &str, schema: &SchemaText) -> Result<Acceptance, RegistryError> {
        // The first asks as registering does; the second is what registries have that lack the first.
        for path in [
            &["compatibility", "subjects", subject, "versions"][..],
            &["compatibility", "subjects", subject, "versions", "latest"],
        ] {
            let tested = self.ask(&Question {
                what: format!("a test of a new version of the subject {subject}"),
                path,
                query: Some("verbose=true"),
                body: Some(json(schema)),
            });
            match tested {
                Ok(Tested { taken: true, .. }) => return Ok(Acceptance::Taken),
                Ok(Tested {
                    messages, reason, ..
                }) => {
                    let words = messages.unwrap_or_default().into_iter().chain(reason);
                    return Ok(Acceptance::Refused(words.collect()));
                }
                Err(RegistryError::Invalid { refusal, .. }) => {
                    return Ok(Acceptance::Refused(vec![refusal.to_string()]));
                }
                Err(error) if is_no_such_resource(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Acceptance::Untold)
    }

    fn compatibility(&self, subject: &str) -> Result<Compatibility, RegistryError> {
        let config = |path: &[&str]| {
            self.ask(&Question {
                what: "a compatibility level".to_owned(),
                path,
                query: None,
                body: None,
            })
        };
        let own: Result<Config, _> = config(&["config", subject]);
        // A subject without a level of its own is held to the registry's.
        let level = match own {
            Err(error) if error.is_not_found() => config(&["config"]),
            own => own,
        };
        Ok(level?.level)
    }
}

impl HttpRegistry {
    /// The subjects behind the first `offset`, as many as the registry lists at once.
    fn page(&self, prefix: &str, offset: usize) -> Result<Vec<String>, RegistryError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("subjectPrefix", prefix);
        query.append_pair("deleted", "true");
        query.append_pair("offset", &offset.to_string());
        self.ask(&Question {
            what: "a list of subjects".to_owned(),
            path: &["subjects"],
            query: Some(&query.finish()),
            body: None,
        })
    }

    /// A list without further pages, unless it is as long as the registry's may be.
    fn uncut(&self, all: Vec<String>) -> Result<Vec<String>, RegistryError> {
        let (listed, limit) = (all.len(), self.settings.subject_limit);
        if listed < limit {
            return Ok(all);
        }
        Err(RegistryError::Cut {
            address: self.address().to_owned(),
            why: format!("it lists {listed}, and {limit} is taken for its limit"),
        })
    }

    fn subject_version(&self, sent: Sent, what: &str) -> Result<SubjectVersion, RegistryError> {
        let (Some(id), Some(version)) = (sent.id, sent.version) else {
            return Err(RegistryError::NoRegistry {
                address: self.address().to_owned(),
                why: format!("it told neither id nor version of {what}"),
            });
        };
        let text = sent.avro().map_err(|kind| self.not_avro(what, kind, id))?;
        Ok(SubjectVersion { id, version, text })
    }
}
