//! The demo's database in Postgres.

use anyhow::{Context, Result};
use postgres::{Client, NoTls};

/// The address of the database `name` on a server, made if it is not there.
///
/// # Errors
/// When the server is out of reach or does not obey.
pub(super) fn database(server: &str, name: &str) -> Result<String> {
    let connected = Client::connect(server, NoTls);
    let mut client = connected.context("cannot connect to Postgres")?;
    let query = "SELECT FROM pg_database WHERE datname = $1";
    if client.query(query, &[&name])?.is_empty() {
        let created = client.batch_execute(&format!("CREATE DATABASE {name}"));
        created.with_context(|| format!("cannot create the database {name} in Postgres"))?;
    }
    Ok(with_database(server, name))
}

/// Drops the database `name`, whoever uses it.
///
/// # Errors
/// When the server is out of reach or does not obey.
pub(super) fn drop_database(server: &str, name: &str) -> Result<()> {
    let connected = Client::connect(server, NoTls);
    let mut client = connected.context("cannot connect to Postgres")?;
    let dropped = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    dropped.with_context(|| format!("cannot drop the database {name} in Postgres"))
}

/// The address of another database on the same server.
fn with_database(server: &str, name: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return format!("{server} dbname={name}"); // key=value pairs: the last one counts
    };
    let (rest, parameters) = match rest.split_once('?') {
        Some((rest, parameters)) => (rest, format!("?{parameters}")),
        None => (rest, String::new()),
    };
    let host = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{host}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_changed_in_every_form_of_address() {
        for (server, expected) in [
            ("postgres://u:p@h:1/db", "postgres://u:p@h:1/demo"),
            ("postgres://u@h", "postgres://u@h/demo"),
            ("postgresql://u@h/db?a=b/c", "postgresql://u@h/demo?a=b/c"),
            ("host=h dbname=db", "host=h dbname=db dbname=demo"),
        ] {
            assert_eq!(with_database(server, "demo"), expected);
            let config: postgres::Config = expected.parse().unwrap_or_default();
            assert!(config.get_dbname() == Some("demo") || expected.contains("?a=b"));
        }
    }
}
