//! Reads a topic and shows what is asked for.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::ops::Range;
use std::sync::Arc;

use factum::jiff::Timestamp;
use factum::{LogError, Topic};
use factum_core::{Fetched, Header, Offset, RecordRef};
use indicatif::{ProgressBar, ProgressStyle};

use super::decode::Decoder;
use super::filter::is_asked_for;
use super::flags::{Flags, From};
use super::judge::{Fate, Judge, Judged};
use super::shown::{self, Content};
use super::summary::Met;
use super::unknown;
use crate::failure::Failure;
use crate::interrupt::{Interrupt, Interrupted};
use crate::output::plain;

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
    Interrupted(Interrupted),
    Failed(Box<Failure>),
}

impl std::convert::From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

impl std::convert::From<Interrupted> for Stop {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl std::convert::From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

/// Reads a topic to where its end is now, or for as long as nobody says stop.
pub(super) async fn run(flags: Flags, from: From, follow: bool) -> Result<(), Failure> {
    match show(&flags, from, follow, &Interrupt::listen()).await {
        // It has shown what had come: there is no end that it lacks.
        Err(Failure::Interrupted(_)) if follow => Ok(()),
        outcome => outcome,
    }
}

async fn show(
    flags: &Flags,
    from: From,
    follow: bool,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let decoder = Decoder::open(&flags.sources).map_err(Box::new)?;
    let (topic, mut partitions) = interrupt.or(open(flags, from)).await?;
    let mut show = Show::new(&topic, flags, from, decoder);
    show.begin();
    let read = read(&*topic, &mut partitions, &mut show, follow);
    let read = interrupt.or(read).await;
    show.end(read)
}

async fn open(
    flags: &Flags,
    from: From,
) -> Result<(Arc<dyn Topic>, BTreeMap<u32, Partition>), Failure> {
    let log = flags.log.open().await?;
    let topic = log.open(&flags.topic, None).await?;
    let partitions = partitions(&*topic, flags, from).await?;
    Ok((topic, partitions))
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
) -> Result<(), Stop> {
    show.refuse_unknown()?;
    let starts: Vec<_> = partitions.keys().map(|it| (*it, 0)).collect();
    let mut reader = topic.read(&starts).await?;
    let all = partitions.values().map(|it| it.end).sum();
    let (mut bar, on_terminal) = (Some(bar(all)), io::stdout().is_terminal());
    let mut is_behind = true;
    while follow || partitions.values().any(|it| it.next < it.end) {
        for fetched in reader.next().await? {
            // What is read ahead is there at once: without a pause nobody would see that a signal came.
            tokio::task::yield_now().await;
            let partition = partitions
                .get_mut(&fetched.partition)
                .expect("it was asked for");
            show.learn(&fetched, partition.range(follow)).await;
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
        if done == all && std::mem::take(&mut is_behind) {
            show.caught_up();
        }
    }
    if is_behind {
        show.caught_up(); // there was nothing
    }
    Ok(())
}

impl Partition {
    /// The offsets that may be shown.
    fn range(&self, follow: bool) -> Range<Offset> {
        self.from..if follow { Offset::MAX } else { self.end }
    }

    fn take(&mut self, fetched: &Fetched, show: &mut Show<'_>, follow: bool) -> Result<(), Stop> {
        let (number, range) = (fetched.partition, self.range(follow));
        self.judge.read(fetched, |judged| {
            show.met.count(judged);
            match range.contains(&judged.offset) {
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
    met: Met,
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
            met: Met::default(),
        }
    }

    /// Asks the registry for what the records of a fetch will need, if they come to be shown.
    async fn learn(&mut self, fetched: &Fetched, range: Range<Offset>) {
        for (offset, record) in fetched.iter() {
            if let Some(id) = self.decoder.unasked(record.value)
                && range.contains(&offset)
                && self.may_be_shown(record)
            {
                self.decoder.ask(id).await;
            }
        }
    }

    /// Whether a record may be shown as an event, whatever the reader rule says of it.
    fn may_be_shown(&self, record: RecordRef<'_>) -> bool {
        let header = record.header.map(Header::decode);
        let is_event = match header {
            Some(Ok(Header::Event(header))) => {
                self.since.is_none_or(|since| shown::time(&header) >= since)
            }
            Some(Ok(_)) => false,
            Some(Err(_)) | None => self.flags.void,
        };
        is_event && self.has_key(record)
    }

    fn has_key(&self, record: RecordRef<'_>) -> bool {
        let key = self.flags.key.as_ref();
        key.is_none_or(|key| key.as_bytes() == record.key)
    }

    fn take(&mut self, partition: u32, judged: &Judged<'_>) -> Result<(), Stop> {
        if let Fate::Unknown(error) = judged.fate {
            self.met.count_unknown(partition, judged.offset, error);
            if self.flags.strict {
                let why = format!("its header cannot be read: {error}");
                return Err(self.unreadable(partition, judged.offset, why));
            }
        }
        if !self.flags.void && judged.fate != Fate::Valid {
            return Ok(());
        }
        if !self.has_key(judged.record) {
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
                self.print(partition, judged, &Content::Event(&known, data))
            }
            Ok(_) => Ok(()),
            Err(why) => self.tell(partition, judged, why),
        }
    }

    /// Tells what cannot be read.
    fn tell(&mut self, partition: u32, judged: &Judged<'_>, why: String) -> Result<(), Stop> {
        let (topic, offset) = (&self.topic, judged.offset);
        if self.flags.strict {
            return Err(self.unreadable(partition, offset, why));
        }
        self.unreadable += 1;
        if self.unreadable <= TOLD {
            let why = plain(why.as_bytes());
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

    fn unreadable(&self, partition: u32, offset: Offset, why: String) -> Stop {
        let error = ReadError::Unreadable {
            topic: self.topic.clone(),
            partition,
            offset,
            why,
        };
        Stop::Failed(Box::new(error.into()))
    }

    /// Tells what is known before anything is read.
    fn begin(&self) {
        if self.decoder.is_complete() {
            self.tell_types();
        }
    }

    /// What is odd in a topic that was read to where its end was.
    fn caught_up(&self) {
        if !self.decoder.is_complete() {
            self.tell_types();
        }
        if let Some(odd) = self.met.oddity(&self.topic, self.flags) {
            eprintln!("{odd}");
        }
    }

    /// Ends a strict command that asks for what no schema has.
    fn refuse_unknown(&self) -> Result<(), Stop> {
        let is_sure = self.flags.strict && self.decoder.is_complete();
        match is_sure && !self.unknown().is_empty() {
            true => Err(Stop::Failed(Box::new(Failure::UnknownNames))),
            false => Ok(()),
        }
    }

    fn unknown(&self) -> Vec<String> {
        let Flags { types, fields, .. } = self.flags;
        unknown::names(types, fields, self.decoder.known())
    }

    /// Names that were asked for, and that no schema has.
    fn tell_types(&self) {
        for line in self.unknown() {
            eprintln!("{line}");
        }
    }

    /// Tells what is left to tell, and writes out what was shown, whatever reading came to.
    fn end(mut self, read: Result<(), Stop>) -> Result<(), Failure> {
        self.tell_numbers();
        let flushed = self.out.flush().map_err(Failure::from);
        match read {
            Ok(()) | Err(Stop::Enough) => flushed,
            Err(Stop::Interrupted(interrupted)) => flushed.and(Err(interrupted.into())),
            Err(Stop::Failed(failure)) => Err(*failure),
        }
    }

    /// The number of those that were not told one by one.
    fn tell_numbers(&self) {
        if self.unreadable > TOLD {
            eprintln!("{} records in all cannot be read", self.unreadable);
        }
        if let Some(line) = self.met.unknown(self.flags) {
            eprintln!("{line}");
        }
    }
}
