//! A place of a test's own in the real Postgres.

use factum::uuid::Uuid;
use factum_testkit::servers;

/// A Postgres schema of a test's own, gone when the test ends.
pub struct Schema {
    /// Its name.
    pub name: String,
    server: String,
}

impl Schema {
    pub fn create() -> Self {
        let schema = Self {
            name: format!("loans_{}", Uuid::new_v4().simple()),
            server: servers::postgres(),
        };
        schema.execute(&format!("CREATE SCHEMA {}", schema.name));
        schema
    }

    /// The server's address, with this schema in use.
    pub fn address(&self) -> String {
        let mark = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{mark}options=-csearch_path%3D{}", self.server, self.name)
    }

    fn execute(&self, sql: &str) {
        let mut client = postgres::Client::connect(&self.server, postgres::NoTls).unwrap();
        client.batch_execute(sql).unwrap();
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.execute(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}
