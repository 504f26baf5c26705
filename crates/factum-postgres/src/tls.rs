//! What is asked of an encrypted connection, in libpq's terms, and the connector that asks it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::AddressError;
use crate::error::FileError;
use crate::parameters::Parameters;
use crate::verifier::{Trust, Verifier};

/// How a connection is to be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub mode: Mode,
    /// Who vouches for the server: a file of certificates, or all whom this machine trusts.
    pub roots: Option<PathBuf>,
    /// The client's certificate, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// What is made sure of, each mode more than the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Tls {
    /// Takes the parameters that are about it. `home` is the folder where libpq looks for files that
    /// are not named.
    pub(crate) fn take(
        parameters: &mut Parameters,
        home: Option<&Path>,
    ) -> Result<Self, AddressError> {
        let in_home = |name: &str| Some(home?.join(name)).filter(|file| file.exists());
        let mut given = |name: &str| parameters.remove(name);
        let mode = given("sslmode");
        let (roots, system) = match given("sslrootcert") {
            Some(named) if named == "system" => (None, true),
            Some(file) => (Some(PathBuf::from(file)), false),
            None => (in_home("root.crt"), false),
        };
        let (cert, key) = (given("sslcert"), given("sslkey"));
        if key.is_some() && cert.is_none() {
            return Err(AddressError::value("sslkey", "given together with sslcert"));
        }
        let cert = cert
            .map(PathBuf::from)
            .or_else(|| in_home("postgresql.crt"));
        let key = key.map(PathBuf::from).or_else(|| in_home("postgresql.key"));
        Ok(Self {
            mode: Mode::read(mode.as_deref(), roots.is_some(), system)?,
            own: match (cert, key) {
                (Some(_), None) => {
                    return Err(AddressError::value("sslcert", "given together with sslkey"));
                }
                (cert, key) => cert.zip(key),
            },
            roots,
        })
    }

    /// What the driver is to ask of the server.
    pub(crate) fn asked(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        }
    }

    /// The connector, with the certificates that are in their files now.
    ///
    /// # Errors
    /// A file that can't be read, or does not hold what it should.
    pub(crate) fn connector(&self, direct: bool) -> Result<MakeRustlsConnect, FileError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = match self.mode {
            Mode::Disable | Mode::Prefer | Mode::Require => Trust::Anyone,
            mode => Trust::signed_by(self.roots()?, mode == Mode::VerifyFull),
        };
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(Verifier::new(trust, &provider));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks both versions of TLS")
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.own.as_ref().filter(|_| self.mode != Mode::Disable) {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let made = config.with_client_auth_cert(certificates(cert)?, private_key(key)?);
                made.map_err(|error| FileError::new("sslcert", cert, error))?
            }
        };
        if direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, FileError> {
        match &self.roots {
            Some(file) => named_roots(file),
            None => Ok(rustls_native_certs::load_native_certs().certs),
        }
    }
}

impl Mode {
    /// With certificates of those who vouch for servers at hand, `require` looks at them, too.
    fn read(text: Option<&str>, roots: bool, system: bool) -> Result<Self, AddressError> {
        let mode = match text {
            Some("disable") => Self::Disable,
            Some("prefer") => Self::Prefer,
            Some("require") if roots => Self::VerifyCa,
            Some("require") => Self::Require,
            Some("verify-ca") => Self::VerifyCa,
            Some("verify-full") => Self::VerifyFull,
            None if system => Self::VerifyFull,
            None => Self::Prefer,
            Some(_) => {
                let modes = "disable, prefer, require, verify-ca or verify-full";
                return Err(AddressError::value("sslmode", modes));
            }
        };
        if system && mode < Self::VerifyFull {
            let file = "a file, or with sslmode=verify-full `system`";
            return Err(AddressError::value("sslrootcert", file));
        }
        Ok(mode)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read = |parameter| move |error| FileError::new(parameter, file, error);
    let certificates = CertificateDer::pem_file_iter(file).map_err(read("sslcert"))?;
    certificates
        .collect::<Result<_, _>>()
        .map_err(read("sslcert"))
}

fn named_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let roots = certificates(file).map_err(|error| error.of("sslrootcert"))?;
    let mut store = RootCertStore::empty();
    match store.add_parsable_certificates(roots.iter().cloned()) {
        (0, _) => Err(FileError::new(
            "sslrootcert",
            file,
            "it holds no certificate",
        )),
        _ => Ok(roots),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let key = PrivateKeyDer::from_pem_file(file);
    key.map_err(|error| FileError::new("sslkey", file, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(pairs: &[(&str, &str)], home: Option<&Path>) -> Tls {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Tls::take(&mut pairs.collect(), home).unwrap()
    }

    #[test]
    fn modes_are_libpqs() {
        let mode = |pairs: &[(&str, &str)]| tls(pairs, None).mode;
        assert_eq!(mode(&[]), Mode::Prefer);
        assert_eq!(mode(&[("sslmode", "require")]), Mode::Require);
        let with_roots = [("sslmode", "require"), ("sslrootcert", "x")];
        assert_eq!(mode(&with_roots), Mode::VerifyCa);
        assert_eq!(mode(&[("sslrootcert", "system")]), Mode::VerifyFull);
        assert_eq!(
            mode(&[("sslmode", "prefer"), ("sslrootcert", "x")]),
            Mode::Prefer
        );
    }

    #[test]
    fn files_that_are_not_named_are_looked_for_at_home() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            std::fs::write(home.path().join(name), "").unwrap();
            home.path().join(name)
        };
        let (root, own) = (
            file("root.crt"),
            (file("postgresql.crt"), file("postgresql.key")),
        );
        let found = tls(&[("sslmode", "require")], Some(home.path()));
        let expected = Tls {
            mode: Mode::VerifyCa,
            roots: Some(root),
            own: Some(own),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for parameters in [
            [("sslmode", "verify-ca"), ("sslrootcert", path)],
            [("sslmode", "verify-ca"), ("sslrootcert", "/nowhere")],
        ] {
            let error = tls(&parameters, None)
                .connector(false)
                .err()
                .unwrap()
                .to_string();
            assert!(
                error.contains(parameters[1].1) && error.contains("sslrootcert"),
                "{error}"
            );
        }
    }
}
