//! What a registry answered, and what that means.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::RETRY_AFTER;

use crate::{Refusal, RegistryError};

/// The longest answer that is read: a schema is a fraction of it.
const MOST: u64 = 16 << 20;
/// How much of what is no answer is shown.
const SHOWN: usize = 120;

/// An answer, read to its end.
pub(crate) struct Answer {
    status: u16,
    body: String,
    /// The pause that the registry asks for.
    pub retry_after: Option<Duration>,
}

/// How a registry says no.
#[derive(Deserialize)]
struct Told {
    error_code: u32,
    message: Option<String>,
}

impl Answer {
    pub(crate) fn take(mut response: Response<Body>) -> Result<Self, ureq::Error> {
        let seconds = response.headers().get(RETRY_AFTER);
        let seconds = seconds.and_then(|it| it.to_str().ok()?.trim().parse().ok());
        Ok(Self {
            status: response.status().as_u16(),
            retry_after: seconds.map(Duration::from_secs),
            body: response
                .body_mut()
                .with_config()
                .limit(MOST)
                .lossy_utf8(true)
                .read_to_string()?,
        })
    }

    /// Whether the same question may be answered a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }

    /// The registry's words, or what came in place of them.
    pub(crate) fn refusal(&self) -> Refusal {
        let (code, message) = match self.told() {
            Some(told) => (told.error_code, told.message.unwrap_or_default()),
            None => (0, self.start()),
        };
        Refusal {
            status: self.status,
            code,
            message,
        }
    }

    /// The value that was asked for; or what the registry says in place of it.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        address: &str,
        what: &str,
    ) -> Result<T, RegistryError> {
        let (address, what, refusal) = (address.to_owned(), what.to_owned(), self.refusal());
        Err(match (self.status, refusal.code) {
            (200..=299, _) => {
                return serde_json::from_str(&self.body).map_err(|error| {
                    let why = format!("{error} in {}", self.start());
                    RegistryError::NoRegistry { address, why }
                });
            }
            (401 | 403, _) => RegistryError::Denied { address, refusal },
            // Only a registry's own code says that it knows the resource and lacks the thing.
            (404, 40_400..=40_499) => RegistryError::NotFound {
                address,
                what,
                refusal,
            },
            (404, _) => RegistryError::NoRegistry {
                address,
                why: refusal.to_string(),
            },
            (409, _) => RegistryError::Incompatible {
                address,
                what,
                refusal,
            },
            (422, _) => RegistryError::Invalid {
                address,
                what,
                refusal,
            },
            _ => RegistryError::Refused {
                address,
                what,
                refusal,
            },
        })
    }

    fn told(&self) -> Option<Told> {
        serde_json::from_str(&self.body).ok()
    }

    fn start(&self) -> String {
        let start: String = self.body.trim().chars().take(SHOWN).collect();
        match start.is_empty() {
            true => "an empty answer".to_owned(),
            false => format!("`{}`", start.escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<serde_json::Value, RegistryError> {
        let answer = Answer {
            status,
            body: body.to_owned(),
            retry_after: None,
        };
        answer.read("http://host", "schema with the id 7")
    }

    #[test]
    fn what_a_registry_says_is_told() {
        let told = r#"{"error_code":40403,"message":"Schema not found"}"#;
        let error = read(404, told).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(
            error.to_string(),
            "the schema registry at http://host has no schema with the id 7 (40403: Schema not found)"
        );
        let told = r#"{"error_code":409,"message":"reader type: STRING not compatible"}"#;
        let error = read(409, told).unwrap_err();
        assert!(matches!(error, RegistryError::Incompatible { .. }));
        assert!(error.to_string().contains("reader type: STRING"), "{error}");
        let error = read(422, r#"{"error_code":42201,"message":"no Avro"}"#).unwrap_err();
        assert!(matches!(error, RegistryError::Invalid { .. }), "{error}");
        let error = read(401, "").unwrap_err();
        assert!(error.to_string().contains("check the name"), "{error}");
        let error = read(405, "{}").unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
    }

    #[test]
    fn what_is_no_registry_is_told_from_one_without_the_schema() {
        for (status, body) in [
            (404, "<html>Not Found</html>"),
            (404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
            (200, "<html>Welcome</html>"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(matches!(error, RegistryError::NoRegistry { .. }), "{error}");
            assert!(error.to_string().contains("lack a path"), "{error}");
        }
    }
}
