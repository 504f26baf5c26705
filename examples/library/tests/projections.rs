//! Read models of the other kinds: what `docs/projections.md` shows, held against events.
#![allow(missing_docs, dead_code, reason = "generated events tell their schemas, too")]

use std::future::pending;
use std::sync::Arc;

use factum::{
    Aggregate, Append, Engine, EngineOptions, Events, Fold, Handler, IntoProjection, MultiFold,
    ProjectorError, ProjectorOptions, Recorded, Row, Transaction,
};
use factum_testkit::{MemoryLog, projection, servers};
use library::{Book, BookCommand, BookEvent, Lent, Returned};
use postgres::{Client, NoTls};
use tokio::runtime::Runtime;

#[derive(Debug, PartialEq, Row)]
#[row(table = "loans")]
struct LoansRow {
    #[row(key)]
    of: String, // "book" or "reader"
    #[row(key)]
    name: String,
    times: i64,
}

struct Loans;
impl MultiFold for Loans {
    type Event = BookEvent;
    type Row = LoansRow;
    const NAME: &'static str = "loans";
    fn keys(&self, event: &Recorded<BookEvent>) -> impl IntoIterator<Item = (String, String)> {
        match &event.event {
            BookEvent::Lent(lent) => {
                vec![("book".into(), event.id.clone()), ("reader".into(), lent.reader.clone())]
            }
            BookEvent::Returned(_) => vec![],
        }
    }
    fn fold(
        &self,
        (of, name): &(String, String),
        row: Option<LoansRow>,
        _: &Recorded<BookEvent>,
    ) -> Option<LoansRow> {
        let times = row.map_or(0, |row| row.times) + 1;
        Some(LoansRow { of: of.clone(), name: name.clone(), times })
    }
}

#[derive(Debug, PartialEq, Row)]
#[row(table = "journal")]
struct JournalRow {
    partition: i32,
    sequence: i64,
    at: factum::jiff::Timestamp,
    book: String,
    lent_to: Option<String>,
}

struct Journal;
impl Append for Journal {
    type Event = BookEvent;
    type Row = JournalRow;
    const NAME: &'static str = "journal";
    fn rows(&self, event: &Recorded<BookEvent>) -> impl IntoIterator<Item = JournalRow> {
        let lent_to = match &event.event {
            BookEvent::Lent(lent) => Some(lent.reader.clone()),
            BookEvent::Returned(_) => None,
        };
        [JournalRow {
            partition: event.partition as i32,
            sequence: event.sequence as i64,
            at: event.time,
            book: event.id.clone(),
            lent_to,
        }]
    }
}

struct Titles;
impl Handler for Titles {
    type Event = BookEvent;
    type Error = ProjectorError; // or an error of your own, or anyhow::Error
    const NAME: &'static str = "titles";
    async fn handle(
        &self,
        events: &[Recorded<BookEvent>],
        transaction: &Transaction<'_>,
    ) -> Result<(), ProjectorError> {
        let books: Vec<_> = events.iter().map(|event| &event.id).collect();
        let sql = "INSERT INTO titles SELECT DISTINCT unnest($1::text[]) AS book ORDER BY book
            ON CONFLICT DO NOTHING";
        transaction.execute(sql, &[&books]).await?;
        Ok(())
    }
}

mod reader {
    factum::events!(library.reader); // Joined, Paid, and enum ReaderEvent over them
}
use reader::{Joined, Paid, ReaderEvent};

#[derive(Events)]
enum LibraryEvent {
    Book(BookEvent),
    Reader(ReaderEvent),
}

#[derive(Debug, Default, PartialEq, Row)]
#[row(table = "readers")]
struct ReadersRow {
    #[row(key)]
    reader: String,
    name: Option<String>, // unknown until they have joined
    loans: i64,
    paid: i64,
}

struct Readers;
impl Fold for Readers {
    type Event = LibraryEvent;
    type Row = ReadersRow;
    const NAME: &'static str = "readers";
    fn key(&self, event: &Recorded<LibraryEvent>) -> Option<String> {
        match &event.event {
            LibraryEvent::Book(BookEvent::Lent(lent)) => Some(lent.reader.clone()),
            LibraryEvent::Book(BookEvent::Returned(_)) => None,
            LibraryEvent::Reader(_) => Some(event.id.clone()),
        }
    }
    fn fold(&self, row: Option<ReadersRow>, event: &Recorded<LibraryEvent>) -> Option<ReadersRow> {
        let mut row = row.unwrap_or_default();
        match &event.event {
            LibraryEvent::Book(_) => row.loans += 1,
            LibraryEvent::Reader(ReaderEvent::Joined(joined)) => row.name = Some(joined.name.clone()),
            LibraryEvent::Reader(ReaderEvent::Paid(paid)) => row.paid += paid.cents,
        }
        Some(ReadersRow { reader: self.key(event)?, ..row })
    }
}

fn lent(reader: &str) -> BookEvent {
    Lent { reader: reader.into() }.into()
}

#[test]
fn a_loan_counts_for_the_book_and_for_the_reader() {
    let row = |of: &str, name: &str, times| LoansRow { of: of.into(), name: name.into(), times };
    projection(Loans)
        .given([("Dune", lent("Ada")), ("Dune", Returned {}.into()), ("Emma", lent("Ada"))])
        .when([("Dune", lent("Bob"))])
        .then([
            row("book", "Dune", 2),
            row("book", "Emma", 1),
            row("reader", "Ada", 2),
            row("reader", "Bob", 1),
        ]);
}

#[test]
fn the_journal_has_a_line_for_each_event() {
    let line = |sequence, lent_to: Option<&str>| JournalRow {
        partition: factum::partition_of(b"Dune", 8) as i32,
        sequence,
        at: factum::jiff::Timestamp::from_second(sequence).unwrap(),
        book: "Dune".into(),
        lent_to: lent_to.map(Into::into),
    };
    projection(Journal)
        .given([("Dune", lent("Ada")), ("Dune", Returned {}.into())])
        .then([line(1, Some("Ada")), line(2, None)]);
}

#[test]
fn a_reader_is_known_by_loans_and_by_payments() {
    let ada = |event: ReaderEvent| ("Ada", LibraryEvent::Reader(event));
    projection(Readers)
        .given([
            ("Dune", LibraryEvent::Book(lent("Ada"))),
            ada(Joined { name: "Ada King".into() }.into()),
            ("Dune", LibraryEvent::Book(Returned {}.into())),
        ])
        .when([ada(Paid { cents: 50 }.into())])
        .then([ReadersRow { reader: "Ada".into(), name: Some("Ada King".into()), loans: 1, paid: 50 }]);
}

/// A reader, who pays whatever they are asked for.
#[derive(Default)]
struct Reader;

impl Aggregate for Reader {
    type Command = i64;
    type Event = ReaderEvent;
    type Rejection = ();

    fn decide(&self, cents: i64) -> Result<Vec<ReaderEvent>, ()> {
        Ok(vec![Paid { cents }.into()])
    }
    fn apply(&mut self, _: &ReaderEvent) {}
}

async fn project<Kind>(kind: impl IntoProjection<Kind>, sql: &str, log: &MemoryLog, schema: &str) -> u64 {
    let options = ProjectorOptions { until_end: true, schema: schema.into(), ..Default::default() };
    let projector = factum::projector(kind).table(sql).options(options);
    let postgres = format!("{}?options=-csearch_path%3D{schema}", servers::postgres());
    projector.run(Arc::new(log.clone()), &postgres, pending()).await.unwrap().rows
}

#[test]
fn all_of_them_run_as_workers() {
    let schema = format!("library_kinds_{}", std::process::id());
    let mut client = Client::connect(&servers::postgres(), NoTls).unwrap();
    client.batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path = {schema}")).unwrap();
    let log = MemoryLog::new();
    let titles = "CREATE TABLE IF NOT EXISTS titles (book text PRIMARY KEY)";
    let rows = Runtime::new().unwrap().block_on(async {
        let books = Engine::<Book>::start(Arc::new(log.clone()), EngineOptions::default()).await.unwrap();
        for (book, command) in
            [("Dune", lend()), ("Dune", BookCommand::Return), ("Dune", lend()), ("Emma", lend())]
        {
            books.execute(book, command).await.unwrap();
        }
        let readers = Engine::<Reader>::start(Arc::new(log.clone()), EngineOptions::default()).await;
        readers.unwrap().execute("Ada", 50).await.unwrap();
        [
            project(Loans, include_str!("../sql/loans.sql"), &log, &schema).await,
            project(Journal, include_str!("../sql/journal.sql"), &log, &schema).await,
            project(Titles, titles, &log, &schema).await,
            project(Readers, include_str!("../sql/readers.sql"), &log, &schema).await,
        ]
    });
    assert_eq!(rows, [3, 4, 2, 1]);
    let query = "SELECT (SELECT times FROM loans WHERE name = 'Ada'), (SELECT count(*) FROM journal), \
         (SELECT count(*) FROM titles), (SELECT 1000 * loans + paid FROM readers)";
    let row = client.query_one(query, &[]).unwrap();
    let counts: [i64; 4] = [row.get(0), row.get(1), row.get(2), row.get(3)];
    assert_eq!(counts, [3, 4, 2, 3050]);
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).unwrap();
}

fn lend() -> BookCommand {
    BookCommand::Lend { reader: "Ada".into() }
}
