//! The suite finds what it looks for: logs with one flaw each fail the check that is about it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, Appended, Change, EventLog, Fetched, LogError, LogReader, Membership, NewTopic, Offset,
    RecordRef, Records, Release, Topic,
};
use factum_testkit::MemoryLog;
use factum_testkit::conformance::{self as suite, Handles};
use futures::FutureExt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    CreatesUnasked,
    CreatesFleetingOnesUnasked,
    OpensWhatForgets,
    MakesFleetingOnesAnew,
    KeepsFleetingOnesApart,
    TellsNoStart,
    AppendsTwice,
    AppendsWhenPolled,
    ReordersPairs,
    ClaimsToBeFirst,
    TakesAnySize,
    ForgetsHeaders,
    StartsAtZero,
    LosesWhatIsCancelled,
    RepeatsTheEnd,
    GivesUpWithoutRelease,
}

struct Flawed(MemoryLog, Flaw);

impl Flawed {
    fn flawed(&self, topic: Arc<dyn Topic>) -> Arc<dyn Topic> {
        let flaw = self.1;
        Arc::new(FlawedTopic { topic, flaw })
    }
}

#[async_trait]
impl EventLog for Flawed {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let create = match self.1 {
            Flaw::CreatesUnasked => create.or(Some(NewTopic::default())),
            _ => create,
        };
        let opened = match (self.0.open(topic, create).await, create) {
            (Err(_), Some(create)) if self.1 == Flaw::OpensWhatForgets => {
                self.0
                    .open_fleeting(topic, Some(create), Duration::ZERO)
                    .await
            }
            (opened, _) => opened,
        };
        Ok(self.flawed(opened?))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let create = match self.1 {
            Flaw::CreatesFleetingOnesUnasked => create.or(Some(NewTopic::default())),
            _ => create,
        };
        let name = match self.1 {
            Flaw::MakesFleetingOnesAnew => uuid::Uuid::new_v4().to_string(),
            Flaw::KeepsFleetingOnesApart => format!("{topic}.fleeting"),
            _ => topic.to_owned(),
        };
        Ok(self.flawed(self.0.open_fleeting(&name, create, keep).await?))
    }
}

struct FlawedTopic {
    topic: Arc<dyn Topic>,
    flaw: Flaw,
}

#[async_trait]
impl Topic for FlawedTopic {
    fn name(&self) -> &str {
        self.topic.name()
    }

    fn partitions(&self) -> u32 {
        self.topic.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.topic.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        let topic = self.topic.clone();
        match self.flaw {
            Flaw::AppendsTwice => drop(topic.append(partition, records.clone())),
            Flaw::AppendsWhenPolled => {
                return async move { topic.append(partition, records).await }.boxed();
            }
            Flaw::ReordersPairs if records.len() > 1 => {
                let mut swapped = Records::new();
                (0..records.len())
                    .rev()
                    .filter_map(|it| records.get(it))
                    .for_each(|it| swapped.push(it));
                return topic.append(partition, swapped);
            }
            _ => {}
        }
        let answer = topic.append(partition, records);
        match self.flaw {
            Flaw::ClaimsToBeFirst => answer.map(|it| it.map(|_| Appended::At(0))).boxed(),
            Flaw::TakesAnySize => answer.map(|it| it.or(Ok(Appended::At(0)))).boxed(),
            _ => answer,
        }
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        match self.flaw {
            Flaw::TellsNoStart => Ok(0),
            _ => self.topic.start(partition).await,
        }
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        let mut from = from.to_vec();
        if self.flaw == Flaw::StartsAtZero {
            from.iter_mut().for_each(|(_, offset)| *offset = 0);
        }
        let reader = self.topic.read(&from).await?;
        Ok(Box::new(FlawedReader {
            reader,
            flaw: self.flaw,
            ended: None,
        }))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(FlawedMember {
            member: self.topic.join(group).await?,
            flaw: self.flaw,
        }))
    }
}

struct FlawedReader {
    reader: Box<dyn LogReader>,
    flaw: Flaw,
    ended: Option<Fetched>,
}

#[async_trait]
impl LogReader for FlawedReader {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        if let Some(again) = self.ended.take() {
            return Ok(vec![again]);
        }
        let mut told = self.reader.next().await?;
        match self.flaw {
            Flaw::LosesWhatIsCancelled => tokio::task::yield_now().await,
            Flaw::ForgetsHeaders => told.iter_mut().for_each(forget_headers),
            Flaw::RepeatsTheEnd => self.ended = told.iter().find(|it| it.at_end).map(only_end),
            _ => {}
        }
        Ok(told)
    }
}

fn forget_headers(fetched: &mut Fetched) {
    let mut records = Records::new();
    for record in fetched.records.iter() {
        records.push(RecordRef {
            header: None,
            ..record
        });
    }
    fetched.records = records;
}

fn only_end(fetched: &Fetched) -> Fetched {
    Fetched {
        at_end: true,
        ..Fetched::new(fetched.partition, fetched.next)
    }
}

struct FlawedMember {
    member: Box<dyn Membership>,
    flaw: Flaw,
}

#[async_trait]
impl Membership for FlawedMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        match self.member.next().await? {
            Change::Revoked { partitions, .. } if self.flaw == Flaw::GivesUpWithoutRelease => {
                Ok(Change::Revoked {
                    partitions,
                    release: Release::new(|| {}),
                })
            }
            change => Ok(change),
        }
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        self.member.leave().await
    }
}

/// Whether a log with this flaw passes a check.
fn passes<F: Future<Output = ()>>(flaw: Flaw, check: fn(Handles) -> F) -> bool {
    let log = MemoryLog::new();
    let handle = || Arc::new(Flawed(log.clone(), flaw)) as Arc<dyn EventLog>;
    let handles = Handles {
        here: handle(),
        there: handle(),
    };
    catch_unwind(AssertUnwindSafe(|| {
        unhurried().block_on(check(handles));
    }))
    .is_ok()
}

/// A runtime whose time passes only when nothing else is left to do: what a check waits for shows
/// in time, however slow the machine.
fn unhurried() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime starts")
}

macro_rules! bites {
    ($($flaw:ident => $check:ident,)*) => {
        $(
            #[test]
            #[allow(non_snake_case, reason = "named after the flaw")]
            fn $flaw() {
                assert!(passes(Flaw::None, suite::$check), "without the flaw it passes");
                assert!(!passes(Flaw::$flaw, suite::$check), "the flaw goes unnoticed");
            }
        )*
    };
}

bites! {
    CreatesUnasked => a_topic_that_is_not_there_is_not_found,
    CreatesFleetingOnesUnasked => a_topic_that_is_not_there_is_not_found,
    OpensWhatForgets => a_fleeting_topic_is_refused_to_who_needs_it_for_ever,
    MakesFleetingOnesAnew => a_fleeting_topic_opened_twice_is_the_same,
    KeepsFleetingOnesApart => a_topic_that_is_there_does_not_become_fleeting,
    TellsNoStart => a_fleeting_topic_forgets_the_oldest_only,
    AppendsTwice => offsets_are_dense_and_the_end_follows,
    AppendsWhenPolled => an_append_needs_no_polling,
    ReordersPairs => appends_land_in_the_order_of_the_calls,
    ClaimsToBeFirst => a_batch_knows_its_offset_only_when_it_stands_side_by_side,
    TakesAnySize => a_record_that_is_too_large_is_refused,
    ForgetsHeaders => reading_gives_back_whole_records,
    StartsAtZero => reading_starts_at_any_offset,
    LosesWhatIsCancelled => a_cancelled_read_loses_no_record,
    RepeatsTheEnd => the_end_is_reported_once_each_time_it_is_reached,
    GivesUpWithoutRelease => a_partition_is_gained_only_after_its_release,
}
