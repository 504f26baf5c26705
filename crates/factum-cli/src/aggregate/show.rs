//! `factum aggregate show`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use factum::jiff::Timestamp;
use factum::uuid::Uuid;
use factum::{ValidEvent, events_topic};
use serde::Serialize;
use serde_json::Value;

use super::scan::scan;
use super::schemas::{Decoded, Schemas};
use super::service::{First, Service};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
With --service, a running service is asked that keeps the history of its aggregates and serves its status there:
that takes milliseconds (see docs/history.md). Only the one tells that owns the aggregate's partition; name them all, and
they are asked in turn. Where none does, or without --service, the partition is read from its first record on, by
--log, which takes as long as it is large. Events are shown that the reader rule accepts, and no others.

--at takes a version, or a moment in ISO 8601: all events are shown up to the last one that was decided no
later. An imported event was decided when it was imported.

Examples:
  factum aggregate show 173688 --aggregate bank.loan --log kafka://localhost:9092
  factum aggregate show 173688 --aggregate bank.loan --service http://loans-0:9464 --service http://loans-1:9464
  factum aggregate show 173688 --aggregate bank.loan --log kafka://localhost:9092 --at 3 --json
  factum aggregate show 173688 --aggregate bank.loan --log kafka://localhost:9092 --at 2026-10-01T12:00:00Z";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The aggregate's id
    #[arg(value_name = "ID")]
    id: String,
    /// The aggregate's type, for example bank.loan
    #[arg(long, env = "FACTUM_AGGREGATE", value_name = "NAME")]
    aggregate: String,
    /// Only events up to this version or moment
    #[arg(long, value_name = "VERSION|TIME")]
    at: Option<At>,
    /// Folder of the Avro schemas that events are read with
    #[arg(
        long,
        env = "FACTUM_SCHEMAS",
        value_name = "DIR",
        default_value = "schemas"
    )]
    schemas: PathBuf,
    /// Where a service that keeps histories serves its status; several may be named
    #[arg(
        long = "service",
        env = "FACTUM_SERVICE",
        value_name = "URL",
        value_delimiter = ','
    )]
    services: Vec<String>,
    /// Address of the log, for example kafka://localhost:9092 or local:DIR
    #[arg(
        long,
        env = "FACTUM_LOG",
        value_name = "URL",
        required_unless_present = "services"
    )]
    log: Option<String>,
    /// Print JSON: an event a line
    #[arg(long)]
    json: bool,
}

/// A moment in an aggregate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// After so many events.
    Version(u64),
    /// After the last event that is not later.
    Time(Timestamp),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let version = text.parse().map(Self::Version);
        let time = |_| Timestamp::from_str(text).map(Self::Time);
        version
            .or_else(time)
            .map_err(|_| "neither a version nor a moment like 2011-10-01T12:00:00Z".to_owned())
    }
}

/// An event as it is found, before it is decoded.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub version: u64,
    pub time: Timestamp,
    pub partition: u32,
    pub offset: u64,
    pub sequence: u64,
    pub command: Uuid,
    pub actor: Option<String>,
    pub correlation: Option<Uuid>,
    pub causation: Option<Uuid>,
    pub value: Vec<u8>,
}

impl Event {
    pub(super) fn of(event: &ValidEvent<'_>) -> Self {
        let (header, origin) = (&event.header, &event.header.origin);
        // What no calendar has counts as the end of all times that it is beyond.
        let time = Timestamp::from_microsecond(header.time);
        let end = if header.time < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        Self {
            version: header.version,
            time: time.unwrap_or(end),
            partition: event.partition,
            offset: event.offset,
            sequence: header.stamp.sequence,
            command: header.command,
            actor: origin.actor.map(str::to_owned),
            correlation: origin.correlation,
            causation: origin.causation,
            value: event.value.to_vec(),
        }
    }
}

/// An event as it is printed in JSON.
#[derive(Serialize)]
struct Shown<'e> {
    version: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'e str>,
    partition: u32,
    offset: u64,
    sequence: u64,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'e Value>,
    /// Why there is no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'e str>,
}

impl<'e> Shown<'e> {
    fn of(event: &'e Event, decoded: &'e Decoded) -> Self {
        Self {
            version: event.version,
            time: event.time.to_string(),
            event: decoded.as_ref().ok().map(|(name, _)| &**name),
            partition: event.partition,
            offset: event.offset,
            sequence: event.sequence,
            command: event.command.to_string(),
            actor: event.actor.as_deref(),
            correlation: event.correlation.map(|id| id.to_string()),
            causation: event.causation.map(|id| id.to_string()),
            data: decoded.as_ref().ok().map(|(_, data)| data),
            unreadable: decoded.as_ref().err().map(|why| &**why),
        }
    }
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let schemas = Schemas::read(&self.schemas)?;
        let print = |event: &Event| self.print(event, &schemas.decode(&event.value));
        let mut unanswered = match First::of(self.services()).await {
            Ok(first) => return first.tell(self.at, print).await.map(drop),
            Err(unanswered) => unanswered,
        };
        let Some(log) = &self.log else {
            let last = unanswered
                .pop()
                .expect("a service is named where no log is");
            unanswered.iter().for_each(|why| eprintln!("{why}"));
            return Err(last.into());
        };
        unanswered.iter().for_each(|why| eprintln!("{why}"));
        let log = factum::open_log(log).await?;
        let topic = log.open(&events_topic(&self.aggregate), None).await?;
        scan(&*topic, &self.id, self.at, print).await.map(drop)
    }

    fn services(&self) -> Vec<Service> {
        let service = |url: &String| Service {
            url: url.clone(),
            aggregate: self.aggregate.clone(),
            id: self.id.clone(),
        };
        self.services.iter().map(service).collect()
    }

    fn print(&self, event: &Event, decoded: &Decoded) -> std::io::Result<()> {
        if self.json {
            return output::object(&Shown::of(event, decoded));
        }
        let (version, time) = (event.version, event.time);
        output::print(&match decoded {
            Ok((name, data)) => format!("{version:>6}  {time}  {name}  {data}\n"),
            Err(why) => format!("{version:>6}  {time}  cannot be read: {why}\n"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_moments_are_told_apart() {
        let time = Timestamp::from_second(1_317_470_400).unwrap();
        assert_eq!("12".parse(), Ok(At::Version(12)));
        assert_eq!("2011-10-01T12:00:00Z".parse(), Ok(At::Time(time)));
        assert!("2011-10-01".parse::<At>().unwrap_err().contains("neither"));
    }
}
