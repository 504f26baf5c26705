//! What runs, in files: one below `target/factum/servers/` for each instance. A later run finds,
//! reuses and stops by them what an earlier one started.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::instance::Instance;

/// The file of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Record(PathBuf);

impl Record {
    /// The record called `name` in the directory `factum`.
    pub(crate) fn named(factum: &Path, name: &str) -> Record {
        Record(factum.join("servers").join(format!("{name}.json")))
    }

    /// All records in the directory `factum`.
    ///
    /// # Errors
    /// When the directory is there and cannot be read.
    pub(crate) fn all(factum: &Path) -> Result<Vec<Record>> {
        let dir = factum.join("servers");
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
        };
        let entries = entries.with_context(|| format!("cannot read {}", dir.display()))?;
        let json = |file: &PathBuf| file.extension().is_some_and(|end| end == "json");
        let files = entries.iter().map(fs::DirEntry::path).filter(json);
        Ok(files.map(Record).collect())
    }

    /// The instance; none when there is no record.
    ///
    /// # Errors
    /// When there is one that cannot be read: what it stands for may still run.
    pub(crate) fn load(&self) -> Result<Option<Instance>> {
        let read = match fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(anyhow::Error::from),
        };
        read.map(Some).with_context(|| {
            let file = self.0.display();
            let factum = self.0.ancestors().nth(2).unwrap_or(&self.0).display();
            format!(
                "cannot read {file}, the note of a server that may still run: a java or postgres \
                 that works in {factum}, or a container called factum-…. End it, then remove the file"
            )
        })
    }

    /// Runs `launch`, with the instance on record before and after: whenever this process ends,
    /// `down` knows where to look.
    pub(crate) fn around(
        &self,
        instance: &mut Instance,
        launch: impl FnOnce(&mut Instance) -> Result<()>,
    ) -> Result<()> {
        instance.expect_launch();
        self.save(instance)?;
        let launched = launch(instance);
        self.save(instance)?;
        launched
    }

    /// Replaces the record as a whole; not even a power failure leaves half of it.
    pub(crate) fn save(&self, instance: &Instance) -> Result<()> {
        let write = || -> Result<()> {
            fs::create_dir_all(self.0.parent().context("a record has a directory")?)?;
            let fresh = self.0.with_extension("new");
            let mut file = File::create(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(instance)?)?;
            file.sync_all()?;
            Ok(fs::rename(fresh, &self.0)?)
        };
        write().with_context(|| format!("cannot write {}", self.0.display()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::detached::Process;
    use crate::servers::instance::State;
    use crate::servers::{Server, Way};

    fn instance(way: Way, state: State) -> Instance {
        Instance {
            server: Server::Postgres,
            way,
            port: 20_001,
            state,
            dir: "/somewhere".into(),
            home: "/somewhere/else".into(),
            owner: Process::this(),
            node: None,
        }
    }

    #[test]
    fn an_instance_comes_back_as_it_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::named(dir.path(), "postgres");
        assert!(record.load().unwrap().is_none());
        let process = Process {
            pid: 4711,
            started: "boot/12".into(),
        };
        for state in [State::Process(process), State::Container, State::Stopped] {
            let saved = instance(Way::Maven, state);
            record.save(&saved).unwrap();
            assert_eq!(record.load().unwrap(), Some(saved));
        }
        assert_eq!(Record::all(dir.path()).unwrap().len(), 1);
        record.remove();
        assert!(record.load().unwrap().is_none() && Record::all(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_record_of_another_shape_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::named(dir.path(), "kafka");
        record.save(&instance(Way::Local, State::Stopped)).unwrap();
        for text in ["{\"server\":\"kafka\"}", ""] {
            fs::write(&record.0, text).unwrap();
            let error = record.load().unwrap_err().to_string();
            assert!(error.contains("servers/kafka.json"), "{error}");
        }
    }

    #[test]
    fn a_container_is_on_record_before_it_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::named(dir.path(), "kafka");
        for (way, expected) in [
            (Way::Docker, State::Container),
            (Way::Maven, State::Stopped),
        ] {
            let mut fresh = instance(way, State::Stopped);
            let killed = record.around(&mut fresh, |_| {
                assert_eq!(record.load().unwrap().unwrap().state, expected);
                anyhow::bail!("the launch failed")
            });
            assert_eq!(killed.unwrap_err().to_string(), "the launch failed");
            assert_eq!(record.load().unwrap(), Some(fresh));
        }
    }
}
