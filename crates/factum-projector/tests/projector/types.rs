//! Every ordinary type of Postgres, in keys of several columns and in values, through insert, update, load
//! and delete.

use factum_core::Recorded;
use factum_projector::{Fold, Projector, Row};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, date, time};
use postgres_types::{FromSql, ToSql};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bank::{Bank, Ledger, Posted, expected};
use crate::refusals::{assert_says, refused};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSql, FromSql)]
#[postgres(name = "mood", rename_all = "snake_case")]
enum Mood {
    Calm,
    VeryGlad,
}

#[derive(Clone, Debug, PartialEq, Row)]
#[row(table = "sample")]
struct Sample {
    #[row(key)]
    k_text: String,
    #[row(key)]
    k_int: i32,
    #[row(key)]
    k_numeric: Decimal,
    #[row(key)]
    k_at: Timestamp,
    #[row(key)]
    k_date: Date,
    #[row(key)]
    k_uuid: Uuid,
    #[row(key)]
    k_bytes: Vec<u8>,
    #[row(key)]
    k_mood: Mood,
    #[row(key)]
    k_bool: bool,
    n: i64,
    text: String,
    small: i16,
    int: i32,
    real: f32,
    double: f64,
    flag: bool,
    amount: Decimal,
    at: Timestamp,
    local: DateTime,
    day: Date,
    clock: Time,
    uuid: Uuid,
    json: Value,
    bytes: Vec<u8>,
    mood: Mood,
    texts: Vec<String>,
    ints: Vec<Option<i32>>,
    amounts: Vec<Decimal>,
    moods: Vec<Mood>,
    o_text: Option<String>,
    o_small: Option<i16>,
    o_int: Option<i32>,
    o_big: Option<i64>,
    o_real: Option<f32>,
    o_double: Option<f64>,
    o_flag: Option<bool>,
    o_amount: Option<Decimal>,
    o_at: Option<Timestamp>,
    o_local: Option<DateTime>,
    o_day: Option<Date>,
    o_clock: Option<Time>,
    o_uuid: Option<Uuid>,
    o_json: Option<Value>,
    o_bytes: Option<Vec<u8>>,
    o_mood: Option<Mood>,
    o_texts: Option<Vec<String>>,
}

const MOOD: &str = "DO $$ BEGIN CREATE TYPE mood AS ENUM ('calm', 'very_glad'); \
    EXCEPTION WHEN duplicate_object THEN NULL; END $$;";

const KEYS: &str =
    "k_text text, k_int integer, k_numeric numeric(12, 2), k_at timestamptz, k_date date,
    k_uuid uuid, k_bytes bytea, k_mood mood, k_bool boolean,
    PRIMARY KEY (k_text, k_int, k_numeric, k_at, k_date, k_uuid, k_bytes, k_mood, k_bool)";

/// The columns that are no keys, with their types.
const VALUES: [(&str, &str); 37] = [
    ("n", "bigint"),
    ("text", "varchar(200)"),
    ("small", "smallint"),
    ("int", "integer"),
    ("real", "real"),
    ("double", "double precision"),
    ("flag", "boolean"),
    ("amount", "numeric"),
    ("at", "timestamptz"),
    ("local", "timestamp"),
    ("day", "date"),
    ("clock", "time"),
    ("uuid", "uuid"),
    ("json", "jsonb"),
    ("bytes", "bytea"),
    ("mood", "mood"),
    ("texts", "text[]"),
    ("ints", "integer[]"),
    ("amounts", "numeric[]"),
    ("moods", "mood[]"),
    ("o_text", "text"),
    ("o_small", "smallint"),
    ("o_int", "integer"),
    ("o_big", "bigint"),
    ("o_real", "real"),
    ("o_double", "double precision"),
    ("o_flag", "boolean"),
    ("o_amount", "numeric"),
    ("o_at", "timestamptz"),
    ("o_local", "timestamp"),
    ("o_day", "date"),
    ("o_clock", "time"),
    ("o_uuid", "uuid"),
    ("o_json", "json"),
    ("o_bytes", "bytea"),
    ("o_mood", "mood"),
    ("o_texts", "text[]"),
];

/// Creates the table with columns of types that `ty` picks.
fn table(ty: impl Fn(&'static str) -> &'static str) -> String {
    let column = |(name, of): (&str, &'static str)| {
        let not_null = if name.starts_with("o_") {
            ""
        } else {
            " NOT NULL"
        };
        format!("{name} {}{not_null}", ty(of))
    };
    let values = VALUES.map(column).join(", ");
    format!("{MOOD} CREATE TABLE IF NOT EXISTS sample ({values}, {KEYS})")
}

fn moment(n: i64) -> Timestamp {
    Timestamp::from_microsecond(n * 86_461_000_001).unwrap()
}

fn mood(n: i64) -> Mood {
    if n % 2 == 0 {
        Mood::Calm
    } else {
        Mood::VeryGlad
    }
}

fn decimal(n: i64) -> Decimal {
    Decimal::from_i128_with_scale(i128::from(n) * 79_228_162_514_264_337, (n % 9) as u32)
}

/// The row of key `k` with values made of `n`, which is not negative; every third is full of nulls.
fn sample(k: i32, n: i64) -> Sample {
    let at = moment(n);
    let wide = i64::MAX - n;
    let full = n % 3 != 0;
    let day = date(1970, 1, 1).saturating_add(jiff::ToSpan::days(n));
    let clock = time((n % 24) as i8, 59, 58, 123_456_000);
    let text = format!("ä\t\n\\ \u{1F600} {n}");
    let json = json!({ "n": n, "list": [1.5, null, "ü"], "deep": { "empty": [] } });
    let bytes: Vec<u8> = (0..=255).chain([n as u8]).collect();
    Sample {
        k_text: format!("k '{k}"),
        k_int: -k,
        k_numeric: Decimal::new(i64::from(k) * 10, 1),
        k_at: moment(k.into()),
        k_date: date(2000, 2, 1 + (k % 28) as i8),
        k_uuid: Uuid::from_u128(k as u128),
        k_bytes: vec![0, k as u8],
        k_mood: mood(k.into()),
        k_bool: k % 2 == 0,
        n,
        text: text.clone(),
        small: i16::MIN + n as i16,
        int: i32::MIN + n as i32,
        real: n as f32 / 3.0,
        double: -(n as f64) / 7.0,
        flag: full,
        amount: decimal(n),
        at,
        local: day.to_datetime(clock),
        day,
        clock,
        uuid: Uuid::from_u128(u128::MAX - n as u128),
        json: json.clone(),
        bytes: bytes.clone(),
        mood: mood(n),
        texts: vec![text.clone(); (n % 4) as usize],
        ints: vec![Some(n as i32), None],
        amounts: vec![decimal(n), -decimal(n)],
        moods: vec![mood(n), mood(n + 1)],
        o_text: full.then(|| text.clone()),
        o_small: full.then_some(n as i16),
        o_int: full.then_some(n as i32),
        o_big: full.then_some(wide),
        o_real: full.then_some(f32::MAX),
        o_double: full.then_some(f64::MIN_POSITIVE),
        o_flag: full.then_some(false),
        o_amount: full.then(|| decimal(n)),
        o_at: full.then_some(at),
        o_local: full.then(|| day.to_datetime(clock)),
        o_day: full.then_some(day),
        o_clock: full.then_some(clock),
        o_uuid: full.then_some(Uuid::nil()),
        o_json: full.then_some(json),
        o_bytes: full.then_some(bytes),
        o_mood: full.then(|| mood(n)),
        o_texts: full.then(|| vec![text]),
    }
}

#[derive(Clone, Copy, Debug)]
struct Samples;

impl Fold for Samples {
    type Event = Posted;
    type Row = Sample;
    const NAME: &'static str = "samples";

    fn key(&self, event: &Recorded<Posted>) -> Option<<Sample as Row>::Key> {
        Some(sample(event.event.branch, 0).key())
    }

    /// The amount goes into every column. What was there before must be what such a fold has made.
    fn fold(&self, row: Option<Sample>, event: &Recorded<Posted>) -> Option<Sample> {
        let Posted {
            branch,
            amount,
            close,
        } = event.event;
        let before = row.map_or(0, |row| {
            assert_eq!(
                row,
                sample(branch, row.n),
                "a row comes back as it was written"
            );
            row.n
        });
        (!close).then(|| sample(branch, (before + amount) % 10_000))
    }
}

async fn posted(ledger: &mut Ledger, branch: i32, amount: i64, close: bool) {
    let event = Posted {
        branch,
        amount,
        close,
    };
    ledger.commit(0, "a", &[event]).await;
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_written() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 51).await;
    for round in 0..4 {
        for branch in 0..12 {
            let close = branch % 4 == round;
            posted(&mut ledger, branch, i64::from(branch * 7 + round), close).await;
        }
        let projector = Projector::new(Samples).table(table(|ty| ty));
        bank.run(projector.options(bank.until_end())).await.unwrap();
        let rows = bank.rows::<Sample>().await;
        assert_eq!(rows.len(), 9);
        assert_eq!(rows, expected(&Samples, &ledger.valid));
    }
}

#[tokio::test]
async fn a_column_of_another_type_is_named_with_its_type_and_the_fields() {
    let bank = Bank::new().await;
    Ledger::create(&bank, 1, 52).await;
    let projector = Projector::new(Samples).table(table(|_| "point"));
    let error = refused(&bank, projector.options(bank.until_end())).await;
    for (name, ty) in VALUES {
        let column = Sample::COLUMNS.iter().find(|column| column.name() == name);
        let rust = column.unwrap().rust_type();
        assert_says(
            &error,
            &[&format!("column {name} is point, but the field is {rust}")],
        );
        assert!(
            rust.starts_with("Option") == name.starts_with("o_"),
            "{name} {ty}"
        );
    }
    let projector = Projector::new(Samples).table(table(|ty| match ty {
        "numeric" => "money",
        "varchar(200)" => "integer",
        ty => ty,
    }));
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_says(
        &error,
        &[
            "column amount is money, but the field is Decimal: make the column numeric",
            "column text is integer, but the field is String: make the column text",
        ],
    );
}

#[tokio::test]
async fn an_enum_with_other_labels_is_refused_with_its_labels() {
    let bank = Bank::new().await;
    Ledger::create(&bank, 1, 53).await;
    let table = table(|ty| ty).replace("'very_glad'", "'glad'");
    let projector = Projector::new(Samples).table(table);
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_says(
        &error,
        &["column mood is mood (an enum of calm, glad), but the field is Mood"],
    );
}
