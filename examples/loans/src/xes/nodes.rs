//! XML as the few things that a log is made of.

use std::borrow::Cow;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

use super::input::{Input, LONGEST_NODE, Progress};
use super::{XesError, XesErrorKind};

/// A tag that matters here.
pub(super) enum Node {
    /// `<tag …>`; `empty` when it is `<tag …/>`, which no [`Node::Close`] follows.
    Open {
        tag: Tag,
        empty: bool,
    },
    Close,
    /// The file's end, with every tag closed.
    End,
}

/// What opens.
pub(super) enum Tag {
    Log,
    Trace,
    Event,
    /// An attribute that is one of those wanted.
    Attribute(Key, String),
    /// Anything else.
    Other,
}

/// The attributes that are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Name,
    Time,
    Resource,
    Transition,
    Amount,
}

impl Key {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "concept:name" => Self::Name,
            "time:timestamp" => Self::Time,
            "org:resource" => Self::Resource,
            "lifecycle:transition" => Self::Transition,
            "AMOUNT_REQ" => Self::Amount,
            _ => return None,
        })
    }
}

/// Reads nodes, and knows where it is.
pub(super) struct Nodes {
    xml: Reader<Input>,
    buffer: Vec<u8>,
    path: PathBuf,
    depth: usize,
    line: u64,
}

impl Nodes {
    pub(super) fn open(path: &Path) -> Result<(Self, Progress), XesError> {
        let (input, progress) = Input::open(path).map_err(|error| {
            let message = "cannot be opened; is it the path of an XES file, gzipped or not?";
            XesError::new(XesErrorKind::Unreadable, path, message).with_source(error)
        })?;
        let nodes = Self {
            xml: Reader::from_reader(input),
            buffer: Vec::new(),
            path: path.to_owned(),
            depth: 0,
            line: 1,
        };
        Ok((nodes, progress))
    }

    /// The line on which the last node began.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// An error about the last node.
    pub(super) fn error(&self, kind: XesErrorKind, message: impl Into<String>) -> XesError {
        XesError::new(kind, &self.path, message).at(self.line)
    }

    /// The next tag, or the end. Texts and comments say nothing in a log.
    pub(super) fn next(&mut self) -> Result<Node, XesError> {
        loop {
            self.buffer.clear();
            self.xml.get_mut().refill();
            self.line = self.xml.get_ref().line();
            let node = match self.xml.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => {
                    self.depth += 1;
                    open(&start, false)
                }
                Ok(Event::Empty(start)) => open(&start, true),
                Ok(Event::End(_)) => {
                    self.depth -= 1;
                    Ok(Node::Close)
                }
                Ok(Event::Eof) if self.depth == 0 => Ok(Node::End),
                Ok(Event::Eof) => return Err(self.truncated()),
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            return node.map_err(|error| self.broken(error));
        }
    }

    /// Passes over the node that was opened last, and what it holds. What a log is made of is never
    /// passed over, it would be lost: where it does not belong it is an error.
    pub(super) fn pass_over(&mut self, tag: &Tag, empty: bool) -> Result<(), XesError> {
        self.refuse(tag)?;
        let outside = self.depth - usize::from(!empty);
        while self.depth > outside {
            if let Node::Open { tag, .. } = self.next()? {
                self.refuse(&tag)?;
            }
        }
        Ok(())
    }

    fn refuse(&self, tag: &Tag) -> Result<(), XesError> {
        let name = match tag {
            Tag::Log => "log",
            Tag::Trace => "trace",
            Tag::Event => "event",
            Tag::Attribute(..) | Tag::Other => return Ok(()),
        };
        let message = format!(
            "<{name}> does not belong here: a log holds traces, a trace holds events; \
             mend this line or export the log again"
        );
        Err(self.error(XesErrorKind::Malformed, message))
    }

    fn truncated(&self) -> XesError {
        let message =
            "the file ends here, in the middle of the log; it was cut off, fetch it again";
        self.error(XesErrorKind::Truncated, message)
    }

    /// Says what a parser's error means for the reader of the file.
    fn broken(&mut self, error: Error) -> XesError {
        let mut at_end = || matches!(self.xml.get_mut().fill_buf(), Ok([]));
        let (kind, message) = match &error {
            Error::Io(io) => return self.unreadable(io),
            Error::Syntax(_) | Error::Encoding(_) if at_end() => {
                return self.truncated().with_source(error);
            }
            Error::Encoding(_) => (
                XesErrorKind::Malformed,
                "not UTF-8 text; convert the file to UTF-8",
            ),
            _ => (
                XesErrorKind::Malformed,
                "not well-formed XML; mend this line or export the log again",
            ),
        };
        self.error(kind, message).with_source(error)
    }

    fn unreadable(&self, error: &io::Error) -> XesError {
        let (kind, message): (_, Cow<'static, str>) = match error.kind() {
            io::ErrorKind::UnexpectedEof => return self.truncated(),
            io::ErrorKind::FileTooLarge => (
                XesErrorKind::TooLarge,
                format!("no tag ends within {LONGEST_NODE} bytes; is this an event log?").into(),
            ),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => (
                XesErrorKind::Malformed,
                "the compressed data are damaged from here on; fetch the file again".into(),
            ),
            _ => (XesErrorKind::Unreadable, "cannot be read further".into()),
        };
        let cause = io::Error::new(error.kind(), error.to_string());
        self.error(kind, message).with_source(cause)
    }
}

fn open(start: &BytesStart<'_>, empty: bool) -> Result<Node, Error> {
    let name = start.local_name();
    let tag = match name.as_ref() {
        "log" => Tag::Log,
        "trace" => Tag::Trace,
        "event" => Tag::Event,
        _ => match attribute(start)? {
            Some((key, value)) => Tag::Attribute(key, value),
            None => Tag::Other,
        },
    };
    Ok(Node::Open { tag, empty })
}

/// The tag's `key` and `value`, in whichever order they stand, if the key is a wanted one.
fn attribute(start: &BytesStart<'_>) -> Result<Option<(Key, String)>, Error> {
    let (mut key, mut value) = (None, None);
    for attribute in start.attributes() {
        let attribute = attribute?;
        match attribute.key.as_ref() {
            "key" => key = Key::named(&attribute.normalized_value(XmlVersion::Implicit1_0)?),
            "value" => value = Some(attribute),
            _ => {}
        }
    }
    let (Some(key), Some(value)) = (key, value) else {
        return Ok(None);
    };
    let value = value.normalized_value(XmlVersion::Implicit1_0)?;
    Ok(Some((key, value.into_owned())))
}
