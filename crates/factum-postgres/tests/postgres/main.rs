//! Addresses on real servers of the tests' own.

mod hosts;
mod server;
mod tls;

use factum_postgres::Address;
use tokio_postgres::Client;

/// The error and its causes in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    words
}

async fn connected(address: &str) -> Client {
    let address = Address::parse(address).unwrap();
    let (client, connection) = address.connect().await.unwrap_or_else(|error| {
        panic!("{}", words(&error));
    });
    tokio::spawn(connection);
    client
}

/// Why nothing comes of an address, and whether that may pass.
async fn refused(address: &str) -> (String, bool) {
    let refused = Address::parse(address)
        .unwrap()
        .for_writing()
        .connect()
        .await;
    let Err(error) = refused else {
        panic!("{address} is not refused");
    };
    (words(&error), error.is_passing())
}

async fn assert_refused(address: &str, passing: bool, parts: &[&str]) {
    let (error, passes) = refused(address).await;
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
    assert_eq!(passes, passing, "{error}");
}
