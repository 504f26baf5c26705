//! Which of several hosts is taken, and what is said where none will do.

use std::net::TcpListener;

use factum_postgres::Address;

use crate::server::Server;
use crate::{assert_refused, connected};

async fn port(address: &str) -> String {
    let client = connected(address).await;
    let row = client.query_one("SHOW port", &[]).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn the_first_host_that_takes_writes_is_taken() {
    let (standby, primary) = tokio::join!(Server::start(), Server::start());
    standby
        .run("ALTER ROLE factum SET default_transaction_read_only = on")
        .await;
    // One that hangs accepts, and never answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = hanging.local_addr().unwrap().to_string();
    let [first, second] = [&standby, &primary].map(|it| format!("127.0.0.1:{}", it.port()));
    let to = |hosts: &str, more: &str| {
        format!("postgres://factum:s3cret@{hosts}/postgres?connect_timeout=1&{more}")
    };

    let all = format!("127.0.0.1:1,{hanging},{first},{second}");
    let writing = to(&all, "target_session_attrs=read-write");
    assert_eq!(port(&writing).await, primary.port());
    let reading = to(&all, "target_session_attrs=read-only");
    assert_eq!(port(&reading).await, standby.port());
    assert_eq!(port(&to(&all, "")).await, standby.port());

    let none = to(&format!("127.0.0.1:1,{hanging},{first}"), "");
    let parts = [
        "no host will do",
        "127.0.0.1:1",
        "no answer within 1s",
        &first,
        "read-only",
    ];
    assert_refused(&none, true, &parts).await;
    let alone = to(&first, "");
    assert_refused(&alone, true, &["factum@127.0.0.1", "read-only", "primary"]).await;
    // What stays wrong is told at once, whoever else might answer.
    let wrong = format!("postgres://factum@{first},{second}/nowhere");
    assert_refused(&wrong, false, &[&first, "no such database"]).await;
}

#[tokio::test]
async fn passwords_come_from_address_and_passfile() {
    let server = Server::start().await;
    server
        .run("CREATE ROLE clerk LOGIN PASSWORD 's3cret'")
        .await;
    server
        .let_in("host all clerk 127.0.0.1/32 scram-sha-256")
        .await;
    connected(&server.at("clerk:s3cret", "127.0.0.1", "")).await;
    let line = format!("127.0.0.1:{}:postgres:clerk:s3cret", server.port());
    let file = server.file("passfile", &line);
    restrict(&file);
    connected(&server.at("clerk", "127.0.0.1", &format!("passfile={file}"))).await;

    let without = server.at("clerk", "127.0.0.1", "passfile=/nowhere");
    assert_refused(
        &without,
        false,
        &["clerk@127.0.0.1", "none is given", "PGPASSWORD"],
    )
    .await;
    let wrong = server.at("clerk:s3cretly", "127.0.0.1", "");
    assert_refused(
        &wrong,
        false,
        &["clerk@127.0.0.1", "refuses user or password"],
    )
    .await;
    let stranger = server.at("stranger", "127.0.0.1", "");
    assert_refused(&stranger, false, &["stranger@127.0.0.1", "pg_hba.conf"]).await;
}

#[cfg(unix)]
fn restrict(file: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn the_application_is_named() {
    let server = Server::start().await;
    let address = Address::parse(&server.at("factum", "127.0.0.1", "")).unwrap();
    let (client, connection) = address.application("factum.it").connect().await.unwrap();
    tokio::spawn(connection);
    let row = client
        .query_one("SHOW application_name", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "factum.it");
}
