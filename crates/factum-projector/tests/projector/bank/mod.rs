//! A small bank to project: its events, two read models, and a log written with all the noise
//! that the reader rule has to see through.

mod log;
mod proxy;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use factum_core::{DecodeError, Event, Recorded};
use factum_projector::{
    Fold, MultiFold, Options, Projection, Projector, ProjectorError, Row, Summary,
};
use factum_testkit::{MemoryLog, servers};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub use log::{Ledger, posted};
pub use proxy::{Proxy, When};
pub use view::LogView;

/// Money that came in (or went out) at a branch; `close` ends the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub branch: i32,
    pub amount: i64,
    pub close: bool,
}

impl Event for Posted {
    const AGGREGATE: &'static str = "bank.account";

    fn name(&self) -> &'static str {
        "Posted"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.branch.to_le_bytes());
        out.extend_from_slice(&self.amount.to_le_bytes());
        out.push(self.close.into());
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let bytes: [u8; 13] = value
            .try_into()
            .map_err(|_| DecodeError::new(format!("{} bytes instead of 13", value.len())))?;
        Ok(Self {
            branch: i32::from_le_bytes(bytes[..4].try_into().unwrap()),
            amount: i64::from_le_bytes(bytes[4..12].try_into().unwrap()),
            close: bytes[12] != 0,
        })
    }
}

/// A row for each account; gone when the account is closed.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "balance")]
pub struct Balance {
    #[row(key)]
    pub account: String,
    pub balance: i64,
    /// Depends on the order of all postings, and on each being there once.
    pub digest: i64,
    #[row(column = "last version")]
    pub version: Option<i64>,
    pub opened: Timestamp,
}

pub const BALANCE: &str = r#"CREATE TABLE IF NOT EXISTS balance (
    account text PRIMARY KEY,
    balance bigint NOT NULL,
    digest bigint NOT NULL,
    "last version" bigint,
    opened timestamptz NOT NULL,
    note text DEFAULT 'left alone'
)"#;

#[derive(Clone, Copy, Debug)]
pub struct Balances;

impl Fold for Balances {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = "balances";

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        (event.event.amount != 0).then(|| event.id.clone())
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        if event.event.close {
            return None;
        }
        let mut row = row.unwrap_or_else(|| Balance {
            account: event.id.clone(),
            balance: 0,
            digest: 0,
            version: None,
            opened: event.time,
        });
        row.balance += event.event.amount;
        row.digest = row.digest.wrapping_mul(31).wrapping_add(event.event.amount);
        row.version = Some(event.version as i64);
        Some(row)
    }
}

/// A row for each branch and day: events of all partitions meet in it.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "turnover")]
pub struct Turnover {
    pub postings: i32,
    #[row(key)]
    pub branch: i32,
    pub amount: i64,
    #[row(key)]
    pub day: Date,
}

pub const TURNOVER: &str = "CREATE TABLE IF NOT EXISTS turnover (
    day date, branch integer, postings integer NOT NULL, amount bigint NOT NULL,
    PRIMARY KEY (day, branch)
)";

#[derive(Clone, Copy, Debug)]
pub struct Turnovers;

impl Fold for Turnovers {
    type Event = Posted;
    type Row = Turnover;
    const NAME: &'static str = "turnovers";

    fn key(&self, event: &Recorded<Posted>) -> Option<(i32, Date)> {
        let day = event.time.to_zoned(TimeZone::UTC).date();
        Some((event.event.branch, day))
    }

    fn fold(&self, row: Option<Turnover>, event: &Recorded<Posted>) -> Option<Turnover> {
        let (branch, day) = self.key(event)?;
        let row = row.unwrap_or(Turnover {
            postings: 0,
            branch,
            amount: 0,
            day,
        });
        Some(Turnover {
            postings: row.postings + 1,
            amount: row.amount + event.event.amount,
            ..row
        })
    }
}

/// What the rows must be: every valid event folded one by one, partition after partition.
pub fn expected<F: MultiFold>(fold: &F, events: &[Recorded<F::Event>]) -> Vec<F::Row> {
    let mut rows = BTreeMap::new();
    for event in events {
        for key in fold.keys(event).into_iter().collect::<BTreeSet<_>>() {
            let before = rows.remove(&key);
            if let Some(row) = fold.fold(&key, before, event) {
                rows.insert(key, row);
            }
        }
    }
    rows.into_values().collect()
}

/// A log in memory and a schema in the test's Postgres, both this test's own.
pub struct Bank {
    pub log: MemoryLog,
    pub topic: String,
    pub schema: String,
    pub client: Client,
    /// The address of its Postgres.
    pub server: String,
}

impl Bank {
    pub async fn new() -> Self {
        Self::on(servers::postgres()).await
    }

    /// A bank on a Postgres of the test's own.
    pub async fn on(server: impl Into<String>) -> Self {
        let server = server.into();
        let unique = Uuid::new_v4().simple().to_string();
        let (topic, schema) = (format!("bank.{unique}"), format!("test_{unique}"));
        let client = connect(&server).await;
        let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
        client.batch_execute(&create).await.unwrap();
        Self {
            log: MemoryLog::new(),
            topic,
            schema,
            client,
            server,
        }
    }

    /// The same bank, after its server has moved.
    pub async fn move_to(&mut self, server: &str) {
        self.server = server.to_owned();
        self.client = connect(&self.postgres()).await;
    }

    /// The log as a worker sees it, in a group of the log's own.
    pub fn view(&self) -> LogView {
        LogView::new(&self.log)
    }

    /// The log as a worker sees it, in a group that the test leads.
    pub fn led_view(&self) -> LogView {
        LogView::led(&self.log)
    }

    /// The address of Postgres, with this test's schema as the search path.
    pub fn postgres(&self) -> String {
        with_search_path(&self.server, &self.schema)
    }

    pub fn options(&self) -> Options {
        Options {
            schema: self.schema.clone(),
            topic: Some(self.topic.clone()),
            start_timeout: std::time::Duration::from_secs(2),
            ..Options::default()
        }
    }

    pub fn until_end(&self) -> Options {
        Options {
            until_end: true,
            ..self.options()
        }
    }

    pub fn balances(&self) -> Projector<Balances> {
        Projector::new(Balances).table(BALANCE)
    }

    /// Runs a worker that ends by itself.
    pub async fn run<P: Projection>(
        &self,
        projector: Projector<P>,
    ) -> Result<Summary, ProjectorError> {
        let log = Arc::new(self.view());
        let url = self.postgres();
        within(60, projector.run(log, &url, std::future::pending())).await
    }

    /// What readers find.
    pub async fn rows<R: Row + Shown>(&self) -> Vec<R> {
        self.rows_in(&self.schema).await
    }

    /// The rows of the table in this schema.
    pub async fn rows_in<R: Row + Shown>(&self, schema: &str) -> Vec<R> {
        let columns: Vec<_> = R::COLUMNS.iter().map(|c| quote(c.name())).collect();
        let query = format!("SELECT {} FROM {schema}.{}", columns.join(", "), R::TABLE);
        let rows = self.client.query(&query, &[]).await.unwrap();
        let mut rows: Vec<R> = rows.iter().map(|row| R::read(row).unwrap()).collect();
        rows.sort_by_key(R::key);
        rows
    }

    pub async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Ends the sessions of this test's workers, as a crash of the server would.
    pub async fn kill_sessions(&self) {
        let kill = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class c ON c.oid = relation \
             JOIN pg_namespace n ON n.oid = relnamespace \
             WHERE nspname = '{}' AND pid <> pg_backend_pid()",
            self.schema
        );
        self.client.query(&kill, &[]).await.unwrap();
    }

    /// How far all partitions together have come; 0 while no worker has started.
    pub async fn positions(&self) -> i64 {
        let begun = "SELECT to_regclass('positions') IS NOT NULL";
        if !self
            .client
            .query_one(begun, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            return 0;
        }
        let query = "SELECT coalesce(sum(\"offset\"), 0)::bigint FROM positions";
        self.client.query_one(query, &[]).await.unwrap().get(0)
    }
}

/// Rows that can be compared and shown.
pub trait Shown: std::fmt::Debug + PartialEq {}
impl<R: std::fmt::Debug + PartialEq> Shown for R {}

fn quote(name: &str) -> String {
    format!("\"{name}\"")
}

pub fn with_search_path(url: &str, schema: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}options=-c%20search_path%3D{schema}")
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits for something that must come within `seconds`.
pub async fn within<T>(seconds: u64, what: impl Future<Output = T>) -> T {
    let limit = std::time::Duration::from_secs(seconds);
    let waited = tokio::time::timeout(limit, what).await;
    waited.unwrap_or_else(|_| panic!("not within {seconds} s"))
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// The same event, with other contents.
pub fn carrying<A, B>(recorded: &Recorded<A>, event: B) -> Recorded<B> {
    Recorded {
        id: recorded.id.clone(),
        partition: recorded.partition,
        offset: recorded.offset,
        sequence: recorded.sequence,
        version: recorded.version,
        time: recorded.time,
        command: recorded.command,
        metadata: recorded.metadata.clone(),
        event,
    }
}
