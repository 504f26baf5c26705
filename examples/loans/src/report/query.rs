//! Reads figures from the read models, and from nowhere else.

use factum_postgres::{Address, AddressError, ConnectError};
use jiff::civil::Date;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, IsolationLevel, Row};

use crate::figures::{Figures, OutcomeTotals, WorkloadTotals};
use crate::workload::UNKNOWN;

const BOARD: &str = "
    SELECT outcome, count(*), sum(amount)::bigint, sum(events)::bigint
    FROM loan_board GROUP BY outcome";

const WORKLOAD: &str = "
    SELECT count(*), coalesce(sum(scheduled), 0)::bigint, coalesce(sum(started), 0)::bigint,
           coalesce(sum(completed), 0)::bigint
    FROM workload";

/// Whoever took part in an application, or did any work.
const RESOURCES: &str = "
    SELECT count(*) FROM (
        SELECT unnest(resources) FROM loan_board
        UNION SELECT resource FROM workload WHERE resource <> $1
    ) AS everyone";

const BUSIEST: &str = "
    SELECT resource, day, scheduled, started, completed FROM workload WHERE resource <> $1
    ORDER BY completed DESC, started DESC, resource, day LIMIT $2";

/// What the read models say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What they come to.
    pub figures: Figures,
    /// The rows of the workload with the most work done.
    pub busiest: Vec<Busy>,
}

/// A row of the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Who.
    pub resource: String,
    /// When.
    pub day: Date,
    /// Pieces of work put on the list.
    pub scheduled: i32,
    /// Starts.
    pub started: i32,
    /// Completions.
    pub completed: i32,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The address of Postgres cannot be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No connection to Postgres comes about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// This machine gives no more threads or files.
    #[error("cannot begin to read")]
    Runtime(#[from] std::io::Error),
    /// A read model was never projected.
    #[error("a read model is not there: run loans-board and loans-workload first")]
    NotProjected(#[source] tokio_postgres::Error),
    /// A query failed.
    #[error("cannot read the read models")]
    Query(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for ReportError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(&SqlState::UNDEFINED_TABLE) => Self::NotProjected(error),
            _ => Self::Query(error),
        }
    }
}

impl Report {
    /// Reads the read models in the database at `address`, with so many of the workload's top rows.
    ///
    /// # Errors
    /// The database is out of reach, or does not hold the read models.
    ///
    /// # Panics
    /// Inside an async runtime, as it blocks.
    pub fn read(address: &str, top: u32) -> Result<Self, ReportError> {
        let address = Address::parse(address)?.application("loans-report");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build()?;
        runtime.block_on(async {
            let (client, connection) = address.connect().await?;
            tokio::spawn(connection);
            Self::query(client, top).await
        })
    }

    async fn query(mut client: Client, top: u32) -> Result<Self, ReportError> {
        // One snapshot, while workers may go on.
        let snapshot = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let mut figures = Figures::default();
        for row in snapshot.query(BOARD, &[]).await? {
            let (cases, amount) = (row.get::<_, i64>(1) as u64, row.get(2));
            figures.cases += cases;
            figures.events += row.get::<_, i64>(3) as u64;
            if let Some(totals) = figures.outcomes.named(row.get(0)) {
                *totals = OutcomeTotals { cases, amount };
            }
        }
        let row = snapshot.query_one(WORKLOAD, &[]).await?;
        let count = |column: usize| row.get::<_, i64>(column) as u64;
        figures.workload = WorkloadTotals {
            rows: count(0),
            scheduled: count(1),
            started: count(2),
            completed: count(3),
        };
        figures.events += count(1) + count(2) + count(3);
        let row = snapshot.query_one(RESOURCES, &[&UNKNOWN]).await?;
        figures.resources = row.get::<_, i64>(0) as u64;
        let busiest = snapshot
            .query(BUSIEST, &[&UNKNOWN, &i64::from(top)])
            .await?;
        Ok(Self {
            figures,
            busiest: busiest.iter().map(busy).collect(),
        })
    }
}

fn busy(row: &Row) -> Busy {
    Busy {
        resource: row.get(0),
        day: row.get(1),
        scheduled: row.get(2),
        started: row.get(3),
        completed: row.get(4),
    }
}
