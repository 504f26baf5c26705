//! Whom a registry's certificate must be signed by.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::RegistryError;

/// TLS that trusts the certificates in `authority`, or those that this machine trusts.
pub(crate) fn config(authority: Option<&Path>) -> Result<TlsConfig, RegistryError> {
    let certificates = match authority {
        Some(file) => named(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let roots: Vec<_> = certificates
        .iter()
        .map(|it| Certificate::from_der(it).to_owned())
        .collect();
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .build())
}

fn named(file: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let wrong = |why: &dyn std::fmt::Display| RegistryError::Settings {
        what: "authority",
        why: format!("{}: {why}", file.display()),
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
    let certificates: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    match certificates.is_empty() {
        true => Err(wrong(&"it holds no certificate")),
        false => Ok(certificates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path(), Path::new("/nowhere")] {
            let error = config(Some(path)).unwrap_err().to_string();
            assert!(
                error.contains("authority is of no use") && error.contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
}
