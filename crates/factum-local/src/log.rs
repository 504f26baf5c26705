//! The log: opens topics.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, Topic};

use crate::blocking::blocking;
use crate::catalog::{Found, Life};
use crate::options::LocalOptions;
use crate::partition::Partition;
use crate::store::Store;
use crate::topic::{LocalTopic, Opened};

/// A durable log in a folder on the local disk.
///
/// A clone, and any other log opened on the same folder, by this process or another one, is
/// another handle on the same log.
#[derive(Clone)]
pub struct LocalLog {
    store: Arc<Store>,
}

impl LocalLog {
    /// Opens the log in `dir`, and makes folder and log if they are not there.
    ///
    /// # Errors
    /// The folder holds something else, a log of another format or a damaged one; or it can't be
    /// written, locked or mapped.
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, LogError> {
        Self::open_with(dir, LocalOptions::default()).await
    }

    /// Opens the log in `dir` with options of one's own. As long as this process has it open
    /// already, the options that it was first opened with stay in force.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub async fn open_with(dir: impl AsRef<Path>, options: LocalOptions) -> Result<Self, LogError> {
        let dir = dir.as_ref().to_owned();
        let folder = dir.clone();
        let store = blocking(&folder, move || Store::open(&dir, &options)).await?;
        Ok(Self { store })
    }
}

#[async_trait]
impl EventLog for LocalLog {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let (store, name) = (self.store.clone(), topic.to_owned());
        let open = move || open_topic(store, &name, create);
        Ok(Arc::new(LocalTopic(blocking(&self.store.dir, open).await?)))
    }

    /// The embedded log has no times: whatever `keep` is, it keeps the newest 65,536 records of a
    /// partition at least.
    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        _keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let (store, name) = (self.store.clone(), topic.to_owned());
        let open = move || {
            let found = find_or_create(&store, &name, create, Life::FLEETING)?;
            Ok(opened(store, name, found.partitions))
        };
        Ok(Arc::new(LocalTopic(blocking(&self.store.dir, open).await?)))
    }
}

fn open_topic(
    store: Arc<Store>,
    name: &str,
    create: Option<NewTopic>,
) -> Result<Arc<Opened>, LogError> {
    let found = find_or_create(&store, name, create, Life::Kept)?;
    match found.life {
        Life::Kept => Ok(opened(store, name.to_owned(), found.partitions)),
        Life::Fleeting { .. } => Err(forgets(&store.dir, name)),
    }
}

fn find_or_create(
    store: &Store,
    name: &str,
    create: Option<NewTopic>,
    life: Life,
) -> Result<Found, LogError> {
    let (catalog, env, dir) = (&store.catalog, &store.env, &store.dir);
    match (catalog.find_topic(env, dir, name)?, create) {
        (Some(found), _) => Ok(found),
        (None, Some(create)) => catalog.create_topic(env, dir, name, create, life),
        (None, None) => Err(no_topic(dir, name)),
    }
}

fn opened(store: Arc<Store>, name: String, partitions: Vec<Partition>) -> Arc<Opened> {
    Arc::new(Opened {
        name,
        partitions,
        store,
    })
}

fn forgets(dir: &Path, name: &str) -> LogError {
    let message = format!(
        "topic {name} of the log in {} would forget events: it was made for records that are needed for a short time only. Use another name",
        dir.display()
    );
    LogError::new(LogErrorKind::Unsuitable, message)
}

fn no_topic(dir: &Path, name: &str) -> LogError {
    let message = format!(
        "there is no topic {name} in the log in {}: check the name and the folder; the service that writes to it creates it when it first starts",
        dir.display()
    );
    LogError::new(LogErrorKind::NotFound, message)
}
