//! The bank's log, written with version 1 of every schema, is read by code that knows later ones.

use std::future::pending;
use std::io::Write;
use std::sync::Arc;

use factum::{
    Aggregate, Components, Engine, EngineOptions, ExecuteError, IntoProjection, Projector,
    ProjectorError, ProjectorOptions,
};
use factum_testkit::{MemoryLog, servers};
use jiff::Timestamp;
use loans::board::LoanBoard;
use loans::import::{Import, Progress, Source};
use loans_evolved::{Board, LoanEvent, Submitted, Workload};
use postgres::{Client, NoTls};
use tokio::runtime::Runtime;

/// A Postgres schema of a read model's own, gone when the test ends.
struct Schema(String);

impl Schema {
    fn create() -> Self {
        let schema = Self(format!("evolved_{}", uuid::Uuid::new_v4().simple()));
        schema
            .client()
            .batch_execute(&format!("CREATE SCHEMA {}", schema.0))
            .unwrap();
        schema
    }

    fn client(&self) -> Client {
        Client::connect(&servers::postgres(), NoTls).unwrap()
    }

    fn address(&self) -> String {
        let server = servers::postgres();
        let mark = if server.contains('?') { '&' } else { '?' };
        format!("{server}{mark}options=-csearch_path%3D{}", self.0)
    }

    async fn project<Kind>(
        &self,
        projection: impl IntoProjection<Kind>,
        table: &'static str,
        log: &MemoryLog,
    ) -> u64 {
        self.try_to_project(projection, table, log).await.unwrap()
    }

    async fn try_to_project<Kind>(
        &self,
        projection: impl IntoProjection<Kind>,
        table: &'static str,
        log: &MemoryLog,
    ) -> Result<u64, ProjectorError> {
        let options = ProjectorOptions {
            until_end: true,
            schema: self.0.clone(),
            ..ProjectorOptions::default()
        };
        let projector = Projector::new(projection).table(table).options(options);
        let (log, address) = (Arc::new(log.clone()), self.address());
        let run = projector.run(log, &address, pending());
        Ok(run.await?.events)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.client()
            .batch_execute(&format!("DROP SCHEMA {} CASCADE", self.0))
            .unwrap();
    }
}

/// Today's aggregate: it only remembers how many cents were asked for.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Loan {
    cents: Option<i64>,
}

/// Submit, unless it was already.
#[derive(serde::Serialize, serde::Deserialize)]
struct Submit(i64);

impl Aggregate for Loan {
    type Command = Submit;
    type Event = LoanEvent;
    type Rejection = i64;

    fn decide(&self, Submit(amount_cents): Submit) -> Result<Vec<LoanEvent>, i64> {
        match self.cents {
            Some(cents) => Err(cents),
            None => Ok(vec![submitted(amount_cents).into()]),
        }
    }

    fn apply(&mut self, event: &LoanEvent) {
        if let LoanEvent::Submitted(submitted) = event {
            self.cents = Some(submitted.amount_cents);
        }
    }
}

fn submitted(amount_cents: i64) -> Submitted {
    Submitted {
        currency: "EUR".to_owned(),
        amount_cents,
        resource: None,
        submitted_at: Timestamp::UNIX_EPOCH,
        entry: 1,
    }
}

/// The columns of the board. What was `PartlySubmitted` is `Received`.
const BOARD: &str = "case_id, replace(state, 'PartlySubmitted', 'Received') AS state, outcome, amount, offers, \
                     events, resources, submitted_at, updated_at, ended_at FROM";

/// The columns of the workload.
const WORKLOAD: &str = "* FROM";

/// How many rows of a table the two do not have alike.
fn unlike(older: &Schema, newer: &Schema, columns: &str, table: &str) -> i64 {
    let rows = |schema: &str| format!("SELECT {columns} {schema}.{table}");
    let (older_rows, newer_rows) = (rows(&older.0), rows(&newer.0));
    let query = format!(
        "SELECT count(*) FROM (({older_rows} EXCEPT ALL {newer_rows}) UNION ALL ({newer_rows} EXCEPT ALL {older_rows})) r"
    );
    older.client().query_one(&query, &[]).unwrap().get(0)
}

/// What was read.
#[derive(Debug, PartialEq)]
struct Read {
    /// Events of the loans, and of the work on them.
    events: [u64; 2],
    /// Rows of the board, and of the workload.
    rows: [i64; 2],
}

/// Writes with the example's code, reads with the example's and with later code.
fn read_later(source: Source) -> Read {
    let (older, newer, log) = (Schema::create(), Schema::create(), MemoryLog::new());
    let runtime = Runtime::new().unwrap();
    let events = runtime.block_on(async {
        import(source)
            .run(Arc::new(log.clone()), &Progress::new(), pending())
            .await
            .unwrap();
        let (board, work) = (LoanBoard::TABLE_SQL, loans::workload::Workload::TABLE_SQL);
        let events = [
            older.project(LoanBoard, board, &log).await,
            older.project(loans::workload::Workload, work, &log).await,
        ];
        assert_eq!(newer.project(Board, board, &log).await, events[0]);
        assert_eq!(newer.project(Workload, work, &log).await, events[1]);
        refuses_rows_of_before(&older, &log).await;
        events
    });
    assert_eq!(unlike(&older, &newer, BOARD, "loan_board"), 0);
    assert_eq!(unlike(&older, &newer, WORKLOAD, "workload"), 0);
    let count = format!(
        "SELECT count(*), (SELECT count(*) FROM {0}.workload), max(case_id) FROM {0}.loan_board",
        newer.0
    );
    let row = newer.client().query_one(&count, &[]).unwrap();
    runtime.block_on(goes_on(&log, &newer, row.get(2)));
    Read {
        events,
        rows: [row.get(0), row.get(1)],
    }
}

/// Rows that were folded before there was an upcaster are of another version.
async fn refuses_rows_of_before(older: &Schema, log: &MemoryLog) {
    let table = LoanBoard::TABLE_SQL;
    let refused = older.try_to_project(Board, table, log).await.unwrap_err();
    let told = refused.to_string();
    for text in [
        "1 began as … of bank.loan, which is now … of bank.loan [PartlySubmitted as Received, Submitted 1 by an upcaster]",
        "`const VERSION: u32 = 2;`",
    ] {
        assert!(told.contains(text), "{told}");
    }
}

fn import(source: Source) -> Import {
    Import {
        source,
        log: "memory".to_owned(),
        checkpoints: None,
        partitions: 4,
        in_flight: 500,
        standby: false,
        rejected: None,
        components: Components::new(),
    }
}

/// Later code decides on what was written before, and what it writes is read together with that.
async fn goes_on(log: &MemoryLog, newer: &Schema, known: String) {
    let loans = Engine::<Loan>::start(Arc::new(log.clone()), EngineOptions::default())
        .await
        .unwrap();
    let refused = loans.execute(&known, Submit(1)).await;
    let asked = amount(newer, &known).await * 100;
    assert!(
        matches!(refused, Err(ExecuteError::Rejected(cents)) if cents == asked),
        "{refused:?}"
    );
    loans.execute("new", Submit(12_300)).await.unwrap();
    assert_eq!(newer.project(Board, LoanBoard::TABLE_SQL, log).await, 1);
    assert_eq!(amount(newer, "new").await, 123);
}

async fn amount(schema: &Schema, case: &str) -> i64 {
    let (query, case) = (
        format!(
            "SELECT amount FROM {}.loan_board WHERE case_id = $1",
            schema.0
        ),
        case.to_owned(),
    );
    let address = schema.address();
    let asked = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(&address, NoTls).unwrap();
        client.query_one(&query, &[&case]).unwrap().get(0)
    });
    asked.await.unwrap()
}

#[test]
fn made_up_cases_are_read_as_ever() {
    let read = read_later(Source::Generated {
        cases: 300,
        seed: 5,
    });
    assert_eq!(read.rows[0], 300);
    assert!(read.events.iter().all(|events| *events > 1_000), "{read:?}");
    assert!(read.rows[1] > 100, "{read:?}");
}

#[test]
fn the_real_log_is_read_as_ever() {
    let Source::Xes(path) = Source::at_hand(1) else {
        return writeln!(
            std::io::stderr(),
            "\nSKIPPED: the real log is not here; FACTUM_XES names one"
        )
        .unwrap();
    };
    let started = std::time::Instant::now();
    let read = read_later(Source::Xes(path));
    println!(
        "{read:?}, written, read twice and compared in {:.1?}",
        started.elapsed()
    );
    assert_eq!(read.events, [92_093, 170_107]);
    assert_eq!(read.rows[0], 13_087);
}
