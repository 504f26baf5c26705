//! What can be wrong with an address, and why no connection comes about.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use crate::verifier::is_about_the_name;

/// An address that can't be read. No value of it is repeated: one may be the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is neither a URL nor a list of parameters.
    #[error(
        "cannot read the Postgres address: expected postgres://user:password@host:port/database"
    )]
    Form,
    /// A parameter is not known.
    #[error(
        "cannot read the Postgres address: {what}; known are {}",
        crate::address::known()
    )]
    Unknown {
        /// What is not known.
        what: String,
    },
    /// A parameter, in the address or the environment, has a value that it can't have.
    #[error("cannot read the Postgres address: {name} must be {expected}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}

impl AddressError {
    pub(crate) fn unknown(name: &str) -> Self {
        let plain = |char: char| char.is_ascii_lowercase() || char == '_';
        let what = match name.chars().all(plain) {
            true => format!("its parameter {name} is not known"),
            false => "it has a parameter that is not known".into(),
        };
        Self::Unknown { what }
    }

    pub(crate) fn value(name: &'static str, expected: &'static str) -> Self {
        Self::Value { name, expected }
    }
}

/// A file for TLS that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {parameter}={file}")]
pub(crate) struct FileError {
    parameter: &'static str,
    file: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl FileError {
    pub(crate) fn new(
        parameter: &'static str,
        file: &Path,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            parameter,
            file: file.display().to_string(),
            source: source.into(),
        }
    }

    pub(crate) fn of(self, parameter: &'static str) -> Self {
        Self { parameter, ..self }
    }
}

/// Why no connection comes about: for one host with the cause as `source`; where all of several hosts
/// are out of reach, with each one's own cause in the message.
#[derive(Debug)]
pub struct ConnectError {
    /// Whom or what it was to be, at which hosts.
    pub(crate) place: String,
    pub(crate) failures: Vec<Failure>,
}

/// What one host had to say.
#[derive(Debug)]
pub(crate) struct Failure {
    pub place: String,
    pub reason: Reason,
}

#[derive(Debug)]
pub(crate) enum Reason {
    Silent(Duration),
    Lookup(std::io::Error),
    Files(FileError),
    Postgres(tokio_postgres::Error),
}

impl ConnectError {
    /// Whether the same may succeed later without anyone mending anything here: a server that is
    /// out of reach, starting, or read-only until it becomes the primary.
    pub fn is_passing(&self) -> bool {
        self.failures.iter().all(|it| it.reason.is_passing())
    }

    /// Whether every host answered, if only with a refusal: they are there, and at work.
    pub fn is_answer(&self) -> bool {
        let answered = |reason: &Reason| match reason {
            Reason::Postgres(error) => error.code().is_some(),
            _ => false,
        };
        self.failures.iter().all(|it| answered(&it.reason))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [failure] = &self.failures[..] {
            let Failure { place, reason } = failure;
            return write!(
                f,
                "cannot connect to Postgres at {place}: {}",
                reason.advice()
            );
        }
        write!(
            f,
            "cannot connect to Postgres at {}: no host will do",
            self.place
        )?;
        for Failure { place, reason } in &self.failures {
            write!(f, "; {place}: {}", reason.advice())?;
            let mut cause = reason.cause();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.failures[..] {
            [failure] => failure.reason.cause(),
            _ => None,
        }
    }
}

impl Reason {
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Lookup(_) => true,
            Self::Files(_) => false,
            Self::Postgres(error) => is_passing(error),
        }
    }

    fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Silent(_) => None,
            Self::Lookup(error) => Some(error),
            Self::Files(error) => Some(error),
            Self::Postgres(error) => Some(error),
        }
    }

    /// What is wrong, and what to do about it.
    fn advice(&self) -> String {
        match self {
            Self::Silent(patience) => format!(
                "no answer within {patience:?}: is the address right, and does the server run? \
                 connect_timeout sets the time"
            ),
            Self::Lookup(_) => "its name is not known: is it right?".into(),
            Self::Files(_) => "a file for TLS is of no use".into(),
            Self::Postgres(error) => of_postgres(error).into(),
        }
    }
}

fn of_postgres(error: &tokio_postgres::Error) -> &'static str {
    if let Some(code) = error.code() {
        return of_server(code);
    }
    let cause = error.source().map(ToString::to_string);
    match cause.as_deref() {
        Some("database does not allow writes") => {
            "the server is read-only, a standby or set to default_transaction_read_only: name the \
             primary, or all servers separated by commas"
        }
        Some("database is not read only") => {
            "the server takes writes, and target_session_attrs asks for one that does not"
        }
        Some("server does not support TLS") => {
            "the server does not speak TLS: turn `ssl` on there, or do without by sslmode=prefer"
        }
        Some("password missing") => {
            "the server asks for a password, and none is given: put it into the address, \
             PGPASSWORD or the passfile"
        }
        _ => match tls(error) {
            Some(error) => of_tls(error),
            None => "is the address right, and does the server run?",
        },
    }
}

/// What the server itself answered.
fn of_server(code: &SqlState) -> &'static str {
    match code.code() {
        "28P01" => {
            "the server refuses user or password: correct them in the address, PGPASSWORD or the \
             passfile"
        }
        "28000" => {
            "the server does not let this user in: is there such a role that may log in, and a \
             line for it in pg_hba.conf, which may ask for TLS or for a client certificate?"
        }
        "3D000" => "there is no such database: create it, or correct the address",
        "42501" => "the role may not connect to the database: GRANT CONNECT ON DATABASE to it",
        "53300" => "all connections are taken: raise max_connections, or end other sessions",
        "57P03" => "the server starts, stops or recovers, and takes no connections yet",
        _ => "the server refuses",
    }
}

/// What is wrong with TLS, where that is what failed.
fn tls(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let io = error.source()?.downcast_ref::<std::io::Error>()?;
    io.get_ref()?.downcast_ref()
}

fn of_tls(error: &rustls::Error) -> &'static str {
    use CertificateError::{Expired, ExpiredContext, UnknownIssuer};
    match error {
        error if is_about_the_name(error) => {
            "the server's certificate is for another name: use a name that it has as \
             subjectAltName, or give up on the name by sslmode=verify-ca"
        }
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "the server's certificate is not trusted: name the certificate of who signed it in \
             sslrootcert"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "the server's certificate is out of date: renew it"
        }
        rustls::Error::InvalidCertificate(_) => {
            "the server's certificate is of no use: it must be an X.509 certificate of version 3 \
             with a subjectAltName"
        }
        rustls::Error::AlertReceived(_) => {
            "the server ends the TLS handshake: does it ask for a client certificate (sslcert, \
             sslkey), or not trust this one?"
        }
        _ => "TLS fails",
    }
}

/// Whether a failure of Postgres passes: the connection, the server's state, or its resources.
pub fn is_passing(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        return is_passing_state(code.code());
    }
    error.is_closed() || error.source().is_some_and(is_broken_connection)
}

/// Whether what an SQLSTATE stands for passes.
fn is_passing_state(code: &str) -> bool {
    // Connection exception, insufficient resources, system error.
    const CLASSES: [&str; 3] = ["08", "53", "58"];
    // Shut down by an administrator, crashed, not started yet; a session ended for being idle, or
    // idle in a transaction; a server that became a standby. Of the same classes, a cancelled query or
    // a dropped database stay.
    const STATES: [&str; 6] = ["57P01", "57P02", "57P03", "57P05", "25P03", "25006"];
    CLASSES.iter().any(|class| code.starts_with(class)) || STATES.contains(&code)
}

/// Whether an I/O error is the connection's, not a value's that can't be encoded or decoded, or a
/// certificate's.
fn is_broken_connection(cause: &(dyn StdError + 'static)) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    cause
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| !matches!(error.kind(), InvalidData | InvalidInput))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_told() {
        for code in [
            "08006", "53300", "57P01", "57P02", "57P03", "57P05", "58030", "25P03", "25006",
        ] {
            assert!(is_passing_state(code), "{code}");
        }
        // A cancelled query, a dropped database, a failed transaction, a syntax error.
        for code in ["57014", "57P04", "25P02", "42601", "28P01", "3D000"] {
            assert!(!is_passing_state(code), "{code}");
        }
    }
}
