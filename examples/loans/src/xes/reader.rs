//! From tags to cases.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use jiff::Timestamp;

use super::input::Progress;
use super::nodes::{Key, Node, Nodes, Tag};
use super::{XesError, XesErrorKind};
use crate::case::{Case, Entry, Transition};

/// The most events of one case. The largest real case has 175.
const LONGEST_TRACE: usize = 1_000_000;

/// Reads an XES file, gzipped or not, case by case. After an error there is nothing more.
///
/// A case is delivered once its trace is read whole. In memory are one case, and eight bytes for
/// each case read so far, by which a repeated name is found.
pub struct XesReader {
    nodes: Nodes,
    progress: Progress,
    seen: HashSet<u64>,
    place: Place,
}

/// Where in the document the reader is.
enum Place {
    Before,
    Inside,
    After,
    Done,
}

/// What a trace or an event holds.
enum Child {
    Event { empty: bool },
    Attribute(Key, String),
}

impl XesReader {
    /// Opens a file. Its first bytes tell whether it is gzipped.
    ///
    /// # Errors
    /// It cannot be opened, or not even its beginning can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, XesError> {
        let (nodes, progress) = Nodes::open(path.as_ref())?;
        Ok(Self {
            nodes,
            progress,
            seen: HashSet::new(),
            place: Place::Before,
        })
    }

    /// How far the file was read. A clone follows the reader from another thread.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    fn read(&mut self) -> Result<Option<Case>, XesError> {
        loop {
            match (self.nodes.next()?, &self.place) {
                (
                    Node::Open {
                        tag: Tag::Log,
                        empty,
                    },
                    Place::Before,
                ) => {
                    self.place = if empty { Place::After } else { Place::Inside };
                }
                (Node::Open { .. }, Place::Before) | (Node::End, Place::Before) => {
                    return Err(self.not_a_log());
                }
                (
                    Node::Open {
                        tag: Tag::Trace,
                        empty,
                    },
                    Place::Inside,
                ) => {
                    return self.trace(empty).map(Some);
                }
                (Node::Open { tag, empty }, Place::Inside) => self.nodes.pass_over(&tag, empty)?,
                (Node::Open { .. }, _) => return Err(self.second_root()),
                (Node::Close, _) => self.place = Place::After,
                (Node::End, _) => return Ok(None),
            }
        }
    }

    fn not_a_log(&self) -> XesError {
        let message = "not an event log: an XES file begins with <log>";
        self.nodes.error(XesErrorKind::NotXes, message)
    }

    fn second_root(&self) -> XesError {
        let message = "the log has ended, and something else begins here, as where files were put \
            together; a file holds one log, import the files one by one";
        self.nodes.error(XesErrorKind::Malformed, message)
    }

    /// Reads the trace that was just opened.
    fn trace(&mut self, empty: bool) -> Result<Case, XesError> {
        let line = self.nodes.line();
        let (mut name, mut amount, mut entries) = (None, None, Vec::new());
        while let Some(child) = self.child(empty)? {
            match child {
                Child::Event { empty } if entries.len() < LONGEST_TRACE => {
                    entries.push(self.event(empty)?);
                }
                Child::Event { .. } => return Err(self.too_long()),
                Child::Attribute(Key::Name, value) => name = Some(value),
                Child::Attribute(Key::Amount, value) => amount = Some(self.amount(&value)?),
                Child::Attribute(..) => {}
            }
        }
        let name = name.ok_or_else(|| self.missing("trace", "concept:name", line))?;
        let amount = amount.ok_or_else(|| self.missing("trace", "AMOUNT_REQ", line))?;
        self.first_of(&name, line)?;
        Ok(Case {
            name,
            amount,
            entries,
        })
    }

    /// Reads the event that was just opened.
    fn event(&mut self, empty: bool) -> Result<Entry, XesError> {
        let line = self.nodes.line();
        let (mut activity, mut transition, mut resource, mut time) = (None, None, None, None);
        while let Some(child) = self.child(empty)? {
            match child {
                Child::Attribute(Key::Name, value) => activity = Some(value),
                Child::Attribute(Key::Transition, value) => transition = Some(value),
                Child::Attribute(Key::Resource, value) => resource = Some(value),
                Child::Attribute(Key::Time, value) => time = Some(self.time(&value)?),
                Child::Event { empty } => self.nodes.pass_over(&Tag::Event, empty)?,
                Child::Attribute(Key::Amount, _) => {}
            }
        }
        Ok(Entry {
            activity: activity.ok_or_else(|| self.missing("event", "concept:name", line))?,
            transition: transition.map_or(Transition::Complete, |name| Transition::named(&name)),
            resource,
            time: time.ok_or_else(|| self.missing("event", "time:timestamp", line))?,
            line: Some(line),
        })
    }

    /// The next child that matters of the node that is being read; `None` behind the last one.
    fn child(&mut self, parent_is_empty: bool) -> Result<Option<Child>, XesError> {
        if parent_is_empty {
            return Ok(None);
        }
        loop {
            let Node::Open { tag, empty } = self.nodes.next()? else {
                return Ok(None);
            };
            if let Tag::Event = tag {
                return Ok(Some(Child::Event { empty }));
            }
            self.nodes.pass_over(&tag, empty)?;
            match tag {
                Tag::Attribute(key, value) if !value.is_empty() => {
                    return Ok(Some(Child::Attribute(key, value)));
                }
                _ => {}
            }
        }
    }

    fn missing(&self, what: &str, key: &str, line: u64) -> XesError {
        let kind = match key {
            "concept:name" => XesErrorKind::MissingName,
            "AMOUNT_REQ" => XesErrorKind::BadAmount,
            _ => XesErrorKind::BadTime,
        };
        let message = format!("this {what} has no `{key}`; every {what} needs one, add it");
        self.nodes.error(kind, message).at(line)
    }

    fn time(&self, value: &str) -> Result<Timestamp, XesError> {
        // The events keep milliseconds. What is finer goes now, so that a decision sees the same
        // times when it is taken as when its reasons are read back.
        let time = value.parse::<Timestamp>();
        let time = time.and_then(|time| Timestamp::from_millisecond(time.as_millisecond()));
        time.map_err(|error| {
            let message = format!(
                "`{value}` is not a time with an offset, such as 2011-10-01T00:38:44.546+02:00"
            );
            self.nodes
                .error(XesErrorKind::BadTime, message)
                .with_source(error)
        })
    }

    fn amount(&self, value: &str) -> Result<i64, XesError> {
        let whole = value.strip_suffix(".0").unwrap_or(value);
        let amount = whole.parse().ok().filter(|amount| *amount >= 0);
        amount.ok_or_else(|| {
            let message = format!("AMOUNT_REQ `{value}` is not a whole amount of 0 or more");
            self.nodes.error(XesErrorKind::BadAmount, message)
        })
    }

    fn too_long(&self) -> XesError {
        let message = format!("a trace of more than {LONGEST_TRACE} events; split it");
        self.nodes.error(XesErrorKind::TooLarge, message)
    }

    fn first_of(&mut self, name: &str, line: u64) -> Result<(), XesError> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            return Ok(());
        }
        let message = format!("a second trace named `{name}`; a case has one trace, merge them");
        Err(self
            .nodes
            .error(XesErrorKind::RepeatedCase, message)
            .at(line))
    }
}

impl Iterator for XesReader {
    type Item = Result<Case, XesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.place, Place::Done) {
            return None;
        }
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.place = Place::Done;
        }
        read
    }
}
