//! The log: opens topics.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, Topic};

use crate::blocking::blocking;
use crate::options::LocalOptions;
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
}

fn open_topic(
    store: Arc<Store>,
    name: &str,
    create: Option<NewTopic>,
) -> Result<Arc<Opened>, LogError> {
    let (catalog, env, dir) = (&store.catalog, &store.env, &store.dir);
    let partitions = match (catalog.find_topic(env, dir, name)?, create) {
        (Some(partitions), _) => partitions,
        (None, Some(create)) => catalog.create_topic(env, dir, name, create)?,
        (None, None) => return Err(no_topic(&store.dir, name)),
    };
    Ok(Arc::new(Opened {
        name: name.to_owned(),
        partitions,
        store,
    }))
}

fn no_topic(dir: &Path, name: &str) -> LogError {
    let message = format!(
        "there is no topic {name} in the log in {}: check the name and the folder; the service that writes to it creates it when it first starts",
        dir.display()
    );
    LogError::new(LogErrorKind::NotFound, message)
}
