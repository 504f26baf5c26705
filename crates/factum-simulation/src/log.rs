//! The port's log, as one process sees it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, EventLog, LogError, LogErrorKind, LogReader, Membership, NewTopic, Offset, Records,
    Topic,
};

use crate::group::Member;
use crate::network;
use crate::reader::Reader;
use crate::world::{LinkId, TopicId, World};

/// How long a question is tried before it fails.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest record, in bytes.
const MAX_RECORD_BYTES: usize = 1_000_000;

/// The log, as one process sees it.
#[derive(Clone)]
pub struct SimLog {
    pub(crate) world: World,
    pub(crate) link: LinkId,
}

struct SimTopic {
    name: String,
    id: TopicId,
    log: SimLog,
    /// When the newest batch for each partition arrives: batches do not overtake each other.
    arrivals: Mutex<Vec<Duration>>,
}

impl SimLog {
    /// The log for a process.
    pub fn new(world: World, link: LinkId) -> Self {
        Self { world, link }
    }

    /// Waits until the log is reached, or says that it is not.
    pub(crate) async fn reach(&self, patience: Duration) -> Result<(), LogError> {
        let (world, link) = (&self.world, self.link);
        let deadline = world.now() + patience;
        loop {
            let (now, reached) = (world.now(), world.reached_at(link));
            if reached <= now {
                return Ok(());
            }
            if now >= deadline {
                return Err(unreachable("the log cannot be reached"));
            }
            tokio::time::sleep(reached.min(deadline) - now).await;
        }
    }

    /// Asks the log something: there and back.
    async fn ask<T>(&self, answer: impl FnOnce() -> T) -> Result<T, LogError> {
        self.world.travel().await;
        self.reach(PATIENCE).await?;
        let fails = {
            let mut state = self.world.state();
            let share = state.weather.questions;
            state.chance.strikes(share)
        };
        if fails {
            return Err(unreachable("the question or its answer was lost"));
        }
        let answer = answer();
        self.world.travel().await;
        Ok(answer)
    }
}

pub(crate) fn unreachable(what: &str) -> LogError {
    LogError::new(LogErrorKind::Unreachable, what)
}

#[async_trait]
impl EventLog for SimLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let find = || {
            let mut state = self.world.state();
            let id = match create {
                Some(_) => state.topic(topic),
                None => state.find(topic)?,
            };
            Some((id, state.partitions(id).len()))
        };
        let missing = || LogError::new(LogErrorKind::NotFound, "the topic is not there");
        let (id, partitions) = self.ask(find).await?.ok_or_else(missing)?;
        Ok(Arc::new(SimTopic {
            name: topic.to_owned(),
            id,
            log: self.clone(),
            arrivals: Mutex::new(vec![Duration::ZERO; partitions]),
        }))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        _: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.open(topic, create).await
    }
}

impl SimTopic {
    /// When a batch arrives that is sent now.
    fn arrival(&self, partition: u32) -> Duration {
        let world = &self.log.world;
        let way = world.way();
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut arrivals[partition as usize];
        *last = (world.now() + way).max(*last + Duration::from_millis(1));
        *last
    }
}

#[async_trait]
impl Topic for SimTopic {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> u32 {
        self.log.world.state().partitions(self.id).len() as u32
    }

    fn max_record_bytes(&self) -> usize {
        MAX_RECORD_BYTES
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        network::append(
            &self.log,
            (self.id, partition),
            records,
            self.arrival(partition),
        )
    }

    async fn start(&self, _: u32) -> Result<Offset, LogError> {
        self.log.ask(|| 0).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        let world = &self.log.world;
        let end = || world.state().partitions(self.id)[partition as usize].len() as Offset;
        self.log.ask(end).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(Reader::new(self.log.clone(), self.id, from)))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        self.log.ask(|| ()).await?;
        Ok(Box::new(Member::join(self.log.clone(), group)))
    }
}
