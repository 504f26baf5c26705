//! A log as one worker sees it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{
    Append, Change, EventLog, Fetched, LogError, LogReader, Membership, NewTopic, Offset, Records,
    Release, Topic,
};
use factum_testkit::MemoryLog;
use tokio::sync::{mpsc, oneshot, watch};

/// Records in one fetch.
const PIECE: usize = 37;

/// One worker's view of a log in memory: read in small pieces, so that a small test has a lot to
/// catch up; and where the test leads the group, it says who owns what, and whom it forgets.
#[derive(Clone)]
pub struct LogView {
    log: MemoryLog,
    group: Option<Led>,
}

/// A group that is led by the test.
#[derive(Clone, Default)]
struct Led {
    /// What the next member to join will be told, one list for each time it joins.
    scripts: Arc<Mutex<VecDeque<mpsc::UnboundedReceiver<Change>>>>,
    /// How often this worker joined.
    joined: watch::Sender<usize>,
}

impl LogView {
    /// A view whose group is the log's own.
    pub fn new(log: &MemoryLog) -> Self {
        Self {
            log: log.clone(),
            group: None,
        }
    }

    /// A view whose group is led by the test.
    pub fn led(log: &MemoryLog) -> Self {
        Self {
            log: log.clone(),
            group: Some(Led::default()),
        }
    }

    fn group(&self) -> &Led {
        self.group.as_ref().expect("the test leads the group")
    }

    /// Scripts one more membership.
    pub fn script(&self) -> Script {
        let (send, receive) = mpsc::unbounded_channel();
        self.group().scripts.lock().unwrap().push_back(receive);
        Script(send)
    }

    /// Waits until the worker has joined so many times.
    pub async fn joined(&self, times: usize) {
        let mut joined = self.group().joined.subscribe();
        joined.wait_for(|joined| *joined >= times).await.unwrap();
    }
}

/// Tells a member what it owns.
pub struct Script(mpsc::UnboundedSender<Change>);

impl Script {
    pub fn gain(&self, partitions: &[u32]) {
        let change = Change::Gained(partitions.to_vec());
        self.0.send(change).unwrap();
    }

    /// Takes partitions away; resolves when they were given up.
    pub fn revoke(&self, partitions: &[u32]) -> oneshot::Receiver<()> {
        let (given_up, released) = oneshot::channel();
        let change = Change::Revoked {
            partitions: partitions.to_vec(),
            release: Release::new(move || {
                let _ = given_up.send(());
            }),
        };
        self.0.send(change).unwrap();
        released
    }
}

#[async_trait]
impl EventLog for LogView {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(Arc::new(TopicView {
            topic: self.log.open(topic, create).await?,
            group: self.group.clone(),
        }))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.log.open_fleeting(topic, create, keep).await
    }
}

struct TopicView {
    topic: Arc<dyn Topic>,
    group: Option<Led>,
}

#[async_trait]
impl Topic for TopicView {
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
        self.topic.append(partition, records)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(InPieces {
            reader: self.topic.read(from).await?,
            pieces: VecDeque::new(),
        }))
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        let Some(led) = &self.group else {
            return self.topic.join(group).await;
        };
        let script = led.scripts.lock().unwrap().pop_front();
        led.joined.send_modify(|joined| *joined += 1);
        Ok(Box::new(LedMember(script)))
    }
}

struct LedMember(Option<mpsc::UnboundedReceiver<Change>>);

#[async_trait]
impl Membership for LedMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        if let Some(script) = &mut self.0
            && let Some(change) = script.recv().await
        {
            return Ok(change);
        }
        std::future::pending().await
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

struct InPieces {
    reader: Box<dyn LogReader>,
    pieces: VecDeque<Fetched>,
}

#[async_trait]
impl LogReader for InPieces {
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError> {
        while self.pieces.is_empty() {
            let fetched = self.reader.next().await?;
            self.pieces.extend(fetched.iter().flat_map(pieces));
        }
        Ok(self.pieces.pop_front().into_iter().collect())
    }
}

fn pieces(whole: &Fetched) -> Vec<Fetched> {
    let mut pieces = vec![Fetched::new(whole.partition, whole.next)];
    for (offset, record) in whole.iter() {
        if pieces[pieces.len() - 1].records.len() == PIECE {
            pieces.push(Fetched::new(whole.partition, whole.next));
        }
        let last = pieces.len() - 1;
        pieces[last].push(offset, record);
    }
    let last = pieces.len() - 1;
    pieces[last].next = whole.next;
    pieces[last].at_end = whole.at_end;
    pieces
}
