//! From a bank's log to its figures: a log in memory, a real Postgres.

use std::future::pending;
use std::sync::Arc;

use factum::{Components, IntoProjection, Projector, ProjectorOptions};
use factum_testkit::MemoryLog;
use loans::activity::Activity;
use loans::board::LoanBoard;
use loans::figures::{Census, Figures};
use loans::generate::Generator;
use loans::import::{Import, Progress, Source};
use loans::report::{Line, Report, ReportError, differences, table};
use loans::workload::Workload;
use loans::xes::XesReader;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::real_log;
use crate::schema::Schema;

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

async fn project<Kind>(
    projection: impl IntoProjection<Kind>,
    sql: &str,
    log: &MemoryLog,
    schema: &Schema,
) -> u64 {
    let options = ProjectorOptions {
        until_end: true,
        schema: schema.name.clone(),
        ..ProjectorOptions::default()
    };
    let projector = Projector::new(projection).table(sql).options(options);
    let (log, address) = (Arc::new(log.clone()), schema.address());
    let run = projector.run(log, &address, pending());
    run.await.unwrap().events
}

/// Imports and projects, twice; the second time there is nothing to do. Answers with the figures
/// counted from the source, the report, and the report as JSON.
fn through(source: Source) -> (Figures, Report, Value) {
    let schema = Schema::create();
    let log = MemoryLog::new();
    let import = import(source);
    let runtime = Runtime::new().unwrap();
    let mut answer = None;
    for round in 0..2 {
        let summary = runtime.block_on(async {
            let progress = Progress::new();
            let summary = import
                .run(Arc::new(log.clone()), &progress, pending())
                .await
                .unwrap();
            let board = project(LoanBoard, LoanBoard::TABLE_SQL, &log, &schema).await;
            let workload = project(Workload, Workload::TABLE_SQL, &log, &schema).await;
            assert_eq!(board + workload, summary.appended);
            let activity = project(Activity, Activity::TABLE_SQL, &log, &schema).await;
            assert_eq!(activity, board);
            assert_eq!(summary.rejected, 0);
            assert_eq!(
                summary.appended,
                if round == 0 { summary.entries } else { 0 }
            );
            summary
        });
        assert_eq!(unlike_the_board(&schema), 0);
        let report = Report::read(&schema.address(), 5).unwrap();
        let json = serde_json::to_value(Line::new(&report, Some(&summary))).unwrap();
        let figures = counted(&import.source);
        assert_eq!(differences(&report.figures, &figures), Vec::<String>::new());
        if let Some(expected) = summary.expected {
            assert_eq!(expected, figures);
        }
        answer = Some((figures, report, json));
    }
    answer.unwrap()
}

/// How many cases have other lines of activity than the board counts, or lines out of order.
fn unlike_the_board(schema: &Schema) -> i64 {
    let query = "SELECT count(*) FROM loan_board FULL JOIN (\
         SELECT case_id, count(*) AS lines, count(DISTINCT sequence) AS numbers, \
             (array_agg(at ORDER BY sequence DESC))[1] AS last \
         FROM activity GROUP BY case_id\
     ) AS activity USING (case_id) \
     WHERE (lines, numbers, last) IS DISTINCT FROM (events, events, updated_at)";
    let mut client = postgres::Client::connect(&schema.address(), postgres::NoTls).unwrap();
    client.query_one(query, &[]).unwrap().get(0)
}

fn counted(source: &Source) -> Figures {
    let mut census = Census::default();
    match source {
        Source::Xes(path) => XesReader::open(path)
            .unwrap()
            .for_each(|case| census.count(&case.unwrap())),
        Source::Generated { cases, seed } => {
            Generator::new(*cases, *seed).for_each(|case| census.count(&case));
        }
    }
    census.figures()
}

#[test]
fn made_up_cases_come_out_as_they_were_counted() {
    let (cases, seed) = (500, 3);
    let (figures, report, json) = through(Source::Generated { cases, seed });
    assert_eq!(report.busiest.len(), 5);
    let busiest = report.busiest.iter().map(|row| row.completed);
    assert!(busiest.is_sorted_by(|a, b| a >= b));
    assert_eq!(json["cases"], 500);
    assert_eq!(json["events"], figures.events);
    assert_eq!(
        json["outcomes"]["declined"]["amount"],
        figures.outcomes.declined.amount
    );
    assert_eq!(json["resources"], figures.resources);
    assert_eq!(
        (&json["log"], &json["appended"]),
        (&"memory".into(), &0.into())
    );
    assert_eq!(json["source"], "generated: 500 cases, seed 3");
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    let shown = table(&report);
    assert!(shown.contains("all                  500"), "{shown}");
    assert!(shown.contains(&report.busiest[0].resource), "{shown}");
}

#[test]
fn the_real_log_comes_out_as_its_publisher_counted() {
    let Some(path) = real_log() else { return };
    let (_, report, json) = through(Source::Xes(path));
    let outcome = |cases: u64, amount: i64| serde_json::json!({ "cases": cases, "amount": amount });
    assert_eq!(json["cases"], 13_087);
    assert_eq!(json["events"], 262_200);
    assert_eq!(json["outcomes"]["activated"], outcome(2_246, 35_290_338));
    assert_eq!(json["outcomes"]["declined"], outcome(7_635, 93_078_508));
    assert_eq!(json["outcomes"]["cancelled"], outcome(2_807, 42_561_922));
    assert_eq!(json["outcomes"]["open"], outcome(399, 6_703_743));
    assert_eq!(json["resources"], 68);
    println!("{}", table(&report));
}

#[test]
fn without_read_models_the_report_says_what_to_run() {
    let schema = Schema::create();
    let error = Report::read(&schema.address(), 5).unwrap_err();
    assert!(matches!(error, ReportError::NotProjected(_)), "{error:?}");
    assert!(error.to_string().contains("run loans-board"));
}

#[test]
fn without_postgres_the_report_says_so() {
    let error = Report::read("postgres://nobody@127.0.0.1:1/none", 5).unwrap_err();
    assert!(matches!(error, ReportError::Connect(_)), "{error:?}");
}
