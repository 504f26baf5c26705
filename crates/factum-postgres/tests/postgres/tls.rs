//! What each TLS mode takes and refuses.

use crate::server::{Authority, Server, is_encrypted};
use crate::{assert_refused, connected};

#[tokio::test]
async fn a_server_without_tls() {
    let server = Server::start().await;
    for mode in ["", "sslmode=prefer", "sslmode=disable"] {
        let client = connected(&server.at("factum", "127.0.0.1", mode)).await;
        assert!(!is_encrypted(&client).await);
    }
    let asking = server.at("factum:s3cret", "127.0.0.1", "sslmode=require");
    assert_refused(
        &asking,
        false,
        &["factum@127.0.0.1", "does not speak TLS", "sslmode=prefer"],
    )
    .await;
}

#[tokio::test]
async fn a_server_with_tls() {
    let server = Server::start().await;
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    server
        .certify(&ours.sign("db", &["localhost"]), &ours)
        .await;
    server
        .let_in("hostssl all clerk 127.0.0.1/32 cert\nhostssl all clerk ::1/128 cert")
        .await;
    server.run("CREATE ROLE clerk LOGIN").await;
    let root = format!(
        "sslrootcert={}",
        server.file("root.crt", &ours.certificate.pem())
    );
    let wrong = format!(
        "sslrootcert={}",
        server.file("wrong.crt", &other.certificate.pem())
    );
    let at = |host, more: &str| server.at("factum:s3cret", host, more);

    for (host, more, encrypted) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", String::new(), true),
        ("127.0.0.1", format!("sslmode=prefer&{wrong}"), true),
        ("127.0.0.1", "sslmode=require".into(), true),
        ("127.0.0.1", format!("sslmode=require&{root}"), true),
        ("127.0.0.1", format!("sslmode=verify-ca&{root}"), true),
        (
            "localhost",
            format!("sslmode=verify-full&{root}&hostaddr=127.0.0.1"),
            true,
        ),
    ] {
        let client = connected(&at(host, &more)).await;
        assert_eq!(is_encrypted(&client).await, encrypted, "{host} {more}");
    }

    let name = at("127.0.0.1", &format!("sslmode=verify-full&{root}"));
    assert_refused(
        &name,
        false,
        &["for another name", "127.0.0.1", "sslmode=verify-ca"],
    )
    .await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let stranger = at("127.0.0.1", &format!("sslmode={mode}&{wrong}"));
        assert_refused(
            &stranger,
            false,
            &["not trusted", "sslrootcert", "127.0.0.1"],
        )
        .await;
    }
    let system = at("localhost", "sslrootcert=system&hostaddr=127.0.0.1");
    assert_refused(&system, false, &["not trusted"]).await;

    let key_pair = ours.sign("clerk", &[]);
    let own = |(cert, key): &(String, String)| {
        let (cert, key) = (server.file("own.crt", cert), server.file("own.key", key));
        server.at(
            "clerk",
            "127.0.0.1",
            &format!("sslcert={cert}&sslkey={key}"),
        )
    };
    let client = connected(&own(&key_pair)).await;
    assert!(is_encrypted(&client).await);
    let without = server.at("clerk", "127.0.0.1", "");
    assert_refused(&without, false, &["client certificate"]).await;
    assert_refused(
        &own(&other.sign("clerk", &[])),
        false,
        &["client certificate"],
    )
    .await;
}

#[tokio::test]
async fn a_servers_own_certificate_vouches_for_it() {
    let server = Server::start().await;
    let clients = Authority::new("clients");
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    server
        .certify(&(cert.pem(), signing_key.serialize_pem()), &clients)
        .await;
    let root = server.file("root.crt", &cert.pem());
    let with = |mode| format!("sslmode={mode}&sslrootcert={root}&hostaddr=127.0.0.1");
    connected(&server.at("factum", "localhost", &with("verify-full"))).await;
    connected(&server.at("factum", "elsewhere", &with("verify-ca"))).await;
    let elsewhere = server.at("factum", "elsewhere", &with("verify-full"));
    assert_refused(&elsewhere, false, &["for another name"]).await;
}
