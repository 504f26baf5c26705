//! Event sourcing on Kafka: aggregates decide, events are the truth, read models follow exactly once.
//!
//! * Schemas of events are `.avsc` files in your repo; `factum_build::compile("schemas")` in `build.rs`
//!   turns them into Rust, and [`events!`] includes what it wrote.
//! * An [`Aggregate`] decides about commands; an [`Engine`] carries them out on a log, opened with
//!   [`open_log`]: a Kafka cluster, or a folder on the local disk.
//! * A [`Fold`] turns events into rows of a Postgres table; [`projector`] makes a worker of it.
//!
//! ```no_run
//! # use factum::{Aggregate, Engine, EngineOptions};
//! # async fn run<Loan: Aggregate<Command = u64>>() -> Result<(), Box<dyn std::error::Error>> where Loan::Rejection: std::fmt::Debug {
//! let log = factum::open_log("kafka://localhost:9092").await?;
//! let loans = Engine::<Loan>::start(log, EngineOptions::default()).await?;
//! let receipt = loans.execute("loan-173688", 20_000).await.unwrap();
//! # Ok(()) }
//! ```

mod log;
#[cfg(feature = "projector")]
mod worker;

pub use factum_core::{
    Aggregate, CommitReader, DecodeError, Event, EventLog, LogError, LogErrorKind, NewTopic,
    Position, Recorded, Topic, ValidEvent, events_topic, partition_of,
};
pub use factum_engine::{
    CommandOptions, Engine, EngineError, EngineOptions, ExecuteError, Receipt, Replayed, Reply,
};
pub use factum_schema as schema;
pub use {jiff, uuid};

pub use crate::log::open_log;

#[cfg(feature = "kafka")]
pub use factum_kafka::{KafkaLog, KafkaSettings};
#[cfg(feature = "local")]
pub use factum_local::LocalLog;

#[cfg(feature = "projector")]
pub use {
    crate::worker::projector,
    factum_derive::Row,
    factum_projector::{Fold, Row},
};

/// Includes the events of an aggregate that `factum_build::compile` generated in `build.rs`.
///
/// `factum::events!(bank.loan);` brings in a struct for each event, the enum `LoanEvent` over them,
/// and the types they use.
#[macro_export]
macro_rules! events {
    ($context:ident . $aggregate:ident) => {
        include!(concat!(
            env!("OUT_DIR"),
            "/",
            stringify!($context),
            ".",
            stringify!($aggregate),
            ".rs"
        ));
    };
}
