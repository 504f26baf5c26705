//! An address taken apart: `postgres://user:password@host:port/database?name=value`, or
//! `name=value name='a value'`, into parameters by libpq's names.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::AddressError;

/// Values by name.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Takes an address apart.
///
/// # Errors
/// It has neither form.
pub(crate) fn read(address: &str) -> Result<Parameters, AddressError> {
    let schemes = ["postgres://", "postgresql://"];
    let rest = schemes.iter().find_map(|it| address.strip_prefix(it));
    match rest {
        Some(rest) => from_url(rest).ok_or(AddressError::Form),
        None => from_words(address).ok_or(AddressError::Form),
    }
}

/// What comes after the scheme.
fn from_url(rest: &str) -> Option<Parameters> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = before.split_once('/').unwrap_or((before, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (hosts, ports) = hosts_and_ports(hosts)?;
    let mut parameters = Parameters::new();
    let named = [
        ("user", user),
        ("password", password),
        ("dbname", database),
        ("host", &hosts),
        ("port", &ports),
    ];
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('='));
    for pair in named.into_iter().map(Some).chain(pairs) {
        let (name, value) = pair?;
        if !value.is_empty() {
            parameters.insert(decoded(name)?, decoded(value)?);
        }
    }
    Some(parameters)
}

/// The hosts, and their ports if any has one, each list with commas.
fn hosts_and_ports(text: &str) -> Option<(String, String)> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for one in text.split(',') {
        let (host, port) = match one.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']')?;
                let port = rest.strip_prefix(':');
                (host, port.or(rest.is_empty().then_some(""))?)
            }
            None => one.split_once(':').unwrap_or((one, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    let ported = ports.iter().any(|port| !port.is_empty());
    let ports = if ported {
        ports.join(",")
    } else {
        String::new()
    };
    Some((hosts.join(","), ports))
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn from_words(text: &str) -> Option<Parameters> {
    let mut parameters = Parameters::new();
    let mut rest = text.chars().peekable();
    loop {
        skip_space(&mut rest);
        if rest.peek().is_none() {
            return Some(parameters);
        }
        let mut name = String::new();
        while let Some(char) = rest.next_if(|char| *char != '=' && !char.is_whitespace()) {
            name.push(char);
        }
        skip_space(&mut rest);
        rest.next_if_eq(&'=')?;
        skip_space(&mut rest);
        parameters.insert(name, value(&mut rest)?);
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|char| char.is_whitespace()).is_some() {}
}

/// A value, in quotes or up to a space; a backslash takes what follows as it is.
fn value(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.next() {
            None => return (!quoted).then_some(value),
            Some('\'') if quoted => return Some(value),
            Some(char) if !quoted && char.is_whitespace() => return Some(value),
            Some('\\') => value.push(rest.next()?),
            Some(char) => value.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> String {
        let parameters = read(address).unwrap();
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(
            shown("postgres://bank:s%40fe@db:5433/loans?sslmode=verify-full&sslrootcert=/a/b%20c"),
            "dbname=loans host=db password=s@fe port=5433 sslmode=verify-full sslrootcert=/a/b c user=bank"
        );
        assert_eq!(
            shown("postgresql://a:1,b,[::1]:3/x?options=-c%20a%3Db"),
            "dbname=x host=a,b,::1 options=-c a=b port=1,,3"
        );
        assert_eq!(shown("postgres://%2Frun%2Fpg/x"), "dbname=x host=/run/pg");
        assert_eq!(shown("postgres://a,b"), "host=a,b");
        assert_eq!(shown("postgres://"), "");
    }

    #[test]
    fn words_are_taken_apart() {
        assert_eq!(
            shown(r"host=db port = 5 password='it\'s a' user=x\ y"),
            "host=db password=it's a port=5 user=x y"
        );
    }

    #[test]
    fn what_has_neither_form_is_refused() {
        for odd in [
            "postgres//bank:s3cret@db",
            "host",
            "a='b",
            "postgres://h?x",
            "postgres://%4",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
    }
}
