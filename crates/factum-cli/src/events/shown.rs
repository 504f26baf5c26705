//! How a record is printed.

use std::borrow::Cow;
use std::io::{self, Write};

use factum::jiff::Timestamp;
use factum::schema::Value;
use factum::schema::frame::Frame;
use factum_core::{EventHeader, Header};
use serde::{Serialize, Serializer};

use super::judge::{Fate, Judged};
use super::terminal;
use crate::aggregate::Known;
use crate::output::{hex, plain};

/// What is known of a record's value.
pub(super) enum Content<'c> {
    /// It is an event of this schema, with this data.
    Event(&'c Known, Value<'c>),
    /// Why it cannot be read.
    Unreadable(&'c str),
    /// A record of a command that emitted no event.
    Handled,
    /// A claim.
    Claim,
}

/// A record as it is printed in JSON.
#[derive(Serialize)]
struct Shown<'r> {
    partition: u32,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    void: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'r str>,
    /// A key that is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<Value<'r>>,
    #[serde(flatten)]
    place: Option<Place<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r Value<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'r str>,
}

/// The schema that an event was written with.
#[derive(Serialize)]
struct Written {
    fingerprint: Hexadecimal,
    /// Its id in a registry, if the frame names it by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    /// The event's version, if a folder has the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

impl Written {
    fn of(known: &Known, value: &[u8]) -> Self {
        Self {
            fingerprint: Hexadecimal(known.fingerprint),
            id: match Frame::parse(value) {
                Ok((Frame::Confluent { id }, _)) => Some(id),
                _ => None,
            },
            version: known.version,
        }
    }
}

/// A number in 16 hexadecimal digits.
struct Hexadecimal(u64);

impl Serialize for Hexadecimal {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_str(&format_args!("{:016x}", self.0))
    }
}

/// What an event's header says.
#[derive(Serialize)]
struct Place<'r> {
    sequence: u64,
    version: u64,
    time: String,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<String>,
}

/// When an event was decided. What no calendar has counts as the end of all times that it is beyond.
pub(super) fn time(header: &EventHeader<'_>) -> Timestamp {
    let end = if header.time < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_microsecond(header.time).unwrap_or(end)
}

impl<'r> Place<'r> {
    fn of(header: &EventHeader<'r>) -> Self {
        Self {
            sequence: header.stamp.sequence,
            version: header.version,
            time: time(header).to_string(),
            command: header.command.to_string(),
            actor: header.origin.actor,
            correlation: header.origin.correlation.map(|id| id.to_string()),
            causation: header.origin.causation.map(|id| id.to_string()),
        }
    }
}

/// Why a record is not valid, if it is not.
fn void(fate: Fate) -> Option<Cow<'static, str>> {
    match fate {
        Fate::Valid => None,
        Fate::Void(why) => Some(why.into()),
        Fate::Unknown(error) => Some(format!("its header cannot be read: {error}").into()),
    }
}

/// Prints a record: a line.
pub(super) fn print(
    out: &mut impl Write,
    partition: u32,
    judged: &Judged<'_>,
    content: &Content<'_>,
    json: bool,
) -> io::Result<()> {
    if !json {
        return line(out, partition, judged, content);
    }
    let bytes = judged.record.key;
    let key = std::str::from_utf8(bytes);
    let (header, claim) = match &judged.header {
        Some(Header::Event(header) | Header::Handled(header)) => (Some(header), None),
        Some(Header::Claim(claim)) => (None, Some(claim)),
        None => (None, None),
    };
    let shown = Shown {
        partition,
        offset: judged.offset,
        void: void(judged.fate),
        record: match content {
            Content::Claim => Some("claim"),
            Content::Handled => Some("handled"),
            _ => None,
        },
        epoch: claim.map(|claim| claim.epoch),
        claimant: claim.map(|claim| claim.claimant.to_string()),
        key: key.ok().filter(|it| !it.is_empty()),
        key_base64: key.is_err().then_some(Value::Bytes(bytes)),
        place: header.map(Place::of),
        event: match content {
            Content::Event(known, _) => Some(&known.name),
            _ => None,
        },
        schema: match content {
            Content::Event(known, _) => Some(Written::of(known, judged.record.value)),
            _ => None,
        },
        data: match content {
            Content::Event(_, data) => Some(data),
            _ => None,
        },
        unreadable: match content {
            Content::Unreadable(why) => Some(why),
            _ => None,
        },
    };
    serde_json::to_writer(&mut *out, &shown)?;
    out.write_all(b"\n")
}

fn line(
    out: &mut impl Write,
    partition: u32,
    judged: &Judged<'_>,
    content: &Content<'_>,
) -> io::Result<()> {
    let offset = judged.offset;
    let key = match judged.record.key {
        [] => "-".into(),
        key => plain(key),
    };
    write!(out, "{partition}:{offset}  ")?;
    match &judged.header {
        Some(Header::Event(header) | Header::Handled(header)) => {
            let (time, version) = (time(header), header.version);
            write!(out, "{time}  {key}  {version}  ")?;
        }
        Some(Header::Claim(claim)) => write!(out, "epoch {}  {}  ", claim.epoch, claim.claimant)?,
        None => write!(out, "{key}  ")?,
    }
    if let Some(why) = void(judged.fate) {
        write!(out, "VOID ({why})  ")?;
    }
    match content {
        Content::Event(known, data) => {
            write!(out, "{}  ", known.short())?;
            terminal::json(out, data)?;
        }
        Content::Unreadable(why) => write!(out, "cannot be read: {}", plain(why.as_bytes()))?,
        Content::Handled => write!(out, "handled without an event")?,
        Content::Claim => write!(out, "claim")?,
    }
    match (&content, &judged.header) {
        (Content::Unreadable(_), None) => writeln!(out, "  {}", hex(start(judged.record.value))),
        _ => writeln!(out),
    }
}

/// The first bytes of what Factum did not write.
fn start(value: &[u8]) -> &[u8] {
    &value[..value.len().min(16)]
}
