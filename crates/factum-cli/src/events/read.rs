//! Reads a topic and shows what is asked for.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::Arc;

use factum::jiff::Timestamp;
use factum::{LogError, Topic};
use factum_core::{Fetched, Header, Offset};
use indicatif::{ProgressBar, ProgressStyle};

use super::decode::Decoder;
use super::filter::is_asked_for;
use super::flags::{Flags, From};
use super::judge::{Fate, Judge, Judged};
use super::shown::{self, Content};
use crate::failure::Failure;

const LOOK: &str =
    "{bar:30} {percent:>3}%  {human_pos} of {human_len} records, {per_sec}, {eta} to go";
const BUFFER: usize = 256 << 10;
/// So many events that cannot be read are told one by one; of the others there is the number.
const TOLD: u64 = 10;

/// Why a topic cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no such partition.
    #[error("{topic} has {partitions} partitions, 0 to {}: there is no partition {partition}", partitions - 1)]
    NoPartition {
        topic: String,
        partition: u32,
        partitions: u32,
    },
    /// An offset means nothing without a partition.
    #[error("--from with an offset needs --partition: an offset is a place in one partition")]
    WhichPartition,
    /// Its first records are gone.
    #[error(
        "{topic} partition {partition}: the records before offset {start} were deleted, and what is valid follows from \
         them. Events live for ever: restore the topic, and remove what deletes from it"
    )]
    Cut {
        topic: String,
        partition: u32,
        start: Offset,
    },
    /// An event cannot be read, and that was to be an error.
    #[error("{topic} partition {partition} offset {offset}: {why}")]
    Unreadable {
        topic: String,
        partition: u32,
        offset: Offset,
        why: String,
    },
}

/// One partition on its way.
struct Partition {
    judge: Judge,
    /// The first offset that may be shown.
    from: Offset,
    /// Where a dump ends.
    end: Offset,
    next: Offset,
}

/// Why reading goes no further.
enum Stop {
    /// As many were shown as were asked for.
    Enough,
    Failed(Box<Failure>),
}

impl std::convert::From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl std::convert::From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

/// Reads a topic to where its end is now, or for as long as nobody says stop.
pub(super) async fn run(flags: Flags, from: From, follow: bool) -> Result<(), Failure> {
    let stop = factum::shutdown_signal();
    let decoder = Decoder::open(&flags.sources).map_err(Box::new)?;
    let log = flags.log.open().await?;
    let topic = log.open(&flags.topic, None).await?;
    let mut partitions = partitions(&*topic, &flags, from).await?;
    let mut show = Show::new(&topic, &flags, from, decoder);
    let read = read(&*topic, &mut partitions, &mut show, follow, stop).await;
    show.end();
    let outcome = match read {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Failed(failure)) => Err(*failure),
    };
    outcome.and(show.out.flush().map_err(Failure::from))
}

async fn partitions(
    topic: &dyn Topic,
    flags: &Flags,
    from: From,
) -> Result<BTreeMap<u32, Partition>, Failure> {
    let (name, count) = (topic.name(), topic.partitions());
    let asked = match flags.partition {
        Some(partition) if partition >= count => {
            return Err(ReadError::NoPartition {
                topic: name.to_owned(),
                partition,
                partitions: count,
            }
            .into());
        }
        Some(partition) => partition..partition + 1,
        None if matches!(from, From::Offset(_)) => return Err(ReadError::WhichPartition.into()),
        None => 0..count,
    };
    let mut partitions = BTreeMap::new();
    for partition in asked {
        let (start, end) = (topic.start(partition).await?, topic.end(partition).await?);
        if start > 0 {
            let topic = name.to_owned();
            return Err(ReadError::Cut {
                topic,
                partition,
                start,
            }
            .into());
        }
        let from = match from {
            From::Beginning | From::Time(_) => 0,
            From::End => end,
            From::Offset(offset) => offset,
        };
        let judge = Judge::new(name, partition);
        partitions.insert(
            partition,
            Partition {
                judge,
                from,
                end,
                next: 0,
            },
        );
    }
    Ok(partitions)
}

async fn read(
    topic: &dyn Topic,
    partitions: &mut BTreeMap<u32, Partition>,
    show: &mut Show<'_>,
    follow: bool,
    mut stop: impl Future<Output = ()> + Unpin,
) -> Result<(), Stop> {
    let starts: Vec<_> = partitions.keys().map(|it| (*it, 0)).collect();
    let mut reader = topic.read(&starts).await?;
    let all = partitions.values().map(|it| it.end).sum();
    let (mut bar, on_terminal) = (Some(bar(all)), io::stdout().is_terminal());
    while follow || partitions.values().any(|it| it.next < it.end) {
        let batch = tokio::select! {
            biased;
            () = &mut stop => break,
            batch = reader.next() => batch?,
        };
        for fetched in batch {
            let partition = partitions
                .get_mut(&fetched.partition)
                .expect("it was asked for");
            partition.take(&fetched, show, follow)?;
        }
        let done = partitions.values().map(|it| it.next.min(it.end)).sum();
        if let Some(shown) = &bar {
            shown.set_position(done);
        }
        // What comes at the end comes one by one; and on a terminal a bar would stand among the events.
        if done == all || on_terminal && show.shown > 0 {
            bar = None;
        }
        if follow && bar.is_none() {
            show.out.flush()?;
        }
    }
    Ok(())
}

impl Partition {
    fn take(&mut self, fetched: &Fetched, show: &mut Show<'_>, follow: bool) -> Result<(), Stop> {
        let (number, from) = (fetched.partition, self.from);
        let end = if follow { Offset::MAX } else { self.end };
        self.judge.read(fetched, |judged| {
            match (from..end).contains(&judged.offset) {
                true => show.take(number, judged),
                false => Ok(()),
            }
        })?;
        self.next = self.next.max(fetched.next);
        Ok(())
    }
}

fn bar(all: Offset) -> ProgressBar {
    let style = ProgressStyle::with_template(LOOK).expect("the look is a sound template");
    ProgressBar::new(all).with_style(style)
}

/// What is shown, and how.
struct Show<'f> {
    topic: String,
    flags: &'f Flags,
    since: Option<Timestamp>,
    decoder: Decoder,
    out: BufWriter<StdoutLock<'static>>,
    shown: u64,
    unreadable: u64,
}

impl<'f> Show<'f> {
    fn new(topic: &Arc<dyn Topic>, flags: &'f Flags, from: From, decoder: Decoder) -> Self {
        Self {
            topic: topic.name().to_owned(),
            flags,
            since: match from {
                From::Time(time) => Some(time),
                _ => None,
            },
            decoder,
            out: BufWriter::with_capacity(BUFFER, io::stdout().lock()),
            shown: 0,
            unreadable: 0,
        }
    }

    fn take(&mut self, partition: u32, judged: &Judged<'_>) -> Result<(), Stop> {
        if !self.flags.void && judged.fate != Fate::Valid {
            return Ok(());
        }
        let key = self.flags.key.as_ref();
        if key.is_some_and(|key| key.as_bytes() != judged.record.key) {
            return Ok(());
        }
        match &judged.header {
            Some(Header::Claim(_)) => self.extra(partition, judged, &Content::Claim),
            Some(Header::Handled(_)) => self.extra(partition, judged, &Content::Handled),
            Some(Header::Event(header)) => {
                match self.since.is_some_and(|since| shown::time(header) < since) {
                    true => Ok(()),
                    false => self.event(partition, judged),
                }
            }
            None => self.event(partition, judged),
        }
    }

    /// What is no event, and goes by none of its fields.
    fn extra(
        &mut self,
        partition: u32,
        judged: &Judged<'_>,
        content: &Content<'_>,
    ) -> Result<(), Stop> {
        let events_only = !self.flags.types.is_empty() || !self.flags.fields.is_empty();
        match !self.flags.claims || events_only {
            true => Ok(()),
            false => self.print(partition, judged, content),
        }
    }

    fn event(&mut self, partition: u32, judged: &Judged<'_>) -> Result<(), Stop> {
        let (known, datum) = match self.decoder.schema(judged.record.value) {
            Ok(found) => found,
            Err(why) => return self.tell(partition, judged, why),
        };
        if !is_asked_for(&self.flags.types, &known.name) {
            return Ok(());
        }
        match known.decode(datum) {
            Ok(data) if self.flags.fields.iter().all(|it| it.fits(&data)) => {
                self.print(partition, judged, &Content::Event(&known.name, data))
            }
            Ok(_) => Ok(()),
            Err(why) => self.tell(partition, judged, why),
        }
    }

    /// Tells what cannot be read.
    fn tell(&mut self, partition: u32, judged: &Judged<'_>, why: String) -> Result<(), Stop> {
        let (topic, offset) = (&self.topic, judged.offset);
        if self.flags.strict {
            let error = ReadError::Unreadable {
                topic: topic.clone(),
                partition,
                offset,
                why,
            };
            return Err(Stop::Failed(Box::new(error.into())));
        }
        self.unreadable += 1;
        if self.unreadable <= TOLD {
            eprintln!("{topic} partition {partition} offset {offset} cannot be read: {why}");
        }
        let filtered = !self.flags.types.is_empty() || !self.flags.fields.is_empty();
        match filtered {
            true => Ok(()),
            false => self.print(partition, judged, &Content::Unreadable(&why)),
        }
    }

    fn print(
        &mut self,
        partition: u32,
        judged: &Judged<'_>,
        content: &Content<'_>,
    ) -> Result<(), Stop> {
        if self.flags.limit == Some(self.shown) {
            return Err(Stop::Enough);
        }
        shown::print(&mut self.out, partition, judged, content, self.flags.json)?;
        self.shown += 1;
        match self.flags.limit == Some(self.shown) {
            true => Err(Stop::Enough),
            false => Ok(()),
        }
    }

    /// The number of those that were not told one by one.
    fn end(&self) {
        if self.unreadable > TOLD {
            eprintln!("{} records in all cannot be read", self.unreadable);
        }
    }
}
