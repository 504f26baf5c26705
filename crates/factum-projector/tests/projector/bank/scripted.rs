//! A log whose group is led by the test: it says who owns what, and whom it forgets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use factum_core::{
    Append, Change, EventLog, LogError, LogReader, Membership, NewTopic, Offset, Records, Release,
    Topic,
};
use tokio::sync::{mpsc, oneshot};

/// One worker's view of a log: all of it is the real one's, but the group.
#[derive(Clone)]
pub struct ScriptedGroup {
    log: Arc<dyn EventLog>,
    /// What the next member to join will be told, one list for each time it joins.
    scripts: Arc<Mutex<VecDeque<mpsc::UnboundedReceiver<Change>>>>,
    /// How often this worker joined.
    joined: tokio::sync::watch::Sender<usize>,
}

impl ScriptedGroup {
    pub fn new(log: impl EventLog) -> Self {
        Self {
            log: Arc::new(log),
            scripts: Arc::default(),
            joined: tokio::sync::watch::Sender::new(0),
        }
    }

    /// Scripts one more membership.
    pub fn script(&self) -> Script {
        let (send, receive) = mpsc::unbounded_channel();
        self.scripts.lock().unwrap().push_back(receive);
        Script(send)
    }

    /// Waits until the worker has joined so many times.
    pub async fn joined(&self, times: usize) {
        let mut joined = self.joined.subscribe();
        joined.wait_for(|joined| *joined >= times).await.unwrap();
    }
}

/// Tells a member what it owns.
pub struct Script(mpsc::UnboundedSender<Change>);

impl Script {
    pub fn gain(&self, partitions: &[u32]) {
        self.0.send(Change::Gained(partitions.to_vec())).unwrap();
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
impl EventLog for ScriptedGroup {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = self.log.open(topic, create).await?;
        Ok(Arc::new(ScriptedTopic(topic, self.clone())))
    }
}

struct ScriptedTopic(Arc<dyn Topic>, ScriptedGroup);

#[async_trait]
impl Topic for ScriptedTopic {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.0.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        self.0.append(partition, records)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        self.0.read(from).await
    }

    async fn join(&self, _: &str) -> Result<Box<dyn Membership>, LogError> {
        let script = self.1.scripts.lock().unwrap().pop_front();
        self.1.joined.send_modify(|joined| *joined += 1);
        Ok(Box::new(ScriptedMember(script)))
    }
}

struct ScriptedMember(Option<mpsc::UnboundedReceiver<Change>>);

#[async_trait]
impl Membership for ScriptedMember {
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
