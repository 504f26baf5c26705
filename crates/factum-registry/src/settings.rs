//! Where a registry is, and how it is spoken to.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::{RegistryError, Retry};

/// Where a registry is, who asks, and how long it is waited for.
#[derive(Clone)]
pub struct Settings {
    pub(crate) url: Url,
    /// The user's name and password, if it wants one.
    pub user: Option<(String, String)>,
    /// A file of certificates of those who vouch for the registry (PEM); `None` trusts whom the machine trusts.
    pub authority: Option<PathBuf>,
    /// How long one answer may take; 10 s by default.
    pub timeout: Duration,
    /// How often it is asked again when it does not answer.
    pub retry: Retry,
    /// How many subjects the registry lists at most, if it has no further pages; 1000 by default, as Apicurio 2.
    pub subject_limit: usize,
}

impl Settings {
    /// Reads an address: `http[s]://[user:password@]host[:port][/path]`.
    ///
    /// # Errors
    /// It is no such address. The message does not repeat it: it may hold a password.
    pub fn parse(address: &str) -> Result<Self, RegistryError> {
        let wrong = |why: &str| RegistryError::Settings {
            what: "address",
            why: format!("{why}; expected is http[s]://[user:password@]host[:port][/path]"),
        };
        let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wrong("it begins with neither http:// nor https://"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a `?` or `#`"));
        }
        let user = user(&url).ok_or_else(|| wrong("its user's name or password is not UTF-8"))?;
        // Neither fails for an address with a host, which http has always.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self {
            url,
            user,
            authority: None,
            timeout: Duration::from_secs(10),
            retry: Retry::default(),
            subject_limit: 1000,
        })
    }

    /// The address without user and password.
    pub fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The URL of a resource; what stands in `path` is escaped.
    pub(crate) fn resource(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

/// The name and the password of an address, without their escapes.
fn user(url: &Url) -> Option<Option<(String, String)>> {
    if url.username().is_empty() {
        return Some(None);
    }
    let plain = |text: &str| unescape(text);
    let password = plain(url.password().unwrap_or_default())?;
    Some(Some((plain(url.username())?, password)))
}

/// Text whose `%XX` stand for bytes.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = (byte == b'%').then(|| tail.split_at_checked(2)).flatten();
        let escaped = escaped.and_then(|(hex, tail)| {
            let hex = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(hex, 16).ok()?, tail))
        });
        match escaped {
            Some((byte, tail)) => {
                bytes.push(byte);
                rest = tail;
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("address", &self.address())
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("authority", &self.authority)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_its_password_kept_apart() {
        let settings = Settings::parse("https://m%C3%BCller:p%40ss%25@host:8081/apis/v7/").unwrap();
        assert_eq!(settings.address(), "https://host:8081/apis/v7");
        assert_eq!(settings.user, Some(("müller".into(), "p@ss%".into())));
        assert!(!format!("{settings:?}").contains("p@ss"));
        assert_eq!(
            settings.resource(&["subjects", "a/b c"]).as_str(),
            "https://host:8081/apis/v7/subjects/a%2Fb%20c"
        );
        let bare = Settings::parse("http://host").unwrap();
        assert_eq!(bare.resource(&["config"]).as_str(), "http://host/config");
        assert_eq!(bare.user, None);
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for address in [
            "host:8081",
            "ftp://u:secret@h",
            "http://u:secret@h/?x=1",
            "",
        ] {
            let error = Settings::parse(address).unwrap_err().to_string();
            assert!(error.contains("expected is http[s]://"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
