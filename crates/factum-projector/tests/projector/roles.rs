//! What a role must be granted, as docs/postgres.md tells it: enough, and nothing that is not needed.

use factum_projector::{FailurePolicy, Options, Projection, Projector, Summary};

use crate::append::journal;
use crate::bank::{
    BALANCE, Balance, Balances, Bank, Ledger, Posted, connect, expected, posted, within,
};
use crate::rebuild::Newer;
use factum_testkit::servers;

/// A database where nobody may do anything that was not granted.
struct Closed {
    bank: Bank,
    /// What makes its names unlike those of other tests: roles are the server's.
    unique: String,
}

impl Closed {
    async fn new() -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let admin = connect(&servers::postgres()).await;
        admin
            .batch_execute(&format!("CREATE DATABASE closed_{unique}"))
            .await
            .unwrap();
        let server = servers::postgres();
        let (server, _) = server.rsplit_once('/').unwrap();
        let bank = Bank::on(format!("{server}/closed_{unique}")).await;
        let closed = Self { bank, unique };
        for role in ["migrations", "worker", "reader"] {
            closed.sql(&format!("CREATE ROLE ${role} LOGIN")).await;
        }
        closed
            .sql("REVOKE ALL ON DATABASE $closed FROM PUBLIC")
            .await;
        closed
    }

    /// Runs SQL in which `$` marks the names of roles, database and schemas.
    async fn sql(&self, sql: &str) {
        self.bank.sql(&self.named(sql)).await;
    }

    /// Grants privileges to the role `worker`.
    async fn grant<'p>(&self, privileges: impl IntoIterator<Item = &'p &'static str>) {
        for privilege in privileges {
            self.sql(&format!("GRANT {privilege} TO $worker")).await;
        }
    }

    fn named(&self, sql: &str) -> String {
        let (schema, unique) = (&self.bank.schema, &self.unique);
        let names = ["migrations", "worker", "reader", "closed"];
        let sql = names.iter().fold(sql.to_owned(), |sql, name| {
            sql.replace(&format!("${name}"), &format!("{name}_{unique}"))
        });
        sql.replace("$factum", &format!("{schema}_factum"))
            .replace("$models", schema)
    }

    fn address(&self, role: &str) -> String {
        let url = self.bank.postgres();
        let (_, host) = url.split_once('@').unwrap();
        format!("postgres://{}@{host}", self.named(role))
    }

    /// Runs a worker as this role up to the end.
    async fn work<P: Projection>(
        &self,
        role: &str,
        projector: Projector<P>,
    ) -> Result<Summary, String> {
        self.work_under(role, projector, FailurePolicy::STOP).await
    }

    async fn work_under<P: Projection>(
        &self,
        role: &str,
        projector: Projector<P>,
        failure: FailurePolicy,
    ) -> Result<Summary, String> {
        let options = Options {
            schema: self.named("$factum"),
            failure,
            ..self.bank.until_end()
        };
        let projector = projector.options(options);
        let log = std::sync::Arc::new(self.bank.view());
        let url = self.address(role);
        let worked = within(60, projector.run(log, &url, std::future::pending())).await;
        worked.map_err(super::refusals::words)
    }

    /// Grants what migrations need.
    async fn admit_migrations(&self) {
        for grant in [
            "CONNECT, CREATE, TEMPORARY ON DATABASE $closed",
            "USAGE, CREATE ON SCHEMA $models",
        ] {
            self.sql(&format!("GRANT {grant} TO $migrations")).await;
        }
    }

    /// Runs a worker of the next version as this role up to the end, and the switch.
    async fn rebuild(&self, role: &str) -> Result<Summary, String> {
        let options = Options {
            schema: self.named("$factum"),
            ..self.bank.until_end()
        };
        let projector = Projector::new(Newer).table(BALANCE).options(options);
        let log = std::sync::Arc::new(self.bank.view());
        let url = self.address(role);
        let worked = within(60, projector.run(log, &url, std::future::pending())).await;
        worked.map_err(super::refusals::words)
    }

    async fn drop(self) {
        let admin = connect(&servers::postgres()).await;
        let drop = self.named("DROP DATABASE $closed WITH (FORCE)");
        admin.batch_execute(&drop).await.unwrap();
        let drop = self.named("DROP ROLE $migrations, $worker, $reader");
        admin.batch_execute(&drop).await.unwrap();
    }
}

/// What a worker needs, one by one.
const WORKER: [&str; 12] = [
    "CONNECT ON DATABASE $closed",
    "TEMPORARY ON DATABASE $closed",
    "USAGE ON SCHEMA $factum",
    "SELECT ON $factum.positions",
    "UPDATE ON $factum.positions",
    "SELECT ON $factum.versions",
    "USAGE ON SCHEMA $models",
    "SELECT ON $models.factum_owners",
    "SELECT ON $models.balance",
    "INSERT ON $models.balance",
    "UPDATE ON $models.balance",
    "DELETE ON $models.balance",
];

#[tokio::test]
async fn a_worker_on_tables_that_migrations_made() {
    let closed = Closed::new().await;
    let mut ledger = Ledger::create(&closed.bank, 2, 41).await;
    closed.admit_migrations().await;
    let balances = || closed.bank.balances();
    closed.work("$migrations", balances()).await.unwrap();
    closed.grant(&WORKER).await;
    ledger.commit(0, "old", &[posted(1, 5)]).await;
    for grant in WORKER {
        ledger.commit(0, grant, &[posted(1, 5)]).await;
    }
    closed.work("$worker", balances()).await.unwrap();
    for grant in WORKER {
        closed.sql(&format!("REVOKE {grant} FROM $worker")).await;
        // A row to change, one to add, and one to delete.
        ledger.commit(0, "old", &[posted(1, 5)]).await;
        let new = format!("another {grant}");
        ledger.commit(0, &new, &[posted(1, 5)]).await;
        let close = Posted {
            close: true,
            ..posted(1, 5)
        };
        ledger.commit(0, grant, &[close]).await;
        let error = closed.work("$worker", balances()).await.expect_err(grant);
        // Where a schema may not be used, its tables are as good as not there.
        let told = ["permission denied", "no schema has been selected"];
        assert!(told.iter().any(|it| error.contains(it)), "{grant}: {error}");
        closed.grant([&grant]).await;
    }
    closed.work("$worker", balances()).await.unwrap();
    let rows = closed.bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid));

    closed
        .sql("GRANT CONNECT ON DATABASE $closed TO $reader")
        .await;
    closed.sql("GRANT USAGE ON SCHEMA $models TO $reader").await;
    closed
        .sql("GRANT SELECT ON $models.balance TO $reader")
        .await;
    let reader = connect(&closed.address("$reader")).await;
    reader.query("SELECT * FROM balance", &[]).await.unwrap();
    assert!(reader.batch_execute("DELETE FROM balance").await.is_err());

    // Who may not make tables may not begin a version; who may leads readers to it. They, and the
    // workers of the version that moves away, need nothing more.
    let denied = closed.rebuild("$worker").await.unwrap_err();
    assert!(denied.contains("permission denied"), "{denied}");
    closed.rebuild("$migrations").await.unwrap();
    ledger.commit(0, "old", &[posted(1, 5)]).await;
    closed.work("$worker", balances()).await.unwrap();
    closed.rebuild("$migrations").await.unwrap();
    let row = reader
        .query_one(
            "SELECT bool_and(digest = -5) FROM balance WHERE account LIKE 'another %'",
            &[],
        )
        .await;
    assert!(row.unwrap().get::<_, bool>(0), "the next version's rows");
    assert!(reader.batch_execute("DELETE FROM balance").await.is_err());
    drop(reader);
    closed.drop().await;
}

/// What a worker needs besides, where there are dead letters.
const PARKS: [&str; 4] = [
    "SELECT ON $factum.dead_letters",
    "INSERT ON $factum.dead_letters",
    "UPDATE ON $factum.dead_letters",
    "DELETE ON $factum.dead_letters",
];

#[tokio::test]
async fn a_worker_that_parks_on_tables_that_migrations_made() {
    let closed = Closed::new().await;
    let mut ledger = Ledger::create(&closed.bank, 2, 42).await;
    closed.admit_migrations().await;
    let balances = || closed.bank.balances();
    let park = FailurePolicy::PARK;
    closed
        .work_under("$migrations", balances(), park)
        .await
        .unwrap();
    closed.grant(WORKER.iter().chain(&PARKS)).await;
    closed
        .sql("ALTER TABLE $models.balance ADD CONSTRAINT few CHECK (balance < 50)")
        .await;
    ledger.commit(0, "a", &[posted(1, 90)]).await;
    closed
        .work_under("$worker", balances(), park)
        .await
        .unwrap();
    let ask = "UPDATE $factum.dead_letters SET replay_asked_at = now()";
    for grant in PARKS {
        closed.sql(&format!("REVOKE {grant} FROM $worker")).await;
        // A letter to replay, which fails again as long as the column refuses it, and one to add.
        ledger.commit(0, "b", &[posted(1, 90)]).await;
        if grant.starts_with("DELETE") {
            closed
                .sql("ALTER TABLE $models.balance DROP CONSTRAINT few")
                .await;
        }
        closed.sql(ask).await;
        let error = closed
            .work_under("$worker", balances(), park)
            .await
            .expect_err(grant);
        assert!(error.contains("permission denied"), "{grant}: {error}");
        closed.grant([&grant]).await;
        closed
            .work_under("$worker", balances(), park)
            .await
            .unwrap();
    }
    let rows = closed.bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid));
    closed.drop().await;
}

/// Others park in the table, or this one's did: a worker that does not park need know only of the latter.
#[tokio::test]
async fn a_worker_that_does_not_park_needs_no_privilege_where_others_do() {
    let closed = Closed::new().await;
    let mut ledger = Ledger::create(&closed.bank, 2, 44).await;
    closed.admit_migrations().await;
    let (park, stop) = (FailurePolicy::PARK, FailurePolicy::STOP);
    let balances = || closed.bank.balances();
    closed
        .work_under("$migrations", balances(), park)
        .await
        .unwrap();
    closed.grant(&WORKER).await;
    closed
        .sql("ALTER TABLE $models.balance ADD CONSTRAINT few CHECK (balance < 50)")
        .await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let worker = closed.work_under("$worker", balances(), stop).await;
    worker.unwrap();
    let parks = closed.work_under("$worker", balances(), park).await;
    let denied = "permission denied for table dead_letters";
    assert!(parks.unwrap_err().contains(denied), "it says so at once");

    ledger.commit(0, "a", &[posted(1, 90)]).await;
    closed
        .work_under("$migrations", balances(), park)
        .await
        .unwrap();
    ledger.commit(0, "a", &[posted(1, -80)]).await;
    let behind = closed.work_under("$worker", balances(), stop).await;
    assert!(behind.unwrap_err().contains(denied), "its letters count");
    closed.grant(&PARKS).await;
    closed
        .work_under("$worker", balances(), stop)
        .await
        .unwrap();
    assert_eq!(
        closed.bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid[..1])
    );
    closed.drop().await;
}

/// What a worker needs whose rows are appended, one by one.
const APPENDING: [&str; 9] = [
    "CONNECT ON DATABASE $closed",
    "USAGE ON SCHEMA $factum",
    "SELECT ON $factum.positions",
    "UPDATE ON $factum.positions",
    "SELECT ON $factum.versions",
    "USAGE ON SCHEMA $models",
    "SELECT ON $models.factum_owners",
    "SELECT ON $models.journal",
    "INSERT ON $models.journal",
];

#[tokio::test]
async fn a_worker_that_appends_can_change_no_row() {
    let closed = Closed::new().await;
    let mut ledger = Ledger::create(&closed.bank, 1, 42).await;
    closed.admit_migrations().await;
    closed.work("$migrations", journal()).await.unwrap();
    closed.grant(&APPENDING).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    closed.work("$worker", journal()).await.unwrap();
    for grant in APPENDING {
        closed.sql(&format!("REVOKE {grant} FROM $worker")).await;
        ledger.commit(0, "a", &[posted(1, 5)]).await;
        let worked = closed.work("$worker", journal()).await;
        worked.expect_err(grant);
        closed.grant([&grant]).await;
    }
    let summary = closed.work("$worker", journal()).await.unwrap();
    assert_eq!(summary.rows, APPENDING.len() as u64);
    closed.drop().await;
}

/// What a worker needs to leave word of why it died.
const TESTIFIES: [&str; 3] = [
    "SELECT ON $factum.failures",
    "INSERT ON $factum.failures",
    "UPDATE ON $factum.failures",
];

#[tokio::test]
async fn a_worker_leaves_word_of_why_it_died_where_it_may() {
    let closed = Closed::new().await;
    let mut ledger = Ledger::create(&closed.bank, 1, 43).await;
    closed.admit_migrations().await;
    let balances = || closed.bank.balances();
    closed.work("$migrations", balances()).await.unwrap();
    closed.grant(WORKER.iter().chain(&TESTIFIES)).await;
    closed
        .sql("ALTER TABLE $models.balance ADD CONSTRAINT few CHECK (balance < 50)")
        .await;
    ledger.commit(0, "a", &[posted(1, 90)]).await;
    let words = closed.named("SELECT worker FROM $factum.failures");
    let last = async || {
        let told = closed.work("$worker", balances()).await.unwrap_err();
        assert!(told.contains("few"), "it ends with its own error: {told}");
        let row = closed.bank.client.query_opt(&words, &[]).await.unwrap();
        row.map(|row| row.get::<_, String>(0))
    };
    let mut left = last().await;
    assert!(left.is_some());
    for grant in TESTIFIES {
        closed.sql(&format!("REVOKE {grant} FROM $worker")).await;
        let same = last().await;
        assert_eq!(same, left, "{grant}");
        closed.grant([&grant]).await;
        left = last().await;
        assert_ne!(left, same);
    }
    closed.drop().await;
}
