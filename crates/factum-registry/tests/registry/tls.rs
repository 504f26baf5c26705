//! An encrypted registry whose certificate an authority of one's own has signed.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;

use factum_registry::{HttpRegistry, Registry, RegistryError};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::stub::Stub;

/// A registry over TLS, and the certificate of its authority.
fn encrypted() -> (Stub, String) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let wrap = move |stream: TcpStream| {
        StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)
    };
    let answer = |_: usize, _: &_| (200, r#"{"schema":"\"long\""}"#.to_owned());
    (Stub::over(wrap, "https", answer), cert.pem())
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named_and_nowhere_else() {
    let (stub, authority) = encrypted();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), authority).unwrap();
    let mut settings = stub.settings();
    settings.authority = Some(file.path().to_owned());
    HttpRegistry::connect(&settings).unwrap().schema(1).unwrap();

    let stranger = HttpRegistry::connect(&stub.settings()).unwrap();
    let error = stranger.schema(1).unwrap_err();
    assert!(
        matches!(error, RegistryError::Tls { .. }),
        "{}",
        factum_core::chain(&error)
    );
}
