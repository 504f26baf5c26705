//! What is to be read, and what of it is to be shown.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use factum::jiff::Timestamp;

use super::filter::Field;
use crate::connection::{Log, SchemaRegistry};

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// The topic, for example bank.loan.events
    #[arg(value_name = "TOPIC")]
    pub topic: String,
    #[command(flatten)]
    pub log: Log,
    #[command(flatten)]
    pub sources: Sources,
    /// Only this partition
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<u32>,
    /// Only events of this type; several may be named
    #[arg(long = "type", value_name = "NAME", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only events of this aggregate
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Only events whose field has this value, for example amount=20000 or customer.country=NL
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub fields: Vec<Field>,
    /// End after so many
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u64>,
    /// Also what the reader rule does not accept, with the reason
    #[arg(long)]
    pub void: bool,
    /// Also claims, and records of commands that emitted no event
    #[arg(long)]
    pub claims: bool,
    /// Fail at the first event that cannot be decoded
    #[arg(long)]
    pub strict: bool,
    /// Print JSON: an event a line
    #[arg(long)]
    pub json: bool,
}

/// Where schemas come from.
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// Folder of the Avro schemas that events are read with; `schemas`, which a registry may stand in for
    #[arg(long, env = "FACTUM_SCHEMAS", value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    #[command(flatten)]
    pub registry: SchemaRegistry,
    /// Folder where what the registry said is kept; one of the user's own, if there is none
    #[arg(long, env = "FACTUM_REGISTRY_CACHE", value_name = "DIR")]
    pub registry_cache: Option<PathBuf>,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Beginning,
    End,
    Offset(u64),
    Time(Timestamp),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => return Ok(Self::Beginning),
            "end" => return Ok(Self::End),
            _ => {}
        }
        let offset = text.parse().map(Self::Offset);
        let time = |_| Timestamp::from_str(text).map(Self::Time);
        offset.or_else(time).map_err(|_| {
            "neither beginning, end, an offset nor a moment like 2011-10-01T12:00:00Z".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let time = Timestamp::from_second(1_317_470_400).unwrap();
        for (text, from) in [
            ("beginning", From::Beginning),
            ("end", From::End),
            ("12", From::Offset(12)),
            ("2011-10-01T12:00:00Z", From::Time(time)),
        ] {
            assert_eq!(text.parse(), Ok(from));
        }
        assert!("yesterday".parse::<From>().unwrap_err().contains("neither"));
    }
}
