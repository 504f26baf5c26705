//! A projection worker as a program: flags, logs, signals and exit codes.

use std::future::Future;
use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use factum_core::{EventLog, LogError, chain};
use factum_program::shutdown_signal;
use factum_status::StatusServer;
use tracing_subscriber::EnvFilter;

use crate::backoff::patiently;
use crate::{
    Events, FailurePolicy, OnFailure, Options, Projection, Projector, ProjectorError, Retries, Row,
    Switch,
};

/// Opens a log by the address that was given on the command line. Functions are it, too.
pub trait OpenLog: Send + Sync {
    /// Opens the log.
    ///
    /// # Errors
    /// The address is wrong, or the log is out of reach.
    fn open(
        &self,
        address: String,
    ) -> impl Future<Output = Result<Arc<dyn EventLog>, LogError>> + Send;
}

impl<O, Opened> OpenLog for O
where
    O: Fn(String) -> Opened + Send + Sync,
    Opened: Future<Output = Result<Arc<dyn EventLog>, LogError>> + Send,
{
    fn open(
        &self,
        address: String,
    ) -> impl Future<Output = Result<Arc<dyn EventLog>, LogError>> + Send {
        self(address)
    }
}

const AFTER_HELP: &str = "\
Any number of workers of one projection may run at once: they share the topic's partitions, and take \
over from each other. A worker may be killed at any moment; the next one goes on where the last \
transaction ended.

Exit codes:
  0    told to stop by SIGINT or SIGTERM, or reached the end with --until-end
  1    failed: the last line of the log says why
  2    wrong usage
  130  told to stop twice: ended at once

SIGINT and SIGTERM end the worker after the batch under way; a second one ends it at once.
RUST_LOG sets what is logged, as in RUST_LOG=factum_projector=debug (default: info).";

#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP)]
struct Flags {
    /// Address of the log, for example kafka://localhost:9092 or local:DIR
    #[arg(long, env = "FACTUM_LOG", value_name = "URL")]
    log: String,
    /// Address of Postgres: postgres://user:password@host:port/database
    #[arg(
        long,
        env = "FACTUM_POSTGRES",
        value_name = "URL",
        hide_env_values = true
    )]
    postgres: String,
    /// Stop once everything is projected that the topic held at the start
    #[arg(long)]
    until_end: bool,
    /// How much is read ahead while a batch is being written, in bytes of records, and what one
    /// transaction takes in at most: up to five times as much for a worker that owns all partitions
    /// and has yet to catch up. Memory grows with it [default: 8388608]
    #[arg(long, env = "FACTUM_BATCH_BYTES", value_name = "N")]
    batch_bytes: Option<usize>,
    /// Seconds to wait for another worker's transaction before its session is ended [default: 3]
    #[arg(long, env = "FACTUM_LOCK_WAIT", value_name = "SECONDS", value_parser = seconds)]
    lock_wait: Option<Duration>,
    /// Seconds that servers out of reach are tried again at the start [default: 30]
    #[arg(long, env = "FACTUM_START_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    start_timeout: Option<Duration>,
    /// What to do with an event that cannot be applied: stop, or park it with every later one of its
    /// key in the table of dead letters [default: stop]
    #[arg(long, env = "FACTUM_ON_FAILURE", value_name = "WHAT")]
    on_failure: Option<OnFailure>,
    /// How often such an event is tried again first: a number, or `forever` [default: 0]
    #[arg(long, env = "FACTUM_RETRIES", value_name = "N", value_parser = retries)]
    retries: Option<Retries>,
    /// How many keys may be parked in the worker's partitions before it stops [default: 100000]
    #[arg(long, env = "FACTUM_MAX_PARKED", value_name = "N")]
    max_parked: Option<usize>,
    /// Postgres schema of Factum's own tables [default: factum]
    #[arg(long, env = "FACTUM_SCHEMA", value_name = "NAME")]
    schema: Option<String>,
    /// Records a second to read at most while a new version is built beside the live one. It leaves the log
    /// and Postgres to others, and has to be more than come in [default: as many as it can]
    #[arg(long, env = "FACTUM_REBUILD_RATE", value_name = "N")]
    rebuild_rate: Option<NonZeroU32>,
    /// Who leads readers to a new version when it was built beside the live one: this worker, or
    /// `factum projection switch` [default: auto]
    #[arg(long, env = "FACTUM_SWITCH", value_name = "WHO")]
    switch: Option<Switch>,
    /// Topic to read, where it is not the aggregate's own
    #[arg(long, env = "FACTUM_TOPIC", value_name = "NAME")]
    topic: Option<String>,
    /// Address to serve /healthz, /readyz, /status and /metrics on, such as 127.0.0.1:9464; with port
    /// 0, one that is free, which the log names
    #[arg(long, env = "FACTUM_HTTP", value_name = "ADDR")]
    http: Option<String>,
    /// How log lines are written to standard error
    #[arg(
        long,
        env = "FACTUM_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// The longest time that can be asked for: a year. Clocks can't count what is much longer.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time <= LONGEST => Ok(time),
        _ => Err(format!("not between 0 and {} seconds", LONGEST.as_secs())),
    }
}

fn retries(text: &str) -> Result<Retries, String> {
    match (text, text.parse()) {
        ("forever", _) => Ok(Retries::ForEver),
        (_, Ok(times)) => Ok(Retries::Times(times)),
        _ => Err("neither a number nor `forever`".into()),
    }
}

impl Flags {
    fn read<P: Projection>() -> Self {
        let place = match P::Row::TABLE {
            "" => "Postgres".to_owned(),
            table => format!("the Postgres table {table}"),
        };
        let about = format!(
            "Projects the events of {} into {place} (projection {} version {})",
            P::Event::AGGREGATES.join(" and "),
            P::NAME,
            P::VERSION
        );
        let matches = Self::command().about(about).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// What the program set, with what the user set over it.
    fn options(&self, set: Options) -> Options {
        Options {
            batch_bytes: self.batch_bytes.unwrap_or(set.batch_bytes),
            lock_wait: self.lock_wait.unwrap_or(set.lock_wait),
            start_timeout: self.start_timeout.unwrap_or(set.start_timeout),
            failure: FailurePolicy {
                retries: self.retries.unwrap_or(set.failure.retries),
                then: self.on_failure.unwrap_or(set.failure.then),
            },
            max_parked: self.max_parked.unwrap_or(set.max_parked),
            until_end: self.until_end || set.until_end,
            rebuild_rate: self.rebuild_rate.or(set.rebuild_rate),
            switch: self.switch.unwrap_or(set.switch),
            schema: self.schema.clone().unwrap_or(set.schema),
            topic: self.topic.clone().or(set.topic),
            ..set
        }
    }
}

impl<P: Projection, O: OpenLog> Projector<P, O> {
    /// Runs the worker as a whole program: reads flags and environment, logs to standard error,
    /// minds signals, and says by the exit code how it went. `--help` describes all of it.
    pub async fn main(self) -> ExitCode {
        let flags = Flags::read::<P>();
        start_logging(flags.log_format);
        match self.command(&flags).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{}", chain(&error));
                ExitCode::FAILURE
            }
        }
    }

    async fn command(mut self, flags: &Flags) -> Result<(), ProjectorError> {
        self.options = flags.options(self.options);
        let stop = shutdown_signal();
        let _http = self.serve(flags.http.as_deref(), stop.clone()).await?;
        let patience = self.options.start_timeout;
        let open = patiently(patience, LogError::is_retryable, || {
            self.open.open(flags.log.clone())
        });
        let log = tokio::select! {
            log = open => log?,
            () = stop.clone() => return Ok(()),
        };
        self.run(log, &flags.postgres, stop).await?;
        Ok(())
    }

    /// Serves the program's status, if it is to.
    async fn serve(
        &self,
        address: Option<&str>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Option<StatusServer>, ProjectorError> {
        let Some(address) = address else {
            return Ok(None);
        };
        let server = StatusServer::start(address, self.options.components.clone(), stop).await;
        server.map(Some).map_err(ProjectorError::Http)
    }
}

/// An application may have set up its own logging before.
fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Flags::command().debug_assert();
    }

    #[test]
    fn a_flag_goes_before_what_the_program_set() {
        let read = |flags: &[&str]| {
            let given = ["worker", "--log", "local:x", "--postgres", "postgres://h"];
            Flags::try_parse_from(given.iter().chain(flags)).unwrap()
        };
        let set = Options {
            batch_bytes: 5,
            schema: "s".into(),
            ..Options::default()
        };
        let options = read(&["--batch-bytes", "7", "--lock-wait", "0.5"]).options(set.clone());
        assert_eq!((options.batch_bytes, options.schema.as_str()), (7, "s"));
        assert_eq!(options.lock_wait, Duration::from_millis(500));
        assert_eq!(read(&[]).options(set.clone()), set);
        let patient = read(&["--on-failure", "park", "--retries", "3"]).options(set.clone());
        let policy = FailurePolicy::PARK.after(Retries::Times(3));
        assert_eq!(patient.failure, policy);
        let ever = read(&["--retries", "forever"]).options(patient);
        assert_eq!(ever.failure, policy.after(Retries::ForEver));
        retries("-1").unwrap_err();
    }

    #[test]
    fn seconds_are_those_that_a_clock_can_count() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("31536000"), Ok(LONGEST));
        for odd in ["1e18", "31536001", "-1", "NaN", "inf", "soon", ""] {
            assert!(seconds(odd).is_err(), "{odd}");
        }
    }
}
