//! Whether a server is trusted: by anyone's word, by its certificate's signer, or by its name, too.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Which servers are trusted.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Any: the connection is encrypted, whoever is at its other end.
    Anyone,
    /// Those whose certificate is one of these, or signed by one.
    Signed {
        roots: Vec<CertificateDer<'static>>,
        /// Whether the certificate must name the server, too.
        by_name: bool,
    },
}

impl Trust {
    pub(crate) fn signed_by(roots: Vec<CertificateDer<'static>>, by_name: bool) -> Self {
        Self::Signed { roots, by_name }
    }
}

/// Looks at a server's certificate.
#[derive(Debug)]
pub(crate) struct Verifier {
    trust: Trust,
    /// Looks at chain and name; none where anyone is trusted, or nobody.
    inner: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(crate) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Self {
        let inner = match &trust {
            Trust::Anyone => None,
            Trust::Signed { roots, .. } => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(roots.iter().cloned());
                let store = Arc::new(store);
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(store, provider.clone()).build();
                verifier.ok()
            }
        };
        Self {
            trust,
            inner,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn trusts_anyone(&self) -> bool {
        matches!(self.trust, Trust::Anyone)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Signed { roots, by_name } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        // As with libpq, a server's own certificate may vouch for it.
        if roots.contains(certificate) {
            if *by_name {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let Some(inner) = &self.inner else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        // The name comes last: a certificate that only has the wrong one is well signed.
        match inner.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(error) if is_about_the_name(&error) && !by_name => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusts_anyone() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Old certificates, which can't be read here, are as good as any where none is looked at.
        if self.trusts_anyone() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate is in order but for the name in it.
pub(crate) fn is_about_the_name(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(
        error,
        Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })
    )
}
